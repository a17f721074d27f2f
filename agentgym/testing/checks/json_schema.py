"""Whether a JSON Schema is one, as far as its shape tells, and what types of values it takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from pydantic import JsonValue

from agentgym.messages import JsonObject

TYPES = ("string", "integer", "number", "boolean", "null", "array", "object")
_SCHEMAS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SCHEMA = ("items", "additionalProperties", "not", "contains", "propertyNames")
_NAMED_SCHEMAS = ("properties", "$defs", "patternProperties")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_SIZES = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_TEXTS = ("description", "title", "format", "$comment")


def problems(schema: JsonValue, root: JsonObject, path: str) -> Iterator[str]:
    """Everything about a schema, and the schemas in it, that no reader of schemas would understand."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield f"{path} is {schema!r:.60}, not a schema"
        return
    for key, value in schema.items():
        wanted = _EXPECTED.get(key)
        if wanted is not None and not wanted[1](value):
            yield f"{path}.{key} is {value!r:.60}, not {wanted[0]}"
        elif key == "$ref" and _resolve(value, root) is None:
            yield f"{path}.$ref {value!r} leads nowhere"
        else:
            for place, part in _parts(key, value):
                yield from problems(part, root, f"{path}.{place}")


def accepted_types(schema: JsonValue, root: JsonObject) -> frozenset[str]:
    """The JSON types among whose values the schema takes any; all where it does not say."""
    if not isinstance(schema, dict):
        return frozenset(TYPES)
    match schema:
        case {"$ref": reference}:
            return accepted_types(_resolve(reference, root), root)
        case {"anyOf": [*options]} | {"oneOf": [*options]}:
            return frozenset().union(*(accepted_types(option, root) for option in options))
        case {"const": value}:
            return frozenset({json_type(value)})
        case {"enum": [*values]}:
            return frozenset(json_type(value) for value in values)
        case {"type": str(name)}:
            return accepted_types({"type": [name]}, root)
        case {"type": [*names]} if _is_type(names):
            return frozenset(map(str, names)) | ({"integer"} if "number" in names else frozenset())
    return frozenset(TYPES)


def json_type(value: JsonValue) -> str:
    """What JSON Schema calls the type of a value."""
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "integer", float: "number", type(None): "null", list: "array", dict: "object"}
    return names[type(value)]


def _resolve(reference: JsonValue, root: JsonObject) -> JsonValue:
    """What a reference within the document points at, or None."""
    place: JsonValue = root
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    for key in reference.removeprefix("#").split("/")[1:]:
        place = place.get(key) if isinstance(place, dict) else None
    return place


def _parts(key: str, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """The schemas under a keyword."""
    if key in _SCHEMA:
        yield key, value
    elif key in _SCHEMAS and isinstance(value, list):
        yield from ((f"{key}[{position}]", part) for position, part in enumerate(value))
    elif key in _NAMED_SCHEMAS and isinstance(value, dict):
        yield from ((f"{key}.{name}", part) for name, part in value.items())


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_size(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_type(value: JsonValue) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(name in TYPES for name in names)


def _are_names(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) and value.count(name) == 1 for name in value)


def _is_pattern(value: JsonValue) -> bool:
    try:
        re.compile(str(value))
    except re.error:
        return False
    return isinstance(value, str)


def _is_filled_list(value: JsonValue) -> bool:
    return isinstance(value, list) and bool(value)


_Expected: TypeAlias = dict[str, tuple[str, Callable[[JsonValue], bool]]]
_EXPECTED: _Expected = {
    "type": (f"one or several of {', '.join(TYPES)}", _is_type),
    "required": ("a list of different names", _are_names),
    "pattern": ("a regular expression", _is_pattern),
    "enum": ("a list of values", _is_filled_list),
    **{key: ("a list of schemas", _is_filled_list) for key in _SCHEMAS},
    **{key: ("an object of schemas", lambda value: isinstance(value, dict)) for key in _NAMED_SCHEMAS},
    **{key: ("a number", _is_number) for key in _NUMBERS},
    **{key: ("a length", _is_size) for key in _SIZES},
    **{key: ("text", lambda value: isinstance(value, str)) for key in _TEXTS},
}
