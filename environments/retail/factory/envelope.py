"""What the factory makes: what a customer asks, the calls that grant it, and how both came about."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, JsonValue

from agentgym.messages import JsonObject
from environments.retail.task import RetailTask

_CLOSED = ConfigDict(frozen=True, extra="forbid")


class Call(BaseModel):
    """One call of the reference."""

    model_config = _CLOSED

    name: str
    arguments: JsonObject


class Blueprint(BaseModel):
    """A task as files have it."""

    model_config = _CLOSED

    q: str
    """What the customer says."""
    agt: tuple[Call, ...] = ()
    """The calls that grant it, in order."""
    ogt: tuple[str, ...] = ()
    """What the customer must have been told."""

    def retail_task(self, task_id: str) -> RetailTask:
        """The task as the environment plays it."""
        return RetailTask.model_validate({"id": task_id, **self.model_dump()})


class Missing(BaseModel):
    """Something that a task names and the shop does not have, or not together with the rest."""

    model_config = _CLOSED

    type: str
    value: JsonValue
    action: str | None = None
    index: int | None = None
    """Of the call, from 0."""


class Suggestion(BaseModel):
    """What to change."""

    model_config = _CLOSED

    type: str
    reason: str
    index: int | None = None
    replacement: JsonValue = None


class ValidationReport(BaseModel):
    """What the checks found."""

    model_config = _CLOSED

    valid: bool = True
    missing: tuple[Missing, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()


class Metadata(BaseModel):
    """How a task was made; more than the three only where a file says more."""

    model_config = ConfigDict(frozen=True, extra="allow")

    generation_method: str
    turns: int
    confidence: float


class TaskEnvelope(BaseModel):
    """A task with what is known of it, as `agentgym tasks generate` writes it."""

    model_config = _CLOSED

    success: bool
    task: Blueprint
    metadata: Metadata
    validation_report: ValidationReport
