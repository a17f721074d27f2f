"""The record of one rollout: complete, replayable, and the same on disk as in memory.

`SCHEMA_VERSION` grows only when a reader of the old version would be misled. Within a version fields may be
added, always with a default, and none is renamed, removed or given another meaning; a reader ignores fields
it does not know. A record of a later version is refused by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from agentgym.errors import Boundary, DataFileError, LaterVersionError, one_line
from agentgym.jsontext import dump_json
from agentgym.limits import LimitName, Limits
from agentgym.messages import NO_USAGE, JsonObject, Message, ModelCall, Turn, Usage
from agentgym.quickinit import quick_init
from agentgym.tools import ToolSpec

SCHEMA_VERSION = 1

Outcome = Literal["solved", "failed", "truncated", "not_evaluable"]


@quick_init
@dataclass(frozen=True)
class RewardTerm:
    """One named part of the reward; it counts `value * weight`."""

    value: float
    weight: float = 1.0


@quick_init
@dataclass(frozen=True)
class Cause:
    """What broke, where an episode is not evaluable."""

    boundary: Boundary
    error: str
    """The class of the error."""
    message: str


@quick_init
@dataclass(frozen=True)
class EnvironmentInfo:
    """Which environment was played."""

    id: str
    version: str
    config: JsonObject = field(default_factory=dict)


@quick_init
@dataclass(frozen=True)
class StepRecord:
    """One action and what came of it."""

    action: JsonObject
    observation: JsonObject
    reward: float
    terminated: bool = False
    truncated: bool = False
    tool_error: str | None = None
    """The kind of the tool error, where the observation is one."""
    info: JsonObject = field(default_factory=dict)


@quick_init
@dataclass(frozen=True)
class TurnRecord:
    """One turn of the agent, the steps it made, and what the agent was shown of them."""

    turn: Turn
    steps: tuple[StepRecord, ...]
    replies: tuple[Message, ...]
    elapsed_s: float = 0.0
    """How long the policy took."""


@quick_init
@dataclass(frozen=True)
class Timings:
    """When the episode was played and where its time went; never equal between runs."""

    started_at: str
    """UTC, ISO 8601."""
    elapsed_s: float = 0.0
    policy_s: float = 0.0
    environment_s: float = 0.0


@quick_init
@dataclass(frozen=True, kw_only=True)
class Episode:
    """The complete record of one rollout."""

    schema_version: int = SCHEMA_VERSION
    environment: EnvironmentInfo
    policy: str
    task_id: str
    task: JsonObject
    trial: int = 0
    seed: int
    limits: Limits
    outcome: Outcome
    limit: LimitName | None = None
    """What cut it short, where the outcome is `truncated`."""
    cause: Cause | None = None
    """What broke, where the outcome is `not_evaluable`."""
    cleanup: Cause | None = None
    """What broke while letting go; the outcome stands."""
    reward: float
    terms: dict[str, RewardTerm]
    tools: tuple[ToolSpec, ...] = ()
    opening: tuple[Message, ...]
    """What the agent was shown before its first turn."""
    turns: tuple[TurnRecord, ...]
    usage: Usage = NO_USAGE
    """The agent's."""
    others: Usage = NO_USAGE
    """Of models that the environment asked, such as one that plays a customer."""
    tool_errors: int = 0
    divergences: int = 0
    """How many steps showed something else when an interrupted episode was played again; the first showing counts."""
    versions: dict[str, str]
    timings: Timings

    @property
    def solved(self) -> bool:
        """Whether the task was solved."""
        return self.outcome == "solved"

    def steps(self) -> Iterator[StepRecord]:
        """Every step in order."""
        return (step for turn in self.turns for step in turn.steps)

    def model_calls(self, roles: Collection[str] | None = None) -> Iterator[ModelCall]:
        """The calls behind the turns of an agent of several policies, in order: of all roles, or of these."""
        calls = (call for record in self.turns for call in record.turn.calls)
        return (call for call in calls if roles is None or call.role in roles)

    def messages(self) -> list[Message]:
        """The whole conversation, rebuilt."""
        said = list(self.opening)
        for record in self.turns:
            said += [record.turn.message(), *record.replies]
        return said

    def to_json(self) -> bytes:
        """The record as one line of JSON."""
        return dump_json(self)

    @classmethod
    def from_json(cls, line: bytes | str) -> Episode:
        """Read a record of this schema version or an earlier one."""
        try:
            episode = episode_adapter().validate_json(line)
        except ValidationError as error:
            refuse_later_version("an episode", _version_of(line), SCHEMA_VERSION)
            raise DataFileError(f"not an episode record: {one_line(error)}") from None
        refuse_later_version("an episode", episode.schema_version, SCHEMA_VERSION)
        return episode


def refuse_later_version(what: str, version: int, known: int) -> None:
    """What a later release wrote may mean something else than it seems to."""
    if version > known:
        raise LaterVersionError(
            f"{what} of schema version {version}; this agentgym reads up to {known}: "
            "upgrade it with `pip install --upgrade agentgym-async`"
        )


def _version_of(line: bytes | str) -> int:
    try:
        record = from_json(line)
    except ValueError:
        return 0
    version = record.get("schema_version") if isinstance(record, dict) else None
    return version if isinstance(version, int) else 0


@cache
def episode_adapter() -> TypeAdapter[Episode]:
    """Reads and describes episodes; built on first use, for it costs more than the import."""
    return TypeAdapter(Episode)
