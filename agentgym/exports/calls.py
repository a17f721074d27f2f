"""Tools and the arguments of calls, as they stand in rows."""

from __future__ import annotations

import orjson
from pydantic import JsonValue

from agentgym.jsontext import dump_json, parse_json
from agentgym.messages import JsonObject, ToolCall


def arguments_text(call: ToolCall) -> str:
    """The arguments as JSON text, always an object: byte for byte where they were one."""
    if call.problem is not None:
        return dump_json(arguments_object(call)).decode()
    return dump_json(call.arguments).decode() if _holds_half_a_pair(call.text) else call.text


def arguments_object(call: ToolCall) -> JsonObject:
    """The arguments as an object; what was none is kept in one, as models are told of it in play."""
    return call.arguments if call.problem is None else {"invalid_arguments": call.text}


def unreadable_count(calls: tuple[ToolCall, ...]) -> int:
    """How many calls have arguments that are no JSON object."""
    return sum(call.problem is not None for call in calls)


def call_of(name: str, arguments: JsonValue, *, id: str = "") -> ToolCall:
    """A call whose arguments stand as an object, or as its text."""
    if arguments is None or arguments == "":
        return ToolCall(name, id=id)
    if isinstance(arguments, dict):
        return ToolCall(name, arguments, id=id)
    return ToolCall.from_text(name, arguments if isinstance(arguments, str) else dump_json(arguments).decode(), id=id)


def read_tools(value: JsonValue) -> tuple[JsonObject, ...]:
    """Tools as chat completions list them, from a list or its JSON text; a function may stand by itself."""
    if isinstance(value, str):
        try:
            value = parse_json(value) if value.strip() else None
        except ValueError as error:
            raise ValueError(f"tools: {error}; give a list of tools, or its JSON text") from None
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ValueError("tools: must be a list of tools, or its JSON text")
    return tuple(map(_read_tool, value))


def plain_tool(tool: JsonObject) -> JsonObject:
    """A tool without its wrapping, where it is a function and nothing else."""
    function = tool.get("function")
    if not isinstance(function, dict) or tool != _wrapped(function):
        return tool
    is_told_apart = "name" in function and "type" not in function and "function" not in function
    return function if is_told_apart else tool


def _holds_half_a_pair(text: str) -> bool:
    """Whether a surrogate without its other half is written in it, which strict readers refuse, orjson among them."""
    if "\\ud" not in text and "\\uD" not in text:
        return False
    try:
        orjson.loads(text)
    except ValueError:
        return True
    return False


def _read_tool(tool: JsonValue) -> JsonObject:
    if isinstance(tool, dict):
        if isinstance(tool.get("function"), dict) or ("type" in tool and tool["type"] != "function"):
            return {"type": "function", **tool}
        if isinstance(tool.get("name"), str):
            return _wrapped(tool)
    raise ValueError('tools: a tool is an object like {"name": "...", "description": "...", "parameters": {...}}')


def _wrapped(function: JsonObject) -> JsonObject:
    return {"type": "function", "function": function}
