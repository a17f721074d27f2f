"""The running account of one episode: turns, reward terms and how it ended."""

from __future__ import annotations

from pydantic import JsonValue

from agentgym.episode import RewardTerm
from agentgym.errors import EpisodeStateError
from agentgym.limits import Clock, LimitName

SOLVED_FROM = 0.99


class Books:
    """What an environment remembers of its running episode; authors reach it through `finish`, `grant`, `note`."""

    __slots__ = (
        "_solved",
        "_step_reward",
        "busy",
        "clock",
        "info",
        "seed",
        "terminated",
        "terms",
        "truncated_by",
        "turns",
    )

    def __init__(self, seed: int, clock: Clock) -> None:
        self.seed = seed
        self.clock = clock
        self.turns = 0
        self.terms: dict[str, RewardTerm] = {}
        self.info: dict[str, JsonValue] = {}
        self.terminated = False
        self.truncated_by: LimitName | None = None
        self.busy = False
        self._solved: bool | None = None
        self._step_reward = 0.0

    @property
    def over(self) -> bool:
        return self.terminated or self.truncated_by is not None

    @property
    def reward(self) -> float:
        return sum((term.value * term.weight for term in self.terms.values()), 0.0)

    @property
    def solved(self) -> bool:
        if not self.terminated:
            return False
        return self.reward >= SOLVED_FROM if self._solved is None else self._solved

    def grant(self, name: str, value: float, weight: float) -> None:
        held = self.terms.get(name)
        self.terms[name] = RewardTerm(value + held.value if held else value, weight)
        self._step_reward += value * weight

    def end(self, *, solved: bool | None) -> None:
        self._refuse_second_end()
        self.terminated = True
        self._solved = solved

    def cut(self, by: LimitName) -> None:
        self._refuse_second_end()
        self.truncated_by = by

    def take_step_reward(self) -> float:
        """What was granted since the last step, which this empties."""
        reward, self._step_reward = self._step_reward, 0.0
        return reward

    def take_info(self) -> dict[str, JsonValue]:
        """What was noted since the last step, which this empties."""
        info, self.info = self.info, {}
        return info

    def _refuse_second_end(self) -> None:
        if self.over:
            raise EpisodeStateError("the episode is over already; finish it once")
