"""Random JSON values that fit a JSON Schema."""

from __future__ import annotations

import math
import string
from collections.abc import Callable
from random import Random

from pydantic import JsonValue

from agentgym.messages import JsonObject

_LETTERS = string.ascii_lowercase + string.digits
_SPAN = 100
_MOST_ITEMS = 3
_DEEPEST = 6


def sample_json(schema: JsonObject, rng: Random) -> JsonValue:
    """A random value of the schema; what a schema cannot say in types (`pattern`, `format`) is only approached."""
    return _Sampler(schema, rng).value(schema, 0)


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
        return {
            name: self.value(part, depth + 1)
            for name, part in named.items()
            if name in needed or (depth < _DEEPEST and self._rng.random() < 0.5)
        }

    def _array(self, schema: JsonObject, depth: int) -> JsonValue:
        prefix = schema.get("prefixItems")
        if isinstance(prefix, list):
            return [self.value(part, depth + 1) for part in prefix]
        least = _whole(schema, "minItems", 0)
        most = _whole(schema, "maxItems", max(least, _MOST_ITEMS if depth < _DEEPEST else 0))
        length = self._rng.randint(least, max(least, min(most, least + _MOST_ITEMS)))
        items = [self.value(schema.get("items"), depth + 1) for _ in range(length)]
        return _distinct(items, least) if schema.get("uniqueItems") else items

    def _string(self, schema: JsonObject, depth: int) -> JsonValue:
        least = _whole(schema, "minLength", 1)
        most = max(least, _whole(schema, "maxLength", least + 10))
        length = self._rng.randint(least, min(most, least + 10))
        return "".join(self._rng.choice(_LETTERS) for _ in range(length))

    def _integer(self, schema: JsonObject, depth: int) -> JsonValue:
        low, high = _bounds(schema)
        step = schema.get("multipleOf")
        unit = int(step) if isinstance(step, (int, float)) else 1
        return self._rng.randint(math.ceil(low / unit), math.floor(high / unit)) * unit

    def _number(self, schema: JsonObject, depth: int) -> JsonValue:
        low, high = _bounds(schema, exclusive_step=0.0)
        value = self._rng.uniform(low, high)
        if value in (schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")):
            value = (low + high) / 2
        return value


def _whole(schema: JsonObject, key: str, default: int) -> int:
    value = schema.get(key)
    return value if isinstance(value, int) else default


def _bounds(schema: JsonObject, exclusive_step: float = 1.0) -> tuple[float, float]:
    """Lowest and highest value; an open side lies a span beyond the other, or beyond zero."""
    lows = [_shifted(schema.get("minimum"), 0.0), _shifted(schema.get("exclusiveMinimum"), exclusive_step)]
    highs = [_shifted(schema.get("maximum"), 0.0), _shifted(schema.get("exclusiveMaximum"), -exclusive_step)]
    low = max((bound for bound in lows if bound is not None), default=None)
    high = min((bound for bound in highs if bound is not None), default=None)
    if low is None and high is None:
        return -_SPAN, _SPAN
    if low is None:
        return (high or 0) - _SPAN, high or 0
    return low, low + _SPAN if high is None else high


def _shifted(bound: JsonValue, by: float) -> float | None:
    return bound + by if isinstance(bound, (int, float)) else None


def _distinct(items: list[JsonValue], least: int) -> list[JsonValue]:
    kept: list[JsonValue] = []
    for item in items:
        if item not in kept:
            kept.append(item)
    return kept if len(kept) >= least else items
