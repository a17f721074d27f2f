"""What the parts of the agent hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from agentgym.limits import Limits
from agentgym.messages import JsonObject, ModelCall, ToolCall, Usage
from agentgym.tools import ToolSpec

if TYPE_CHECKING:
    from agentgym.flow.memory import Memory

RoleName = Literal["planner", "executor", "verifier", "generator"]
ROLES: tuple[RoleName, ...] = get_args(RoleName)
TRAINABLE_ROLES: frozenset[RoleName] = frozenset({"planner"})
"""Whose calls a trainer learns from, unless it is told otherwise: `episode.model_calls(TRAINABLE_ROLES)`."""
Status = Literal["continue", "stop", "replan"]
StopReason = Literal["verified", "max_turns", "max_time", "env_terminated", "escalated", "error"]
RESPOND = "respond"
"""The tool that text to the user is."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the agent knows from the start: never the task's solution."""

    tools: tuple[ToolSpec, ...] = ()
    """The environment's, and `respond`."""
    policy: str = ""
    data_samples: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    answer_schema: JsonObject | None = None
    """Of what `respond` takes, where there are no tools."""

    def tool(self, name: str) -> ToolSpec | None:
        """The tool of a name."""
        return next((tool for tool in self.tools if tool.name == name), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """One sub-goal, and the calls that are to reach it."""

    turn: int
    analysis: str = ""
    sub_goal: str = ""
    context: str = ""
    calls: tuple[ToolCall, ...] = ()
    expected: str | None = None
    justification: str = ""


@dataclass(frozen=True, slots=True)
class CallResult:
    """What one call gave."""

    call: ToolCall
    ok: bool
    output: str
    error: str | None = None
    error_type: str | None = None
    """`unknown_tool`, `invalid_json`, `invalid_arguments`, `failed` or `timeout`."""
    latency_s: float = 0.0
    truncated: bool = False
    """Whether the output was cut."""


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What a plan came to."""

    turn: int
    commands: tuple[ToolCall, ...] = ()
    results: tuple[CallResult, ...] = ()
    observation: str = ""
    """All that was shown, in order."""
    terminated: bool = False
    truncated: bool = False
    reward: float | None = None
    """None: an agent is not told."""

    @property
    def ok(self) -> bool:
        """Whether every call worked."""
        return all(result.ok for result in self.results)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the loop goes on after a turn, and why."""

    turn: int
    status: Status
    analysis: str = ""
    memory_sufficient: bool = False
    unmet: tuple[str, ...] = ()
    issues: tuple[str, ...] = ()
    hint: str | None = None
    source: Literal["rule", "llm", "fallback"] = "rule"


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """One turn as it is remembered."""

    turn: int
    plan: Plan
    execution: ExecutionResult
    verdict: Verdict | None = None
    started_at: float = 0.0
    """By the clock of the event loop; no prompt holds it, for equal runs ask equal questions."""
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class GeneratorOutput:
    """The answer in the end."""

    answer: str
    confidence: float
    """From 0 to 1."""
    evidence: tuple[int, ...]
    """The turns it rests on."""
    stop_reason: StopReason
    arguments: JsonObject | None = None
    """Of the tool that ends the episode, where there is one."""


@dataclass(frozen=True, slots=True)
class AgentFlowTrace:
    """One episode as the agent saw it."""

    query: str
    memory: Memory
    output: GeneratorOutput
    usage_by_role: Mapping[str, Usage]
    llm_calls: tuple[ModelCall, ...]

    @property
    def records(self) -> tuple[MemoryRecord, ...]:
        """Every turn."""
        return self.memory.records
