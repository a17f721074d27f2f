"""The generator: the answer in the end, and the action that gives it."""

from __future__ import annotations

from functools import partial

from pydantic import Field, JsonValue

from agentgym.flow.arguments import misfit
from agentgym.flow.asking import Asker
from agentgym.flow.ladder import NoReply, Reply, read_reply
from agentgym.flow.memory import Memory
from agentgym.flow.planner import respond
from agentgym.flow.templates import Prompts
from agentgym.flow.types import GeneratorOutput, StopReason
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject, Message, ToolCall, Turn
from agentgym.schemas import plain_schema
from agentgym.tools import ToolSpec

TOOL = "answer"
FINAL_TOOLS = ("submit", "finish", "final_answer", "submit_answer")
"""Tools that end an episode, by the names they usually have."""
_WHY = {
    "verified": "the verifier found that the memory holds all that the query needs.",
    "escalated": "the verifier found that nothing more can be done.",
    "max_turns": "the turns are used up.",
    "max_time": "the time is used up.",
}
_NOTHING = "I am sorry, I could not find an answer."


class AnswerReply(Reply):
    """The answer to the user."""

    answer: str
    confidence: float = Field(ge=0, le=1)
    evidence: tuple[int, ...] = ()
    arguments: dict[str, JsonValue] | None = None


def answer_tool(final: ToolSpec | None) -> ToolSpec:
    """The tool by which a model gives the answer, and with it the arguments of the environment's final tool."""
    schema = plain_schema(AnswerReply)
    properties = schema["properties"]
    assert isinstance(properties, dict)
    del properties["arguments"]
    if final is not None:
        properties["arguments"] = final.parameters | {"description": f"of {final.name}: {final.description}"}
        schema["required"] = ["answer", "confidence", "arguments"]
    return ToolSpec(TOOL, "Give the final answer.", schema)


async def generate(
    asker: Asker, prompts: Prompts, memory: Memory, turn: int, *, reason: StopReason, final: ToolSpec | None
) -> GeneratorOutput:
    """The answer, of a model or else of the last output."""
    values = {
        "policy": memory.knowledge.policy,
        "memory": memory.summary(),
        "stop_reason": "; ".join([_WHY.get(reason, reason), *_issues(memory)]),
        "shape": _shape(memory, final),
    }
    asked: list[Message] = prompts.messages("generator", values)
    given = await asker.ask(turn, asked, partial(_read, memory=memory, reason=reason, final=final))
    return given or fallback(memory, reason, final)


def fallback(memory: Memory, reason: StopReason, final: ToolSpec | None = None) -> GeneratorOutput:
    """The last output, in which nobody has any confidence."""
    outputs = (
        (record.turn, result.output)
        for record in reversed(memory.records)
        for result in reversed(record.execution.results)
        if result.ok and result.output.strip()
    )
    turn, answer = next(outputs, (0, _NOTHING))
    arguments = None if final is None else _gathered(memory, final)
    return GeneratorOutput(answer, 0.0, (turn,) if turn else (), reason, arguments)


def final_call(output: GeneratorOutput, final: ToolSpec | None) -> ToolCall:
    """The action that ends the work: the environment's own, or else words."""
    if final is None or output.arguments is None:
        return respond(output.answer)
    return ToolCall(final.name, output.arguments)


def final_tool(tools: tuple[ToolSpec, ...], name: str | None) -> ToolSpec | None:
    """The tool that ends an episode, if there is one: by the name that was given, or by the usual ones."""
    names = FINAL_TOOLS if name is None else (name,)
    return next((tool for tool in tools if tool.name in names), None)


def _read(turn: Turn, *, memory: Memory, reason: StopReason, final: ToolSpec | None) -> GeneratorOutput:
    reply = read_reply(turn, AnswerReply, tool=TOOL)
    if final is not None:
        wrong = "are missing" if reply.arguments is None else misfit(final.parameters, reply.arguments)
        if wrong is not None:
            raise NoReply(f"the arguments of {final.name}: {wrong}")
    elif not reply.answer.strip():
        raise NoReply("the answer is empty")
    turns = {record.turn for record in memory.records}
    evidence = tuple(each for each in reply.evidence if each in turns)
    arguments = reply.arguments if final is not None else None
    return GeneratorOutput(reply.answer, reply.confidence, evidence, reason, arguments)


def _gathered(memory: Memory, final: ToolSpec) -> JsonObject | None:
    """Arguments that were last given under the same names to calls that worked; None where that is not enough."""
    given: JsonObject = {}
    for record in memory.records:
        for result in record.execution.results:
            given |= result.call.arguments if result.ok else {}
    properties, required = final.parameters.get("properties"), final.parameters.get("required")
    names = [str(name) for name in (required if isinstance(required, list) else ())]
    arguments = {name: given[name] for name in names if name in given}
    fits = isinstance(properties, dict) and misfit(final.parameters, arguments) is None
    return arguments if fits else None


def _issues(memory: Memory) -> tuple[str, ...]:
    verdict = memory.last.verdict if memory.last is not None else None
    return () if verdict is None else verdict.issues


def _shape(memory: Memory, final: ToolSpec | None) -> str:
    shape = '{"answer": "...", "confidence": 0.0 to 1.0, "evidence": [numbers of the turns it rests on]}'
    if final is not None:
        of_final = f'"arguments": {{the arguments of {final.name}, by {dump_json(final.parameters).decode()}}}'
        shape = f"{shape[:-1]}, {of_final}}}"
    if memory.knowledge.answer_schema is not None:
        schema = dump_json(memory.knowledge.answer_schema).decode()
        shape = f"{shape}\nWhat the answer says, as a JSON Schema: {schema}"
    return shape
