"""Jobs: planned episodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from agentgym.env import Env
from agentgym.episode import Cause, EnvironmentInfo, Episode, Timings
from agentgym.limits import Limits
from agentgym.play import VERSIONS
from agentgym.quickinit import quick_init
from agentgym.steps import task_id


@quick_init
@dataclass(frozen=True, kw_only=True)
class Job:
    """One planned episode."""

    make: Callable[[], Env[Any, Any, Any]]
    """Makes the environment, an instance for this episode alone."""
    task: BaseModel
    seed: int
    trial: int = 0
    limits: Limits = field(default_factory=Limits)

    @property
    def task_id(self) -> str:
        """The id of the task."""
        return task_id(self.task)

    def unplayed(self, environment: EnvironmentInfo, policy: str, cause: Cause) -> Episode:
        """The record of an episode that could not begin."""
        return Episode(
            environment=environment,
            policy=policy,
            task_id=self.task_id,
            task=self.task.model_dump(mode="json"),
            trial=self.trial,
            seed=self.seed,
            limits=self.limits,
            outcome="not_evaluable",
            cause=cause,
            reward=0.0,
            terms={},
            opening=(),
            turns=(),
            versions=VERSIONS,
            timings=Timings(datetime.now(UTC).isoformat()),
        )
