"""A call's arguments as the original benchmark reads them: leniently."""

from __future__ import annotations

import json

from agentgym.jsontext import DEEPEST
from agentgym.messages import JsonObject, ToolCall


def read_arguments(call: ToolCall) -> JsonObject | None:
    """The arguments with NaN, and the last of two equal keys; None where they are no object, or nested without end."""
    try:
        arguments = json.loads(call.text)
    except (ValueError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) and not _deeper_than(arguments, DEEPEST) else None


def write_arguments(arguments: JsonObject) -> str | None:
    """JSON text that says all the arguments hold, lone surrogates and NaN too; None where JSON cannot hold them."""
    try:
        return json.dumps(arguments)
    except (TypeError, ValueError, RecursionError):
        return None


def _deeper_than(value: object, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [inner for outer in level for inner in _inside(outer)]
    return bool(level)


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
