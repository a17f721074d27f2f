"""Whether a call fits its tool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from agentgym.errors import did_you_mean
from agentgym.messages import ToolCall
from agentgym.tools import BadCall
from environments.retail.factory.checks.entries import Entry
from environments.retail.factory.envelope import Call
from environments.retail.factory.normalise import Schema
from environments.retail.typed import TypedRetailEnv

TOOLS = TypedRetailEnv.tools
_PYTHON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def argument_entries(call: Call, index: int) -> Iterator[Entry]:
    """What keeps a call from being carried out at all."""
    tool = TOOLS.get(call.name)
    if tool is None:
        message = f"there is no tool {call.name!r}; {did_you_mean(call.name, TOOLS)}"
        yield Entry("TOOL_UNKNOWN", "error", message, index, call.name, call.name)
        return
    found = list(_faults(call, tool.parameters))
    if not found:
        parsed = tool.parse(ToolCall(call.name, call.arguments))
        found = [("ARG_TYPE", parsed.message, None)] if isinstance(parsed, BadCall) else []
    yield from (Entry(code, "error", message, index, value, call.name) for code, message, value in found)


_Fault = tuple[str, str, JsonValue]


def _faults(call: Call, schema: Schema) -> Iterator[_Fault]:
    known: dict[str, Schema] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in call.arguments:
            yield "ARG_MISSING", f"{name} is missing", name
    for name, value in call.arguments.items():
        if name not in known:
            yield "ARG_UNKNOWN", f"there is no argument {name}; {did_you_mean(name, known)}", name
        elif fault := _value_fault(name, value, known[name]):
            yield fault


def _value_fault(name: str, value: JsonValue, schema: Schema) -> _Fault | None:
    """What is wrong with a value, by the alternative of the schema that it comes nearest to."""
    faults = [_fault_by(name, value, part) for part in schema.get("anyOf", [schema])]
    if None in faults:
        return None
    return next((fault for fault in faults if fault is not None and fault[0] == "ARG_ENUM"), faults[0])


def _fault_by(name: str, value: JsonValue, schema: Schema) -> _Fault | None:
    kind: Any = schema.get("type")
    if isinstance(kind, str) and not _is(value, kind):
        return "ARG_TYPE", f"{name} must be {kind}, and is {value!r}", value
    if "enum" in schema and value not in schema["enum"]:
        return "ARG_ENUM", f"{name} must be one of {schema['enum']}, and is {value!r}", value
    if isinstance(value, list):
        inner = (_fault_by(f"{name}.{place}", part, schema.get("items", {})) for place, part in enumerate(value))
        return next((fault for fault in inner if fault is not None), None)
    return None


def _is(value: JsonValue, kind: str) -> bool:
    return isinstance(value, _PYTHON[kind]) and (kind == "boolean" or not isinstance(value, bool))
