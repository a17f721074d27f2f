"""What the agent answers: a thought, the token of a mode, a text, and a call; read from text or from native calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from json import JSONDecodeError, JSONDecoder
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, JsonValue

from agentgym.jsontext import dump_json, mend_text, parse_json
from agentgym.messages import JsonObject, ToolCall, Turn
from environments.special_tokens.modes import STANDARD, Modes

_THOUGHT = re.compile(r"<think>(.*?)(</think>|\Z)", re.DOTALL)
_CALL = re.compile(r"""\{\s*["']?(?:name|arguments|function)["']?\s*:""")
_AROUND = re.compile(r"(?:<tool_call>|```(?:json|tool_call)?)\s*$")
_AFTER = re.compile(r"\s*(?:</tool_call>|```)?\s*")
_MOST_CALLS = 16
"""After so many beginnings of calls nobody looks for more."""


class Call(BaseModel):
    """A tool, and what it is called with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    arguments: JsonObject


class Answer(BaseModel):
    """One whole answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: str | None
    """The name of the one mode whose token was given."""
    thought: str = ""
    text: str = ""
    call: Call | None = None
    faults: tuple[str, ...] = ()
    """Codes of rules that were broken in writing it, and that the other fields do not show."""

    def written(self, modes: Modes = STANDARD) -> str:
        """The answer in the form that models are trained on."""
        parts = [f"<think>{self.thought}</think>"]
        if self.mode is not None:
            parts.append(modes.named(self.mode).token)
        if self.text:
            parts.append(self.text)
        if self.call is not None:
            parts.append(dump_json({"name": self.call.name, "arguments": self.call.arguments}).decode())
        return "\n".join(parts)


def read_turn(turn: Turn, modes: Modes = STANDARD) -> Answer:
    """The answer a turn stands for; reasoning that the endpoint took apart is the thought."""
    reasoning = (turn.reasoning or "").strip()
    text = turn.text if not reasoning or "<think>" in turn.text else f"<think>{reasoning}</think>\n{turn.text}"
    return read_answer(text, modes, calls=turn.tool_calls)


def read_answer(written: str, modes: Modes = STANDARD, *, calls: Sequence[ToolCall] = ()) -> Answer:
    """The answer that a text is, with the native calls beside it; whatever it is, there is one."""
    written = mend_text(written)
    thought, outside, faults = _without_thoughts(written, modes)
    first = _first_token(outside, modes)
    given = [mode for mode in modes for _ in range(outside.count(mode.token))]
    if len(given) > 1:
        faults.append("MULTIPLE_TOKENS")
    if first is not None and "\0" not in outside[:first]:
        thought = ""  # the mode was chosen before there was one
    body = outside if first is None else outside[first:]
    for mode in modes:
        body = body.replace(mode.token, "")
    found = _native(calls) if calls else _calls(body.replace("\0", ""), modes)
    if found.is_broken:
        faults.append("BAD_CALL_JSON")
    names = {mode.name for mode in given}
    return Answer(
        mode=names.pop() if len(names) == 1 else None,
        thought=thought,
        text=found.text if not calls else body.replace("\0", "").strip(),
        call=found.call,
        faults=tuple(faults),
    )


class _Found(NamedTuple):
    """The call in a text."""

    call: Call | None
    text: str
    """What stands around it."""
    is_broken: bool = False


def _without_thoughts(written: str, modes: Modes) -> tuple[str, str, list[str]]:
    """The thoughts, the rest with NUL where they stood, and what is wrong with them."""
    thoughts: list[str] = []
    faults: list[str] = []
    pieces: list[str] = []
    end = 0
    for found in _THOUGHT.finditer(written.replace("\0", "\ufffd")):
        inside, is_open = found[1], not found[2]
        kept = ""
        if is_open:
            faults.append("THINK_UNCLOSED")
            token = _first_token(inside, modes)
            inside, kept = (inside, "") if token is None else (inside[:token], inside[token:])
        elif _first_token(inside, modes) is not None and "TOKEN_IN_THINK" not in faults:
            faults.append("TOKEN_IN_THINK")
        thoughts.append(inside.strip())
        pieces += [written[end : found.start()], "\0", kept]
        end = found.end()
    pieces.append(written[end:])
    return "\n".join(thought for thought in thoughts if thought), "".join(pieces), faults


def _first_token(text: str, modes: Modes) -> int | None:
    places = [place for mode in modes if (place := text.find(mode.token)) >= 0]
    return min(places, default=None)


def _calls(body: str, modes: Modes) -> _Found:
    """The one call of a text; several, or one that cannot be read, are broken."""
    tools = {mode.tool for mode in modes}
    first: Call | None = None
    kept, position, end = [], 0, 0
    for _ in range(_MOST_CALLS):
        begin = _CALL.search(body, position)
        if begin is None:
            break
        try:
            value, position = _read_object(body, begin.start())
        except ValueError:
            return _Found(first, body.strip(), is_broken=True)
        if not _is_call(value, tools):
            continue
        call = _checked(value)
        if call is None or first is not None:
            return _Found(first or call, body.strip(), is_broken=True)
        first = call
        kept.append(_AROUND.sub("", body[end : begin.start()]))
        after = _AFTER.match(body, position)
        end = position = after.end() if after else position
    kept.append(body[end:])
    return _Found(first, "\n".join(part for piece in kept if (part := piece.strip())))


def _read_object(text: str, begin: int) -> tuple[JsonValue, int]:
    try:
        _, end = _DECODER.raw_decode(text, begin)
    except (JSONDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return _mended(parse_json(text[begin:end])), end


def _mended(value: JsonValue) -> JsonValue:
    """The value without halves of characters, which no record could hold."""
    return parse_json(dump_json(value).decode())


def _is_call(value: JsonValue, tools: set[str]) -> bool:
    """Whether this was meant as a call, and not as data that is talked of."""
    if not isinstance(value, dict):
        return False
    name = value.get("name")
    return "arguments" in value or "function" in value or (isinstance(name, str) and name in tools)


def _checked(value: JsonValue) -> Call | None:
    match value:
        case {"name": str(name), "arguments": dict(arguments)}:
            return Call(name=name, arguments=arguments)
        case {"name": str(name), **rest} if "arguments" not in rest:
            return Call(name=name, arguments={})
    return None


def _native(calls: Sequence[ToolCall]) -> _Found:
    first = calls[0]
    if first.problem is not None:
        return _Found(None, "", is_broken=True)
    return _Found(Call(name=first.name, arguments=first.arguments), "", is_broken=len(calls) > 1)


_DECODER = JSONDecoder()
