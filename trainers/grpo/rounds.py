"""What one round of training learns from, wherever its rollouts come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, pstdev
from typing import Any, Protocol

from agentgym.errors import UsageError, did_you_mean
from trainers.advantages import Lesson, Lessons
from trainers.dataset.groups import Group
from trainers.dataset.rows import Trajectory
from trainers.learning.batches import Batch
from trainers.recipe import LossName

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The rows of some groups, each with what its tokens are worth."""

    lessons: tuple[Lesson, ...]
    """All with log-probabilities; none where no group teaches anything."""
    groups: int
    """That teach something."""
    figures: Figures = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """How many train."""
        return sum(lesson.row.sampled_count for lesson in self.lessons)


class Rounds(Protocol):
    """Where rounds come from; the same number gives the same round, as far as the weights are the same."""

    @property
    def count(self) -> int:
        """How many rounds an epoch has."""

    @property
    def most_rows(self) -> int:
        """About as many rows has a round, or fewer."""

    @property
    def longest(self) -> int:
        """Tokens of the longest completion there may be."""

    @property
    def temperature(self) -> float:
        """That most samples are drawn at."""

    @property
    def digest(self) -> str:
        """Equal where the same can be learnt."""

    def round(self, number: int, *, updates: int) -> Round:
        """A round, from 0; `updates` were made before it."""


def weighted(group: Group, weights: Mapping[str, float]) -> Group:
    """The group with rewards that are the sum of the named terms; without any, as it was recorded."""
    if not weights:
        return group
    return replace(group, trajectories=tuple(_weighted(each, weights) for each in group.trajectories))


def check_weights(groups: Sequence[Group], weights: Mapping[str, float]) -> None:
    """UsageError where a weight is of no term that was ever recorded."""
    known = {name for group in groups for each in group.trajectories for name in each.origin.terms}
    for name in weights:
        if known and name not in known:
            raise UsageError(f"grpo.reward_weights: no reward has a term {name!r}; {did_you_mean(name, known)}")


def figures_of(groups: Sequence[Group], found: Lessons) -> dict[str, float]:
    """What the rollouts of a round were worth."""
    rewards = [reward for group in groups for reward in group.rewards]
    outcomes = [each.origin.outcome for group in groups for each in group.trajectories]
    return {
        "reward_mean": fmean(rewards) if rewards else 0.0,
        "reward_std": pstdev(rewards) if rewards else 0.0,
        "solved": sum(outcome == "solved" for outcome in outcomes) / max(len(outcomes), 1),
        "groups": len(groups),
        "dropped_groups": found.advantages.dropped_share,
        "rollouts": len(rewards),
    }


def worths(batch: Batch, chosen: Round, loss: LossName) -> Any:
    """What each token counts in the loss: its advantage.

    Where the loss is a mean of rows, all trajectories of a group weigh the same however many rows they gave, and so do
    all calls of one; with one call to a trajectory and groups of one size, nothing changes by that.
    """
    if loss in ("dapo", "dr_grpo"):
        return batch.advantages
    tokens = batch.mask.sum(-1, keepdim=True)
    return batch.advantages * batch.weights * tokens * (len(chosen.lessons) / max(chosen.groups, 1))


def _weighted(trajectory: Trajectory, weights: Mapping[str, float]) -> Trajectory:
    terms = trajectory.origin.terms
    reward = sum(weight * terms[name].value for name, weight in weights.items() if name in terms)
    return replace(trajectory, origin=replace(trajectory.origin, reward=reward))
