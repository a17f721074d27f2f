"""What goes into an environment and what comes out: tasks, observations, resets and steps."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from agentgym.messages import JsonObject

TaskT = TypeVar("TaskT", bound=BaseModel)
ObsT = TypeVar("ObsT", bound=BaseModel)
ActT = TypeVar("ActT")


class Task(BaseModel):
    """One problem for an environment; what it holds never changes."""

    # Not class keywords: a type checker would then ask every subclass to repeat `frozen=True`.
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str


class Observation(BaseModel):
    """What the agent is shown after reset or a step; the same on every equal run."""

    model_config = ConfigDict(frozen=True)

    text: str


class Reset(NamedTuple, Generic[ObsT]):
    """What `reset` gives."""

    observation: ObsT
    info: JsonObject


class Step(NamedTuple, Generic[ObsT]):
    """What `step` gives, in Gymnasium's order."""

    observation: ObsT
    reward: float
    terminated: bool
    truncated: bool
    info: JsonObject
    """What may differ between equal runs, such as durations; never part of the observation."""


def task_id(task: BaseModel) -> str:
    """The id every task has."""
    return str(getattr(task, "id", ""))
