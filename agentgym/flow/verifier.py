"""The verifier: rules first, a model second, and `continue` where the model says nothing that can be used."""

from __future__ import annotations

from functools import partial
from typing import Literal

from agentgym.flow.asking import Asker
from agentgym.flow.ladder import NoReply, Reply, read_reply
from agentgym.flow.memory import Memory
from agentgym.flow.rules import judge_by_rules
from agentgym.flow.templates import Prompts
from agentgym.flow.types import ExecutionResult, MemoryRecord, Status, Verdict
from agentgym.messages import Turn
from agentgym.schemas import plain_schema
from agentgym.tools import ToolSpec

TOOL = "verdict"


class VerdictReply(Reply):
    """How the agent goes on after its last turn."""

    status: Literal["continue", "stop", "replan"] | bool
    analysis: str = ""
    memory_sufficient: bool | None = None
    unmet: tuple[str, ...] = ()
    issues: tuple[str, ...] = ()
    hint: str | None = None


class BinaryReply(Reply):
    """What a verifier says that knows only whether to stop."""

    stop: bool
    analysis: str = ""


def verdict_tool() -> ToolSpec:
    """The tool by which a model gives its verdict."""
    return ToolSpec(TOOL, "How the agent goes on after its last turn.", plain_schema(VerdictReply))


async def verify(asker: Asker | None, prompts: Prompts, memory: Memory, record: MemoryRecord) -> Verdict:
    """The verdict on a turn that memory does not hold yet."""
    execution = record.execution
    by_rules = judge_by_rules(memory, execution)
    if by_rules is not None or asker is None:
        return by_rules or Verdict(execution.turn, "continue", "no rule is broken")
    asked = prompts.messages("verifier", {"policy": memory.knowledge.policy, "memory": memory.append(record).summary()})
    given = await asker.ask(execution.turn, asked, partial(_read, execution))
    return given or Verdict(execution.turn, "continue", "the verifier gave no verdict", source="fallback")


def _read(execution: ExecutionResult, turn: Turn) -> Verdict:
    if turn.text.strip() in ("true", "false"):
        return _binary(execution.turn, turn.text.strip() == "true", "")
    reply = read_reply(turn, VerdictReply, BinaryReply, tool=TOOL)
    if isinstance(reply, BinaryReply):
        return _binary(execution.turn, reply.stop, reply.analysis)
    assert isinstance(reply, VerdictReply)
    if isinstance(reply.status, bool):
        return _binary(execution.turn, reply.status, reply.analysis)
    return _verdict(execution.turn, reply.status, reply)


def _verdict(turn: int, status: Status, reply: VerdictReply) -> Verdict:
    sufficient = status == "stop" if reply.memory_sufficient is None else reply.memory_sufficient
    if status == "stop" and not sufficient and not reply.issues:
        raise NoReply('"stop" without a sufficient memory needs "issues" that say why nothing more can be done')
    return Verdict(turn, status, reply.analysis, sufficient, reply.unmet, reply.issues, reply.hint, "llm")


def _binary(turn: int, stops: bool, analysis: str) -> Verdict:
    return Verdict(turn, "stop" if stops else "continue", analysis, memory_sufficient=stops, source="llm")
