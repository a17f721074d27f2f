"""Advantages, in plain Python: of trajectories within their group, whatever number of rows each of them gave.

A trajectory's one advantage counts for every token that it sampled. Within a group of G trajectories, each of the |a|
tokens of one of the T calls of a trajectory has the weight 1 / (G * T * |a|): all trajectories count the same, and so
do all calls of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from agentgym.errors import UsageError

if TYPE_CHECKING:
    from trainers.dataset.groups import Group
    from trainers.dataset.rows import TokenRow

Scale = Literal["group", "batch", "none", "leave-one-out"]
"""What the distance from the group's mean is divided by: the spread of the group, of all groups, or nothing; or the
distance is that from the mean of the others (RLOO)."""
SCALES: tuple[Scale, ...] = get_args(Scale)
EPSILON = 1e-4
"""Added to the spread, as TRL does."""
EQUAL_WITHIN = 1e-9
"""Rewards that differ by less differ by rounding."""


@dataclass(frozen=True, slots=True)
class Advantages:
    """Those of each group; None for a group that teaches nothing, because all its rewards are the same."""

    groups: tuple[tuple[float, ...] | None, ...]

    @property
    def dropped_share(self) -> float:
        """The share of groups that teach nothing."""
        return sum(group is None for group in self.groups) / len(self.groups) if self.groups else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A row with what its tokens are worth."""

    row: TokenRow
    advantage: float
    weights: tuple[float, ...]
    """Of each token of a sample, for each sample; over a group they sum to 1, if all its trajectories have rows."""

    def token_weights(self) -> tuple[float, ...]:
        """Of each token of the row; 0 for what does not train."""
        weights = [0.0] * len(self.row)
        for sample, weight in zip(self.row.samples, self.weights, strict=True):
            weights[sample.begin : sample.end] = [weight] * len(sample)
        return tuple(weights)


@dataclass(frozen=True, slots=True)
class Lessons:
    """All rows that teach something, in the order of their groups."""

    rows: tuple[Lesson, ...]
    advantages: Advantages


def advantages(rewards: Sequence[Sequence[float]], *, scale: Scale = "group", unbiased: bool = True) -> Advantages:
    """The advantage of each trajectory, by the rewards of groups of any size.

    `unbiased` divides the squares by one less than their number, as torch and TRL do.
    """
    if scale not in SCALES:
        raise UsageError(f"scale={scale!r}: give one of {', '.join(SCALES)}")
    groups = [tuple(map(float, group)) for group in rewards]
    everything = [reward for group in groups for reward in group]
    if not all(map(math.isfinite, everything)):
        raise UsageError("a reward is not finite; leave its trajectory out")
    overall = _spread(everything, unbiased=unbiased) if scale == "batch" else 0.0
    return Advantages(tuple(_of_group(group, scale, overall, unbiased=unbiased) for group in groups))


def lessons(groups: Iterable[Group], *, scale: Scale = "group", unbiased: bool = True) -> Lessons:
    """The rows of groups, each with its trajectory's advantage and the weight of its tokens."""
    held = list(groups)
    found = advantages([group.rewards for group in held], scale=scale, unbiased=unbiased)
    rows = [
        lesson
        for group, values in zip(held, found.groups, strict=True)
        if values is not None
        for lesson in _of_trajectories(group, values)
    ]
    return Lessons(tuple(rows), found)


def _of_group(rewards: tuple[float, ...], scale: Scale, overall: float, *, unbiased: bool) -> tuple[float, ...] | None:
    if len(rewards) < 2 or max(rewards) - min(rewards) <= EQUAL_WITHIN:
        return None
    mean = math.fsum(rewards) / len(rewards)
    if scale == "leave-one-out":
        factor = len(rewards) / (len(rewards) - 1)  # from the mean of all to that of the others
    elif scale == "none":
        factor = 1.0
    else:
        factor = 1 / ((overall if scale == "batch" else _spread(rewards, unbiased=unbiased)) + EPSILON)
    return tuple((reward - mean) * factor for reward in rewards)


def _spread(values: Sequence[float], *, unbiased: bool) -> float:
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - unbiased))


def _of_trajectories(group: Group, values: tuple[float, ...]) -> Iterable[Lesson]:
    size = len(group.trajectories)
    for trajectory, advantage in zip(group.trajectories, values, strict=True):
        calls = len(list(trajectory.samples()))
        for row in trajectory.rows:
            weights = tuple(1 / (size * calls * len(sample)) for sample in row.samples)
            yield Lesson(row=row, advantage=advantage, weights=weights)
