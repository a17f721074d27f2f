"""Random JSON values that fit a JSON Schema."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random
from typing import Any

from pydantic import JsonValue

from agentgym.messages import JsonObject

_FORMATS = {
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "duration": "PT0S",
    "email": "a@example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "time": "00:00:00",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uuid4": "00000000-0000-4000-8000-000000000000",
}
_RUN = 17  # how many lengths of a repeated letter are tried against a pattern
_TRIES = 50
_LETTERS = string.ascii_lowercase + string.digits
_SPAN = 100
_MOST_ITEMS = 3
_DEEPEST = 6


def sample_json(schema: JsonObject, rng: Random) -> JsonValue:
    """A random value of the schema; what a schema cannot say in types (`pattern`, `format`) is only approached."""
    return _Sampler(schema, rng).value(schema, 0)


def known_texts(schema: Mapping[str, Any], lengths: range) -> list[str]:
    """Texts that fit a schema which asks for more than a length; none where nothing is known to fit."""
    known = schema.get("examples") or [_FORMATS.get(schema.get("format", ""))]
    if examples := [text for text in known if isinstance(text, str) and len(text) in lengths]:
        return examples
    runs = [letter * length for letter in "0aA" for length in lengths[:_RUN]]
    tried = [schema["default"]] if isinstance(schema.get("default"), str) else runs
    with suppress(re.error):
        return [text for text in tried if "pattern" in schema and re.search(schema["pattern"], text)]
    return []


class _Sampler:
    def __init__(self, root: JsonObject, rng: Random) -> None:
        definitions = root.get("$defs")
        self._definitions: JsonObject = definitions if isinstance(definitions, dict) else {}
        self._rng = rng

    def value(self, schema: JsonValue, depth: int) -> JsonValue:
        """A value of one schema; below the deepest level the shortest choices are taken."""
        if not isinstance(schema, dict):
            return self._rng.choice(["", 0, True, None])
        if "const" in schema:
            return schema["const"]
        match schema:
            case {"$ref": str(reference)}:
                return self.value(self._definitions[reference.rpartition("/")[2]], depth)
            case {"enum": [*choices]}:
                return self._rng.choice(choices)
            case {"anyOf": [*options]} | {"oneOf": [*options]}:
                return self.value(self._option(options, depth), depth)
            case {"allOf": [*parts]}:
                return self.value(
                    {key: item for part in parts if isinstance(part, dict) for key, item in part.items()},
                    depth,
                )
        kind = schema.get("type")
        return self._typed(schema, str(kind), depth)

    def _option(self, options: list[JsonValue], depth: int) -> JsonValue:
        numbers = [option for option in options if option == {"type": "number"}]
        if numbers and len(options) == 2 and {"type": "string"} in options:
            return numbers[0]  # the schema of a decimal, whose text is not just any
        if depth < _DEEPEST:
            return self._rng.choice(options)
        return min(options, key=lambda option: "$ref" in option if isinstance(option, dict) else False)

    def _typed(self, schema: JsonObject, kind: str, depth: int) -> JsonValue:
        makers: dict[str, Callable[[JsonObject, int], JsonValue]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": lambda *_: self._rng.random() < 0.5,
            "null": lambda *_: None,
        }
        return makers.get(kind, self._string)(schema, depth)

    def _object(self, schema: JsonObject, depth: int) -> JsonValue:
        properties = schema.get("properties")
        required = schema.get("required")
        named = properties if isinstance(properties, dict) else {}
        needed = required if isinstance(required, list) else []
        made = {
            name: self.value(part, depth + 1)
            for name, part in named.items()
            if name in needed or (depth < _DEEPEST and self._rng.random() < 0.5)
        }
        others = schema.get("additionalProperties")
        if isinstance(others, dict) and depth < _DEEPEST:
            made |= {letter: self.value(others, depth + 1) for letter in "ab"[: self._rng.randint(0, 2)]}
        return made

    def _array(self, schema: JsonObject, depth: int) -> JsonValue:
        prefix = schema.get("prefixItems")
        if isinstance(prefix, list):
            return [self.value(part, depth + 1) for part in prefix]
        least = _whole(schema, "minItems", 0)
        most = _whole(schema, "maxItems", max(least, _MOST_ITEMS if depth < _DEEPEST else 0))
        length = self._rng.randint(least, max(least, min(most, least + _MOST_ITEMS)))
        items: list[JsonValue] = []
        for _ in range(length if not schema.get("uniqueItems") else _TRIES):
            item = self.value(schema.get("items"), depth + 1)
            if len(items) < length and not (schema.get("uniqueItems") and item in items):
                items.append(item)
        return items

    def _string(self, schema: JsonObject, depth: int) -> JsonValue:
        least = _whole(schema, "minLength", 1)
        most = max(least, _whole(schema, "maxLength", least + 10))
        if known := known_texts(schema, range(_whole(schema, "minLength", 0), _whole(schema, "maxLength", 1000) + 1)):
            return self._rng.choice(known)
        length = self._rng.randint(least, min(most, least + 10))
        return "".join(self._rng.choice(_LETTERS) for _ in range(length))

    def _integer(self, schema: JsonObject, depth: int) -> JsonValue:
        low, high = _bounds(schema)
        unit = max(1, round(_unit(schema)))
        return self._rng.randint(math.ceil(low / unit), max(math.ceil(low / unit), math.floor(high / unit))) * unit

    def _number(self, schema: JsonObject, depth: int) -> JsonValue:
        low, high = _bounds(schema, exclusive_step=0)
        unit = _unit(schema)
        if unit:
            return self._rng.randint(math.ceil(low / unit), max(math.ceil(low / unit), math.floor(high / unit))) * unit
        value = self._rng.uniform(low, high)
        if value in (schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")):
            value = (low + high) / 2
        return value


def _unit(schema: JsonObject) -> float:
    unit = schema.get("multipleOf")
    return unit if isinstance(unit, (int, float)) else 0


def _whole(schema: JsonObject, key: str, default: int) -> int:
    value = schema.get(key)
    return value if isinstance(value, int) else default


def _bounds(schema: JsonObject, exclusive_step: int = 1) -> tuple[float, float]:
    """Lowest and highest value; an open side lies a span beyond the other, or beyond zero."""
    lows = [_shifted(schema.get("minimum"), 0), _shifted(schema.get("exclusiveMinimum"), exclusive_step)]
    highs = [_shifted(schema.get("maximum"), 0), _shifted(schema.get("exclusiveMaximum"), -exclusive_step)]
    low = max((bound for bound in lows if bound is not None), default=None)
    high = min((bound for bound in highs if bound is not None), default=None)
    if low is None and high is None:
        return -_SPAN, _SPAN
    if low is None:
        return (high or 0) - _SPAN, high or 0
    return low, low + _SPAN if high is None else high


def _shifted(bound: JsonValue, by: int) -> float | None:
    return bound + by if isinstance(bound, (int, float)) else None
