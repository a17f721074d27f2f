"""A look before GRPO begins: whether there is anything that rewards could tell the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from agentgym.errors import AgentGymError
from agentgym.messages import JsonObject
from trainers.advantages import EQUAL_WITHIN
from trainers.dataset.groups import Group
from trainers.recipe import GateSettings


class GateError(AgentGymError):
    """A start from which nothing can be learnt; `--force` begins nevertheless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What the groups show that a training would begin with."""

    groups: int
    rollouts: int
    reward: float
    """The mean."""
    solved: float
    spread: float
    """The share of groups whose rewards differ."""
    entropy: float | None
    """Of the sampled tokens, in nats; None where no log-probabilities are known."""
    chance: float
    """The entropy of pure chance."""
    greedy_reward: float | None = None
    """Of the likeliest replies; None where nobody played them."""

    @property
    def entropy_share(self) -> float | None:
        """The entropy as a share of that of pure chance."""
        return None if self.entropy is None else self.entropy / self.chance

    def as_json(self) -> JsonObject:
        """For the log."""
        return {
            "groups": self.groups,
            "rollouts": self.rollouts,
            "reward": self.reward,
            "solved": self.solved,
            "spread": self.spread,
            "entropy": self.entropy,
            "entropy_share": self.entropy_share,
            "greedy_reward": self.greedy_reward,
        }

    def told(self) -> str:
        """In one line."""
        entropy = "unknown" if self.entropy is None else f"{self.entropy:.2f} nats ({self.entropy_share:.0%} of chance)"
        greedy = "" if self.greedy_reward is None else f", greedy {self.greedy_reward:.3f}"
        return (
            f"gate: {self.rollouts} rollouts in {self.groups} groups: reward {self.reward:.3f}{greedy}, "
            f"solved {self.solved:.0%}, rewards differ in {self.spread:.0%} of the groups, entropy {entropy}"
        )


def look_at(groups: Sequence[Group], *, vocabulary: int, greedy_reward: float | None = None) -> Start:
    """What groups show; the mean of the negative log-probabilities estimates the entropy at their temperature."""
    trajectories = [each for group in groups for each in group.trajectories]
    rewards = [reward for group in groups for reward in group.rewards]
    logprobs = [value for each in trajectories for row in each.rows for value in row.logprobs or ()]
    return Start(
        groups=len(groups),
        rollouts=len(rewards),
        reward=fmean(rewards) if rewards else 0.0,
        solved=sum(each.origin.outcome == "solved" for each in trajectories) / max(len(trajectories), 1),
        spread=sum(max(group.rewards) - min(group.rewards) > EQUAL_WITHIN for group in groups) / max(len(groups), 1),
        entropy=-fmean(logprobs) if logprobs else None,
        chance=math.log(max(vocabulary, 2)),
        greedy_reward=greedy_reward,
    )


def refusal(start: Start, settings: GateSettings) -> str | None:
    """Why nothing can be learnt from such a start; None where something can."""
    if not start.groups:
        return "there is no group of rollouts to learn from"
    if start.entropy_share is not None and start.entropy_share > settings.max_entropy:
        return (
            f"the samples are near pure chance: {start.entropy:.2f} nats a token are {start.entropy_share:.0%} of it, "
            f"and at most {settings.max_entropy:.0%} may be; teach the model more by imitation first (train sft)"
        )
    if start.spread == 0 or start.spread < settings.min_spread:
        is_high = start.reward > 0.5
        level = "nearly all" if is_high else "hardly any"
        mend = "take harder tasks" if is_high else "teach it by imitation first (train sft), or take easier tasks"
        return (
            f"the rewards of one task differ in {start.spread:.0%} of the groups, and must in at least "
            f"{settings.min_spread:.0%}: the model solves {level} tasks (mean reward {start.reward:.3f}); {mend}, "
            "or larger groups"
        )
    return None
