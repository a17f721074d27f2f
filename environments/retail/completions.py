"""The calls that a completion makes, in whatever form a model writes them, and whether the form is strictly kept."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from agentgym.jsontext import parse_json
from agentgym.messages import ToolCall
from agentgym.policies.calljson import UNNAMED
from agentgym.policies.completions import split_thoughts
from agentgym.policies.harmony import is_harmony
from agentgym.policies.textcalls import calls_in_text

_BLOCKS = re.compile(r"(?:\s*<tool_call>(?:(?!</?tool_call>).)*</tool_call>)+\s*", re.DOTALL)
_BLOCK = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_ARGUMENTS = ("arguments", "parameters", "kwargs")
_NO_CALL = ToolCall(UNNAMED, problem="not a call")


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a completion asks for."""

    calls: tuple[ToolCall, ...]
    is_strict: bool
    """Whether it is JSON that holds calls, and nothing else."""


def read_predicted(completion: object, names: Collection[str] = ()) -> Predicted | None:
    """The calls of a text, of a message, of several, or of what JSON was read into; None where none can be read.

    `names` are the tools there are: JSON within a code fence is a call only where it names one of them.
    """
    if isinstance(completion, str):
        return _of_text(completion, names)
    if isinstance(completion, Mapping):
        return _of_message(completion, names) if _is_message(completion) else _of_value(completion)
    if not isinstance(completion, Sequence):
        return None
    if completion and all(isinstance(each, Mapping) and _is_message(each) for each in completion):
        return _of_messages(completion, names)
    return _of_value(completion)


def read_listed(value: object) -> tuple[ToolCall, ...] | None:
    """The calls that a list holds, as objects or as JSON text; None where that is not what it holds."""
    if isinstance(value, str):
        value = _parsed(value)
    found = _of_value(value) if isinstance(value, Sequence) and not isinstance(value, str) else None
    return found.calls if found is not None and found.is_strict else None


def _is_message(value: Mapping[str, object]) -> bool:
    return "role" in value or "content" in value


def _of_messages(messages: Sequence[Mapping[str, object]], names: Collection[str]) -> Predicted | None:
    """What the assistant asks for, in all its messages; what it says beside native calls is no prose."""
    said = [message for message in messages if message.get("role", "assistant") == "assistant"]
    read = [_of_message(message, names) for message in said]
    found = [each for each in read if each is not None]
    if not found:
        return None
    is_native = any(message.get("tool_calls") for message in said)
    is_strict = all(each.is_strict for each in found) and (is_native or len(found) == len(read))
    return Predicted(tuple(call for each in found for call in each.calls), is_strict)


def _of_message(message: Mapping[str, object], names: Collection[str]) -> Predicted | None:
    calls = message.get("tool_calls")
    if calls:
        return _of_value(calls)
    content = message.get("content")
    if isinstance(content, Sequence) and not isinstance(content, str):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return _of_text(content, names) if isinstance(content, str) else None


def _of_text(text: str, names: Collection[str]) -> Predicted | None:
    answer, _ = split_thoughts(text)
    answer = answer.strip()
    if answer.startswith(("{", "[")):
        whole = _of_value(_parsed(answer))
        if whole is not None:
            return whole
        begun = _of_value(_parsed(answer[: _json_end(answer)]))
        if begun is not None:
            return Predicted(begun.calls, False)
    if _BLOCKS.fullmatch(answer):
        blocks = [_of_value(_parsed(block.strip())) for block in _BLOCK.findall(answer)]
        if all(block is not None and block.is_strict for block in blocks):
            return Predicted(tuple(call for block in blocks if block is not None for call in block.calls), True)
    return _among_words(text if is_harmony(text) else answer, names)


def _among_words(text: str, names: Collection[str]) -> Predicted | None:
    found = calls_in_text(text, names, fenced=True)
    if all(call.name == UNNAMED for call in found.calls):
        return None
    is_strict = is_harmony(text) and not found.text and all(call.problem is None for call in found.calls)
    return Predicted(found.calls, is_strict)


def _parsed(text: str) -> object:
    try:
        return parse_json(text)
    except ValueError:
        return None


def _json_end(text: str) -> int:
    """Where the JSON ends that the text begins with."""
    try:
        return json.JSONDecoder().raw_decode(text)[1]
    except (ValueError, RecursionError):
        return 0


def _of_value(value: object) -> Predicted | None:
    """`{"tool_calls": [...]}`, a list of calls, or one."""
    if isinstance(value, Mapping) and "tool_calls" in value:
        value = value["tool_calls"]
    elif isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    calls = tuple(_call(each) for each in value)
    if calls and all(call is _NO_CALL for call in calls):
        return None
    return Predicted(calls, _are_whole(calls))


def _are_whole(calls: Iterable[ToolCall]) -> bool:
    return all(call.problem is None for call in calls)


def _call(value: object) -> ToolCall:
    if not isinstance(value, Mapping):
        return _NO_CALL
    function = value.get("function")
    named = function if isinstance(function, Mapping) else value
    name = function if isinstance(function, str) else named.get("name")
    if not isinstance(name, str) or not name:
        return _NO_CALL
    return _with_arguments(name, next((named[key] for key in _ARGUMENTS if key in named), None))


def _with_arguments(name: str, arguments: JsonValue) -> ToolCall:
    if arguments is None or arguments == "":
        return ToolCall(name)
    if isinstance(arguments, Mapping):
        return ToolCall(name, dict(arguments))
    if isinstance(arguments, str):
        return ToolCall.from_text(name, arguments)
    return ToolCall(name, problem="the arguments must be a JSON object")
