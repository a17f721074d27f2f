"""What a plan comes to: arguments before the environment runs its calls, and results after."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from agentgym.flow.arguments import misfit
from agentgym.flow.asking import Asker
from agentgym.flow.ladder import NoReply, candidates
from agentgym.flow.templates import Prompts
from agentgym.flow.types import RESPOND, CallResult, ExecutionResult, Knowledge, Plan
from agentgym.jsontext import dump_json, parse_json
from agentgym.messages import Message, ToolCall, Turn
from agentgym.tools import ToolSpec

MOST_CHARS = 100_000
"""Of one output; more is cut, and says so."""
_ERROR = re.compile(r"\s*(?:error\s*(?:[:!]|$)|traceback \(most recent)", re.IGNORECASE)
_UNDONE = "This call was not carried out."


async def fill_arguments(asker: Asker, prompts: Prompts, plan: Plan, knowledge: Knowledge) -> Plan:
    """The plan with arguments that a model chose from its sub-goal and context; where it fails, the planner's own."""
    calls = []
    for call in plan.calls:
        tool = knowledge.tool(call.name)
        if tool is None or tool.name == RESPOND:
            calls.append(call)
            continue
        filled = await asker.ask(plan.turn, _asked(prompts, plan, call, tool), partial(_read, tool))
        calls.append(filled or call)
    return replace(plan, calls=tuple(calls))


def _asked(prompts: Prompts, plan: Plan, call: ToolCall, tool: ToolSpec) -> list[Message]:
    return prompts.messages(
        "executor",
        {
            "tool": tool.name,
            "description": tool.description,
            "schema": dump_json(tool.parameters).decode(),
            "sub_goal": plan.sub_goal or plan.analysis,
            "context": plan.context,
            "arguments": call.text,
        },
    )


def _read(tool: ToolSpec, turn: Turn) -> ToolCall:
    """The call of that very tool, or its arguments as JSON; arguments that do not fit are no answer."""
    for call in turn.tool_calls:
        if call.name != tool.name:
            raise NoReply(f"the tool is {tool.name}, not {call.name}")
    problem = None
    for written in candidates(turn, tool.name):
        wrong = _misfit(tool, written)
        if wrong is None:
            return ToolCall.from_text(tool.name, written)
        problem = problem or wrong
    raise NoReply(problem or "there is no JSON object in the answer")


def _misfit(tool: ToolSpec, written: str) -> str | None:
    try:
        return misfit(tool.parameters, parse_json(written))
    except ValueError as error:
        return str(error)


def observe(
    plan: Plan, gained: Sequence[Message], knowledge: Knowledge, *, elapsed_s: float = 0.0, terminated: bool = False
) -> ExecutionResult:
    """What the conversation gained by a plan: the agent's message and all that answered it, in order."""
    said = gained[0] if gained else Message("assistant")
    replies = gained[1:]
    calls = said.tool_calls or plan.calls
    share_s = elapsed_s / len(calls) if calls else 0.0
    results = tuple(replace(_result(call, replies, knowledge), latency_s=share_s) for call in calls)
    observation, cut = _cut("\n".join(message.content for message in replies))
    return ExecutionResult(plan.turn, tuple(calls), results, observation, terminated, cut)


def _result(call: ToolCall, replies: Sequence[Message], knowledge: Knowledge) -> CallResult:
    mine = [message for message in replies if message.role == "tool" and message.tool_call_id == call.id]
    shown = mine or [message for message in replies if message.role != "tool"]
    output, cut = _cut("\n".join(message.content for message in shown))
    if call.name == RESPOND and not mine:
        return CallResult(call, True, output, truncated=cut)
    kind, error = _trouble(call, output, knowledge)
    return CallResult(call, kind is None, output, error, kind, truncated=cut)


def _trouble(call: ToolCall, output: str, knowledge: Knowledge) -> tuple[str | None, str | None]:
    """What kind of error a call came to, and its text; the environment tells in words, so words are looked at.

    Arguments that the environment took, though its schema does not, were taken: to make the call again could do harm.
    """
    tool = knowledge.tool(call.name)
    if tool is None:
        return "unknown_tool", output or f"there is no tool {call.name!r}"
    if call.problem is not None:
        return "invalid_json", output or call.problem
    told, wrong = error_in(output, call.name), misfit(tool.parameters, call.arguments)
    if told is None and (wrong is None or output):
        return None, None
    return ("failed" if wrong is None else "invalid_arguments"), told or f"{call.name}: {wrong}"


def error_in(output: str, tool: str) -> str | None:
    """The error that an output is, where it is one: by its first word, by a key, or as agentgym's own tools tell."""
    if _ERROR.match(output) or output == _UNDONE or output.startswith((f"{tool} took longer than", f"{tool}: ")):
        return output
    if not output.lstrip().startswith("{"):
        return None
    try:
        held = parse_json(output)
    except ValueError:
        return None
    told = held.get("error") if isinstance(held, dict) else None
    return (told if isinstance(told, str) else dump_json(told).decode()) if told else None


def _cut(text: str) -> tuple[str, bool]:
    if len(text) <= MOST_CHARS:
        return text, False
    return f"{text[:MOST_CHARS]}\n[cut after {MOST_CHARS:,} of {len(text):,} characters]", True
