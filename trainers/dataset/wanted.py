"""Which rollouts are learnt from, and what of them."""

from __future__ import annotations

from dataclasses import dataclass, fields

from agentgym.episode import Outcome
from trainers.dataset.rows import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """None means all; what was not evaluable is never learnt from, for it says nothing of the agent."""

    outcomes: frozenset[Outcome] | None = None
    suites: frozenset[str] | None = None
    min_reward: float | None = None
    max_reward: float | None = None
    roles: frozenset[str] | None = None
    """Only what these parts of an agent said trains."""

    def wants(self, origin: Origin) -> bool:
        """Whether a rollout is."""
        reward = origin.reward
        return (
            origin.outcome != "not_evaluable"
            and (self.outcomes is None or origin.outcome in self.outcomes)
            and (self.suites is None or origin.suite in self.suites)
            and (self.min_reward is None or (reward is not None and reward >= self.min_reward))
            and (self.max_reward is None or (reward is not None and reward <= self.max_reward))
        )

    @property
    def asks_for_rollouts(self) -> bool:
        """Whether it asks what plain dialogues cannot answer."""
        return any(getattr(self, field.name) is not None for field in fields(self))


EVERYTHING = Wanted()
