"""Whether arguments are what a tool's JSON Schema asks for, as far as tools' schemas go."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject, ToolCall

_TYPES: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


def misfit(schema: JsonObject, arguments: JsonValue) -> str | None:
    """The first thing that is wrong with the arguments; None where nothing is."""
    return next(_wrong(schema, arguments, "", schema), None)


def canonical(call: ToolCall) -> str:
    """Equal for calls of the same tool with the same arguments, in whatever order."""
    import json

    if call.problem is not None:
        return f"{call.name} {call.text}"
    return f"{call.name} {json.dumps(json.loads(dump_json(call.arguments)), sort_keys=True)}"


def _wrong(schema: JsonValue, value: JsonValue, place: str, root: JsonObject) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        yield from _wrong(_referred(root, str(schema["$ref"])), value, place, root)
    options = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(options, list) and all(next(_wrong(option, value, place, root), None) for option in options):
        yield f"{place or 'the arguments'}: fits none of the forms it may have"
    if not _is_of_type(schema.get("type"), value):
        yield f"{place or 'the arguments'}: is no {schema['type']}"
        return
    choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(choices, list) and value not in choices:
        yield f"{place or 'the arguments'}: is none of {dump_json(choices).decode()}"
    yield from _bounds(schema, value, place)
    if isinstance(value, dict):
        yield from _members(schema, value, place, root)
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _wrong(schema.get("items"), item, f"{place}[{number}]", root)


def _members(schema: JsonObject, value: JsonObject, place: str, root: JsonObject) -> Iterator[str]:
    properties, required = schema.get("properties"), schema.get("required")
    known = properties if isinstance(properties, dict) else {}
    for name in required if isinstance(required, list) else ():
        if name not in value:
            yield f"{_inside(place, str(name))}: is missing"
    for name, item in value.items():
        if name in known:
            yield from _wrong(known[name], item, _inside(place, name), root)
        elif schema.get("additionalProperties") is False:
            yield f"{_inside(place, name)}: is unknown"
        else:
            yield from _wrong(schema.get("additionalProperties"), item, _inside(place, name), root)


def _bounds(schema: JsonObject, value: JsonValue, place: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    least, most = schema.get("minimum"), schema.get("maximum")
    if isinstance(least, (int, float)) and value < least:
        yield f"{place}: is less than {least}"
    if isinstance(most, (int, float)) and value > most:
        yield f"{place}: is more than {most}"


def _is_of_type(kind: JsonValue, value: JsonValue) -> bool:
    """In Python, unlike JSON, a boolean is an integer."""
    kinds = [kind] if isinstance(kind, str) else kind
    if not isinstance(kinds, list):
        return True
    if isinstance(value, bool):
        return "boolean" in kinds
    return any(isinstance(value, _TYPES.get(str(each), (object,))) for each in kinds)


def _referred(root: JsonObject, reference: str) -> JsonValue:
    definitions = root.get("$defs")
    return definitions.get(reference.rpartition("/")[2]) if isinstance(definitions, dict) else None


def _inside(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
