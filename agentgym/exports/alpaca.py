"""alpaca: `{instruction, input, output, system, history}`; read too.

Calls, their answers and the tools stand in the text, as in play with models that are told of tools in text:
`<tool_call>` and `<tool_response>`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import orjson
from pydantic import BaseModel, ConfigDict

from agentgym.exports.calls import arguments_text
from agentgym.exports.dialogue import Dialogue, Said, Unfit, by_learnt_reply, system_and_rest
from agentgym.exports.notices import Notices
from agentgym.exports.reasoning import inlined
from agentgym.messages import JsonObject, ToolCall
from agentgym.policies.textcalls import text_wire, tools_text
from agentgym.tools import ToolSpec


@dataclass(frozen=True, slots=True)
class _Pair:
    """What was asked, and the reply."""

    asked: str
    reply: str


def rows(dialogue: Dialogue, notices: Notices) -> Iterator[JsonObject]:
    """The row of a dialogue, whose output is the last reply, or one for each reply that is to be learnt."""
    for part in by_learnt_reply(dialogue):
        system, messages = system_and_rest(part)
        pairs = _pairs(messages)
        if not pairs:
            raise Unfit("no reply")
        *history, last = pairs
        yield {
            "instruction": last.asked,
            "input": "",
            "output": last.reply,
            "system": "\n\n".join([text for text in (system, _tools_text(dialogue.tools)) if text]),
            "history": [[pair.asked, pair.reply] for pair in history],
        }


def read(row: JsonObject) -> Dialogue:
    """The dialogue of a row; ValueError where a field is not as it should be."""
    read = _Row.model_validate(row)
    asked = "\n".join(text for text in (read.instruction, read.input) if text)
    said = [Said("system", read.system)] if read.system else []
    for asked_before, reply in read.history or []:
        said += [Said("user", asked_before), Said("assistant", reply)]
    said.append(Said("user", asked))
    return Dialogue((*said, Said("assistant", read.output)) if read.output else tuple(said))


def read_query(row: JsonObject) -> Dialogue:
    """The dialogue of a row `{Query, Output}`, as `agentgym tokens respond` writes them."""
    named = {key.lower(): value for key, value in row.items()}
    return read({**named, "instruction": named["query"]})


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)

    instruction: str
    input: str | None = None
    output: str | None = None
    system: str | None = None
    history: list[tuple[str, str]] | None = None


def _pairs(messages: Sequence[Said]) -> list[_Pair]:
    """Replies, each with all that was said since the one before; what nobody replied to is left out."""
    pairs: list[_Pair] = []
    asked: list[str] = []
    for message in messages:
        text = _text(message)
        if message.role != "assistant":
            asked.append(text)
        elif pairs and not asked:
            pairs[-1] = replace(pairs[-1], reply=f"{pairs[-1].reply}\n\n{text}")
        else:
            pairs.append(_Pair("\n".join(asked), text))
            asked = []
    return pairs


def _text(message: Said) -> str:
    """A message with its calls in the text."""
    calls = tuple(ToolCall(call.name, raw=arguments_text(call)) for call in message.tool_calls)
    wire = orjson.loads(text_wire(replace(inlined(message), tool_calls=calls)))
    return str(wire["content"])


def _tools_text(tools: Sequence[JsonObject]) -> str:
    functions = [tool["function"] for tool in tools if isinstance(tool.get("function"), dict)]
    specs = [_spec(function) for function in functions if isinstance(function, dict)]
    return tools_text(specs) if specs else ""


def _spec(function: JsonObject) -> ToolSpec:
    parameters = function.get("parameters")
    return ToolSpec(
        str(function.get("name")),
        str(function.get("description") or ""),
        parameters if isinstance(parameters, dict) else {"type": "object", "properties": {}},
    )
