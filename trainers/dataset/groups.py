"""Groups for GRPO: the rollouts of one task by one policy, each with its reward and the terms that it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from agentgym.errors import DataFileError
from trainers.dataset.chaining import place_of
from trainers.dataset.rows import Origin, Trajectory


@dataclass(frozen=True, slots=True)
class Group:
    """The trials of a task in one run; their number may differ from group to group."""

    source: str
    environment: str | None
    task_id: str
    trajectories: tuple[Trajectory, ...]

    @property
    def rewards(self) -> tuple[float, ...]:
        """One for each trajectory."""
        return tuple(reward_of(trajectory.origin) for trajectory in self.trajectories)


def groups_of(trajectories: Iterable[Trajectory]) -> Iterator[Group]:
    """The groups, one at a time, of trajectories in which those of a task stand together (`by_task`).

    A DataFileError tells where they do not, or where a trajectory has no reward.
    """
    seen: set[tuple[str, str | None, str]] = set()
    for key, together in groupby(trajectories, key=lambda trajectory: group_key(trajectory.origin)):
        if key in seen:
            raise DataFileError(f"{key[0]}: the trials of task {key[2]} do not stand together; sort them by task")
        seen.add(key)
        group = Group(*key, tuple(together))
        reward_of(group.trajectories[0].origin)
        yield group


def group_key(origin: Origin) -> tuple[str, str | None, str]:
    """Equal for the trials of a task in one run."""
    return origin.source, origin.environment, origin.task_id


def reward_of(origin: Origin) -> float:
    """The reward, which a rollout has."""
    if origin.reward is None:
        raise DataFileError(f"{place_of(origin)}: has no reward; groups are made of rollouts, not of plain dialogues")
    return origin.reward
