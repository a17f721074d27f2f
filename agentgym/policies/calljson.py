"""Calls written as JSON objects, one after another; what is wrong with one is told in the call, never raised."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from agentgym.messages import ToolCall

UNNAMED = "unnamed"
"""The tool of a call that names none: an environment answers that there is no such tool, and which there are."""
_HOW = 'write {"name": "...", "arguments": {...}}'
_MISPLACED = f'there is no "arguments" in the call: {_HOW}'
_SPACE = re.compile(r"[ \t\r\n]*")
_BETWEEN = re.compile(r"[\s,;\[\]]*")
_NAME = re.compile(r"""["']name["']\s*:\s*["']([^"'\\\n]{1,200})["']|<function=([^>\s]{1,200})>""")
_ARGUMENTS = re.compile(r"""["'](?:arguments|parameters)["']\s*:\s*""")
_OPENERS = re.compile(r"(?:\{|\[(?!TOOL_CALLS\]))*+")
_FLAT = re.compile(r'(?:[\s\w.,:+-]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
"""What JSON may hold between brackets; strings may hold anything."""
_QUOTED = re.compile(r'"(?:[^"\\]++|\\.)*+"(\s*+(?:[,:}\]]|\Z))?', re.DOTALL)
"""A string, and what follows one that was meant to end there."""
_STOP = re.compile(r"</?tool_call>|\[TOOL_CALLS\]|<\|\w{1,40}\|>")
# A line break within a string is left for the strict reading of the arguments to tell.
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class FoundCalls:
    """What a model's text comes to when the calls are taken out of it."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None


@dataclass(slots=True)
class _Object:
    """The members of a JSON object as they are written, as far as it is JSON."""

    values: dict[str, str] = field(default_factory=dict)
    is_whole: bool = False
    running_on: str = ""
    """The member whose value ends in the middle of other words, for its own quote is missing."""


def read_calls(text: str, begin: int) -> tuple[list[ToolCall], int]:
    """The calls that stand here, in a list or not, and where they end.

    A broken one goes on until the next tag; one that names no tool is the last.
    """
    calls: list[ToolCall] = []
    end = begin
    while not calls or calls[-1].name != UNNAMED:
        begin = skip(_BETWEEN, text, end)
        if not text.startswith("{", begin):
            break
        end = _end(text, begin)
        calls.append(_call(text[begin:end].strip()))
    return calls, end


def read_arguments(name: str, text: str, begin: int) -> tuple[ToolCall, int]:
    """A call whose arguments alone stand here, and where they end."""
    end = _end(text, begin)
    return ToolCall.from_text(name, text[begin:end].strip()), end


def unreadable(written: str) -> ToolCall:
    """The call for what was meant as one and is not JSON at all."""
    return ToolCall(_found_name(written) or UNNAMED, raw=written, problem=f"not JSON: {_HOW}")


def are_known(calls: list[ToolCall], names: Collection[str]) -> bool:
    """Whether these are calls beyond doubt, and not data that looks like some."""
    return bool(calls) and all(call.name in names and call.problem != _MISPLACED for call in calls)


def skip(pattern: re.Pattern[str], text: str, begin: int) -> int:
    """Where what the pattern matches here ends."""
    found = pattern.match(text, begin)
    return found.end() if found else begin


def _end(text: str, begin: int) -> int:
    """Where the object that begins here closes; where it does not, the next tag or the end.

    Looked for before anything is parsed: an error of the JSON reader costs as much as all the text before it.
    """
    end = _closing(text, begin)
    return end if _STOP.search(text, begin, end) is None else _before_runaway(text, begin, end)


def _before_runaway(text: str, begin: int, end: int) -> int:
    """The first tag in a string that goes on to a quote of something else, as one does that lacks its own."""
    for quoted in _QUOTED.finditer(text, begin, end):
        if quoted[1] is None and (stop := _STOP.search(text, quoted.start(), quoted.end())):
            return stop.start()
    return end


def _closing(text: str, begin: int) -> int:
    depth, position = 0, begin
    while True:
        opened = skip(_OPENERS, text, position)
        depth += opened - position
        position = skip(_FLAT, text, opened)
        if position == opened and text[position : position + 1] not in ("}", "]"):
            return _next_stop(text, position)
        while depth and text[position : position + 1] in ("}", "]"):
            depth, position = depth - 1, position + 1
        if not depth:
            return position


def _next_stop(text: str, begin: int) -> int:
    found = _STOP.search(text, begin)
    return found.start() if found else len(text)


def _read_object(text: str) -> _Object:
    found = _Object()
    try:
        position = skip(_SPACE, text, 1)
        while not text.startswith("}", position):
            key, end = _read_member(found, text, position)
            position = skip(_SPACE, text, end)
            if not text.startswith((",", "}"), position):
                found.running_on = key if text[end : end + 1].isalpha() else ""
                return found
            position = skip(_SPACE, text, position + text.startswith(",", position))
        found.is_whole = True
    except (ValueError, RecursionError):
        pass
    return found


def _read_member(found: _Object, text: str, position: int) -> tuple[str, int]:
    key, end = _DECODER.raw_decode(text, position)
    colon = skip(_SPACE, text, end)
    if not isinstance(key, str) or not text.startswith(":", colon):
        raise ValueError("no member")
    begin = skip(_SPACE, text, colon + 1)
    _, end = _DECODER.raw_decode(text, begin)
    found.values[key] = text[begin:end]
    return key, end


def _call(written: str) -> ToolCall:
    found = _read_object(written)
    if found.running_on == "name":
        return unreadable(written)
    values = found.values
    if values.get("function", "").startswith("{"):
        values = values | _read_object(values["function"]).values
    name = _string(values.get("name")) or _string(values.get("function"))
    arguments = values.get("arguments", values.get("parameters"))
    if not found.is_whole:
        name = name or _found_name(written)
        arguments = arguments or _begun(written)
    if not name:
        return ToolCall(UNNAMED, raw=written, problem=f"the call names no tool: {_HOW}")
    if arguments is not None:
        return ToolCall.from_text(name, _unquoted(arguments))
    if not found.is_whole:
        return ToolCall.from_text(name, written)
    if values.keys() - {"name", "function", "id", "type"}:
        return ToolCall(name, raw=written, problem=_MISPLACED)
    return ToolCall.from_text(name, "{}")


def _found_name(written: str) -> str:
    named = _NAME.search(written)
    return (named[1] or named[2]).rstrip(", ") if named else ""


def _begun(written: str) -> str | None:
    """Arguments that are not JSON, without the brace that closes the object around them."""
    begun = _ARGUMENTS.search(written)
    return written[begun.end() :].removesuffix("}").rstrip() if begun else None


def _unquoted(arguments: str) -> str:
    """Some models write the arguments as a string that holds the JSON, as servers do."""
    if arguments == "null":
        return "{}"
    if not arguments.startswith('"'):
        return arguments
    return _decoded(arguments) or "{}"


def _string(written: str | None) -> str:
    return _decoded(written).strip() if written and written.startswith('"') else ""


def _decoded(written: str) -> str:
    try:
        return str(_DECODER.decode(written))
    except ValueError:
        return written
