"""JSON Schemas as models read them: untitled, for titles only repeat names and prompts are paid by the token."""

from __future__ import annotations

from typing import Any, cast

from pydantic import JsonValue, TypeAdapter

from agentgym.messages import JsonObject

_BY_NAME = ("properties", "$defs", "patternProperties")
_NOT_SCHEMAS = ("default", "const", "enum", "examples", "required")


def plain_schema(annotation: Any) -> JsonObject:
    """The JSON Schema of a type, untitled."""
    schema = TypeAdapter(annotation).json_schema()
    return cast(JsonObject, _untitled(schema))


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
