"""JSON Schemas as models read them: untitled, for titles only repeat names and prompts are paid by the token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from pydantic import JsonValue, TypeAdapter

from agentgym.messages import JsonObject

_BY_NAME = ("properties", "$defs", "patternProperties")
_NOT_SCHEMAS = ("default", "const", "enum", "examples", "required")


def plain_schema(annotation: Any) -> JsonObject:
    """The JSON Schema of a type, untitled."""
    schema = TypeAdapter(annotation).json_schema()
    return cast(JsonObject, _untitled(schema))


def has_number_choices(schema: JsonValue) -> bool:
    """Whether a number or a boolean must be one of a few: there even strict pydantic takes `true` for 1."""
    if isinstance(schema, list):
        return any(map(has_number_choices, schema))
    if not isinstance(schema, dict):
        return False
    return any(isinstance(choice, (int, float)) for choice in _choices(schema)) or any(
        has_number_choices(part) for part in schema.values()
    )


def wrong_choice(schema: JsonValue, value: JsonValue, place: str = "", root: JsonValue = None) -> str | None:
    """What is wrong with a value that equals one of a few choices, but is of another type."""
    root = schema if root is None else root
    if not isinstance(schema, dict):
        return None
    choices = _choices(schema)
    if choices and not any(choice == value and type(choice) is type(value) for choice in choices):
        return f"{place}: Input should be exactly one of {', '.join(map(repr, choices))} (got {value!r})"
    if "$ref" in schema:
        return wrong_choice(_referred(root, str(schema["$ref"])), value, place, root)
    options = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(options, list):
        fitting = [option for option in options if _fits(option, value, root)]
        wrongs = [wrong_choice(option, value, place, root) for option in fitting]
        if None in wrongs:
            return None
        return next(iter(wrongs), f"{place}: Input is of none of the types it may have (got {value!r})")
    inner = (wrong_choice(part, item, f"{place}.{key}".strip("."), root) for key, part, item in _parts(schema, value))
    return next((wrong for wrong in inner if wrong is not None), None)


_TYPES: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


def _fits(schema: JsonValue, value: JsonValue, root: JsonValue) -> bool:
    """Whether the JSON type is right; in Python, unlike JSON, a boolean is an integer."""
    if not isinstance(schema, dict):
        return True
    if "$ref" in schema:
        return _fits(_referred(root, str(schema["$ref"])), value, root)
    kind = schema.get("type")
    if not isinstance(kind, str):
        return True
    return isinstance(value, _TYPES.get(kind, (object,))) and (kind == "boolean" or not isinstance(value, bool))


def _choices(schema: JsonObject) -> list[JsonValue]:
    listed = [schema["const"]] if "const" in schema else schema.get("enum")
    return listed if isinstance(listed, list) else []


def _referred(root: JsonValue, reference: str) -> JsonValue:
    definitions = root.get("$defs") if isinstance(root, dict) else None
    return definitions.get(reference.rpartition("/")[2]) if isinstance(definitions, dict) else None


def _parts(schema: JsonObject, value: JsonValue) -> Iterator[tuple[str, JsonValue, JsonValue]]:
    """What a value holds, each with its own schema."""
    properties, items = schema.get("properties"), schema.get("items")
    if isinstance(value, dict) and isinstance(properties, dict):
        yield from ((key, properties[key], item) for key, item in value.items() if key in properties)
    if isinstance(value, dict):
        yield from ((key, schema.get("additionalProperties"), item) for key, item in value.items())
    if isinstance(value, list):
        yield from ((str(number), items, item) for number, item in enumerate(value))


def _untitled(schema: JsonValue) -> JsonValue:
    if isinstance(schema, list):
        return [_untitled(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _untitled_part(key, part) for key, part in schema.items() if key != "title"}


def _untitled_part(key: str, part: JsonValue) -> JsonValue:
    if key in _NOT_SCHEMAS:
        return part
    if key in _BY_NAME and isinstance(part, dict):
        return {name: _untitled(schema) for name, schema in part.items()}
    return _untitled(part)
