"""The planner: one sub-goal, and the calls that get there."""

from __future__ import annotations

from functools import partial

from pydantic import Field, JsonValue

from agentgym.flow.asking import Asker
from agentgym.flow.ladder import NoReply, Reply, read_reply
from agentgym.flow.memory import Memory
from agentgym.flow.templates import Prompts
from agentgym.flow.types import RESPOND, Knowledge, Plan
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject, Message, ToolCall, Turn
from agentgym.tools import ToolSpec

_CONTENT: JsonObject = {"type": "string", "description": "the text, word for word as it is to be read"}
RESPOND_TOOL = ToolSpec(
    RESPOND,
    "Say something to the user; where there is no user, the final answer.",
    {"type": "object", "properties": {"content": _CONTENT}, "required": ["content"], "additionalProperties": False},
)
NOOP = "noop"


class CallReply(Reply):
    """One call, written as text."""

    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class NotesReply(Reply):
    """What goes with calls that are made natively."""

    analysis: str = ""
    sub_goal: str = ""
    context: str = ""
    calls: tuple[CallReply, ...] = ()
    expected: str | None = None
    justification: str = ""


async def plan_turn(
    asker: Asker, prompts: Prompts, memory: Memory, turn: int, *, max_calls: int, remaining: int | None
) -> Plan:
    """The next plan; where the planner gives none that can be used, the cheapest that does no harm."""
    values = {
        "max_calls": str(max_calls),
        "policy": memory.knowledge.policy,
        "form": _form(memory.knowledge),
        "memory": memory.summary(),
        "remaining": "not known" if remaining is None else str(remaining),
        "verdict": _last_verdict(memory),
        "advice": _advice(memory),
    }
    read = partial(_read, number=turn, max_calls=max_calls, knowledge=memory.knowledge)
    return await asker.ask(turn, prompts.messages("planner", values), read) or _safe(memory, turn)


def plan_of(turn: Turn, number: int) -> Plan:
    """The plan that the turn of a policy is which knows what it does, such as the oracle."""
    return Plan(number, turn.reasoning or "", calls=turn.tool_calls or (respond(turn.text),))


def turn_of(plan: Plan) -> Turn:
    """The turn that carries a plan out; text to the user is text."""
    thought = "\n".join(part for part in (plan.analysis, plan.justification) if part) or None
    if [call.name for call in plan.calls] == [RESPOND] and not plan.calls[0].problem:
        return Turn(str(plan.calls[0].arguments.get("content", "")), reasoning=thought)
    return Turn(tool_calls=plan.calls, reasoning=thought)


def respond(content: str) -> ToolCall:
    """The call that says something to the user."""
    return ToolCall(RESPOND, {"content": content})


def _read(turn: Turn, *, number: int, max_calls: int, knowledge: Knowledge) -> Plan:
    notes = _notes(turn)
    calls = turn.tool_calls or tuple(ToolCall(call.name, call.arguments) for call in notes.calls)
    if not calls:
        raise NoReply('there is no call in the plan; call a tool, or add "calls"')
    calls = calls[:max_calls]
    _check_respond(calls, knowledge)
    return Plan(
        number,
        notes.analysis or (turn.reasoning or ""),
        notes.sub_goal,
        notes.context,
        calls,
        notes.expected,
        notes.justification,
    )


def _notes(turn: Turn) -> NotesReply:
    """What the planner wrote beside its calls; words that are no JSON are its analysis."""
    try:
        reply = read_reply(turn, NotesReply, CallReply)
    except NoReply:
        if turn.tool_calls:
            return NotesReply(analysis=turn.text)
        raise
    if isinstance(reply, CallReply):
        return NotesReply(calls=(reply,))
    assert isinstance(reply, NotesReply)
    return reply


def _check_respond(calls: tuple[ToolCall, ...], knowledge: Knowledge) -> None:
    if knowledge.tool(RESPOND) is not RESPOND_TOOL:
        return  # the environment has a tool of that name
    for call in calls:
        if call.name == RESPOND and len(calls) > 1:
            raise NoReply("respond(content) stands alone in its turn")
        if call.name == RESPOND and not isinstance(call.arguments.get("content"), str):
            raise NoReply("respond takes one argument, content, which is a text")


def _safe(memory: Memory, turn: int) -> Plan:
    if memory.knowledge.tool(NOOP) is not None:
        return Plan(turn, "no plan could be read", calls=(ToolCall(NOOP),))
    verdict = memory.last.verdict if memory.last is not None else None
    unmet = "; ".join(verdict.unmet) if verdict is not None else ""
    asked = f"I could not go on: {unmet}. Could you help me with that?" if unmet else _ASKED
    return Plan(turn, "no plan could be read", calls=(respond(asked),))


_ASKED = "I could not work out how to go on. Could you tell me once more what you need, with all details?"


def _form(knowledge: Knowledge) -> str:
    if knowledge.answer_schema is None:
        return ""
    schema = dump_json(knowledge.answer_schema).decode()
    return f"The content of respond is your answer, and ends the task. What it says, as a JSON Schema: {schema}"


def _last_verdict(memory: Memory) -> str:
    verdict = memory.last.verdict if memory.last is not None else None
    return "none" if verdict is None else verdict.status


def _advice(memory: Memory) -> str:
    last = memory.last
    if last is None or last.verdict is None:
        return ""
    verdict = last.verdict
    failed = [f"{result.call.name}({result.call.text})" for result in last.execution.results]
    lines = [
        f"Why: {verdict.analysis}" if verdict.analysis else "",
        f"Hint: {verdict.hint}" if verdict.hint else "",
        f"Unmet: {'; '.join(verdict.unmet)}" if verdict.unmet else "",
        f"Do not make this call again: {'; '.join(failed)}" if verdict.status == "replan" and failed else "",
    ]
    return "\n".join(line for line in lines if line)


def shown_query(conversation: list[Message]) -> str:
    """What the agent is asked for: all that it was shown in the beginning, but for its instructions."""
    return "\n".join(message.content for message in conversation if message.role != "system")
