"""The fields of a JSON Schema, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject

_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "multipleOf": "a multiple of",
    "minLength": "length at least",
    "maxLength": "length at most",
    "minItems": "items at least",
    "maxItems": "items at most",
    "pattern": "matching",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model, or one parameter of a tool."""

    name: str
    type: str
    required: bool = True
    default: str | None = None
    """As JSON; None where it is made anew each time."""
    description: str = ""

    @property
    def need(self) -> str:
        """Whether it must be given, or what stands for it."""
        if self.required:
            return "required"
        return "optional" if self.default is None else f"default {self.default}"


def read_fields(schema: JsonObject) -> tuple[Field, ...]:
    """A field per property; a schema without any is one nameless field."""
    whole = _resolved(schema)
    if "properties" not in whole:
        return (Field("", _words(whole)),)
    return tuple(
        Field(
            name,
            _words(part),
            name in whole.get("required", ()),
            _json(part["default"]) if "default" in part else None,
            " ".join(part.get("description", "").split()),
        )
        for name, part in whole["properties"].items()
    )


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the top of a schema refers to."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return dict(schema["$defs"][name]) if name else schema


def _words(part: Mapping[str, Any]) -> str:
    """The type in words, with its bounds."""
    return ", ".join([_kind(part), *_bounds(part)])


def _kind(part: Mapping[str, Any]) -> str:
    if "$ref" in part:
        return str(part["$ref"]).rpartition("/")[2]
    if "const" in part:
        return _json(part["const"])
    if "enum" in part:
        return "one of " + ", ".join(map(_json, part["enum"]))
    variants = part.get("anyOf") or part.get("oneOf")
    if variants:
        return " or ".join(map(_words, variants))
    return _container(part)


def _container(part: Mapping[str, Any]) -> str:
    kind = part.get("type", "anything")
    if kind == "array" and isinstance(part.get("items"), dict):
        return f"list of {_words(part['items'])}"
    if kind == "object" and isinstance(part.get("additionalProperties"), dict):
        return f"object of {_words(part['additionalProperties'])}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _bounds(part: Mapping[str, Any]) -> Iterator[str]:
    if part.keys() >= {"minimum", "maximum"}:
        yield f"{_json(part['minimum'])} to {_json(part['maximum'])}"
        part = {key: value for key, value in part.items() if key not in ("minimum", "maximum")}
    yield from (f"{words} {part[key]}" for key, words in _BOUNDS.items() if key in part)


def _json(value: object) -> str:
    return dump_json(value).decode()
