"""Whether the shop looks as it should, and the customer was told what they must know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentgym.messages import JsonObject
from environments.retail.state import State

_SOLVED_WITHIN = 1e-6


@dataclass(frozen=True, slots=True)
class Score:
    """The verdict on an episode so far."""

    state: bool
    """Whether the shop looks as after the reference actions."""
    told: bool
    """Whether the customer was told all that counts."""
    outputs: Mapping[str, bool]
    """Of each thing that should be told, whether it was."""
    expected: State
    """The shop after the reference actions."""

    @property
    def reward(self) -> float:
        """1 where both verdicts are good, else 0."""
        return float(self.state and self.told)

    @property
    def solved(self) -> bool:
        """Whether the reward is full."""
        return abs(self.reward - 1.0) <= _SOLVED_WITHIN

    def info(self) -> JsonObject:
        """Both verdicts and the exact hash of the expected shop, which takes a millisecond."""
        return {
            "r_actions": float(self.state),
            "gt_data_hash": self.expected.digest(),
            "r_outputs": float(self.told),
            "outputs": dict(self.outputs),
        }
