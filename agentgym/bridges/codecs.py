"""Codecs: how JSON values of each shape become elements of gymnasium spaces, and come back."""

from __future__ import annotations

import json
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from itertools import islice
from operator import itemgetter
from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Dict, Discrete, Tuple
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate
from pydantic import JsonValue

from agentgym.bridges.texts import AnyText
from agentgym.jsontext import parse_json

CUT = "…[cut]"
"""What ends a text that was too long for its space."""

_MODEST = 1024  # integers up to this many are a Discrete: flattening one writes that many zeros
_FIRST, _LAST = -(2**63), 2**63 - 2  # Box.sample adds one to the upper bound, so 2**63 - 1 is out of reach

Schema = Mapping[str, Any]


class Codec(ABC):
    """A space, the way of JSON values into it, and the way back."""

    space: Space[Any]

    @abstractmethod
    def encode(self, value: JsonValue) -> Any:
        """The element of the space that stands for the value; ValueError if none can."""

    @abstractmethod
    def decode(self, element: Any) -> JsonValue:
        """The value that the element stands for, in plain Python types."""


class Leaf(Codec):
    """A codec of values without parts, which knows the one to stand where there is none."""

    least: JsonValue


class Choice(Leaf):
    """One of a few values, by its place among them."""

    def __init__(self, values: Sequence[JsonValue]) -> None:
        self.least = values[0]
        self.space = Discrete(len(values))
        self._texts = [_canonical(value) for value in values]  # texts tell True from 1, values do not

    def encode(self, value: JsonValue) -> np.int64:
        if (text := _canonical(value)) not in self._texts:
            raise _refusal(value, f"one of {', '.join(self._texts)}")
        return np.int64(self._texts.index(text))

    def decode(self, element: Any) -> JsonValue:
        if not 0 <= (index := int(element)) < len(self._texts):
            raise _refusal(element, f"an index below {len(self._texts)}")
        value: JsonValue = json.loads(self._texts[index])
        return value


class Whole(Leaf):
    """A bounded integer, counted in steps where it has to be a multiple."""

    def __init__(self, schema: Schema) -> None:
        self._step = int(schema.get("multipleOf", 1))
        low = max(schema.get("minimum", _FIRST), schema.get("exclusiveMinimum", _FIRST - 1) + 1, _FIRST)
        high = min(schema.get("maximum", _LAST), schema.get("exclusiveMaximum", _LAST + 1) - 1, _LAST)
        self._range = range(-(-low // self._step), high // self._step + 1)
        if not self._range:
            raise ValueError(f"no integer of 64 bits meets {dict(schema)}")
        self.space = _whole_space(self._range)
        self.least = min(max(0, self._range[0]), self._range[-1]) * self._step

    def encode(self, value: JsonValue) -> Any:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _refusal(value, "an integer")
        steps, rest = divmod(value, self._step)
        if rest or steps not in self._range:
            raise _refusal(value, f"a step of {self._step} in {self.space}")
        return np.int64(steps) if isinstance(self.space, Discrete) else np.array(steps, np.int64)

    def decode(self, element: Any) -> JsonValue:
        steps: int = np.asarray(element).item()
        return steps * self._step


class Real(Leaf):
    """A finite number."""

    def __init__(self, schema: Schema) -> None:
        self._low, self._high = _real_bounds(schema)
        self.space = Box(self._low, self._high, (), np.float64)
        self.least = min(max(0.0, self._low), self._high)

    def encode(self, value: JsonValue) -> Any:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _refusal(value, "a number")
        if not (self._low <= value <= self._high and abs(value) <= sys.float_info.max):
            raise _refusal(value, f"a finite number in {self.space}")
        return np.array(value, np.float64)

    def decode(self, element: Any) -> JsonValue:
        return float(np.asarray(element).item())


class Words(Leaf):
    """A text, which is cut to its space if it has no bound of its own."""

    def __init__(self, space: AnyText, *, cut: bool) -> None:
        self.space: AnyText = space
        self.least = space.examples[0] if space.examples else "0" * space.min_length
        self._cut = cut

    def encode(self, value: JsonValue) -> str:
        if not isinstance(value, str):
            raise _refusal(value, "a text")
        room = self.space.max_length
        text = value[: room - len(CUT)] + CUT if self._cut and len(value) > room else value
        if text not in self.space:
            raise _refusal(value, f"a text of {self.space.min_length} to {room} characters")
        return text

    def decode(self, element: Any) -> str:
        if not isinstance(element, str):
            raise _refusal(element, "a text")
        return str(element)


class Free(Leaf):
    """Any JSON value, written out as text."""

    def __init__(self, least: JsonValue, max_text: int) -> None:
        example = _written(least)
        self.least = least
        self._words = Words(AnyText(max(max_text, len(example)), examples=[example]), cut=True)
        self.space = self._words.space

    def encode(self, value: JsonValue) -> str:
        return self._words.encode(_written(value))

    def decode(self, element: Any) -> JsonValue:
        """The value written there, or the text itself if it is not JSON: its type is to judge it."""
        text = self._words.decode(element)
        try:
            return parse_json(text)
        except ValueError:
            return text


class Record(Codec):
    """An object with known fields; one that may be absent is coded as a list of none or one."""

    def __init__(self, fields: Mapping[str, Codec], absent: frozenset[str], defaults: Schema) -> None:
        self.space = Dict({name: codec.space for name, codec in fields.items()})
        self._fields, self._absent = fields, absent
        self._defaults = {**defaults, **{name: [] for name in absent}}

    def encode(self, value: JsonValue) -> Any:
        if not isinstance(value, dict):
            raise _refusal(value, "an object")
        given = {name: [item] if name in self._absent else item for name, item in value.items()}
        given = {**self._defaults, **given}
        if missing := self._fields.keys() - given.keys():
            raise _refusal(value, f"an object with {', '.join(sorted(missing))}")
        return {name: codec.encode(given[name]) for name, codec in self._fields.items()}

    def decode(self, element: Any) -> JsonValue:
        read: dict[str, Any] = {name: codec.decode(element[name]) for name, codec in self._fields.items()}
        present = {name: read.pop(name) for name in self._absent}
        return read | {name: items[0] for name, items in present.items() if items}


class Row(Codec):
    """A list whose places each have a type of their own."""

    def __init__(self, slots: Sequence[Codec]) -> None:
        self.space = Tuple([slot.space for slot in slots])
        self._slots = slots

    def encode(self, value: JsonValue) -> Any:
        if not isinstance(value, list) or len(value) != len(self._slots):
            raise _refusal(value, f"a list of {len(self._slots)}")
        return tuple(slot.encode(item) for slot, item in zip(self._slots, value, strict=True))

    def decode(self, element: Any) -> JsonValue:
        return [slot.decode(item) for slot, item in zip(self._slots, element, strict=True)]


class Batch(Codec):
    """A list of fixed length, laid out as a vector environment lays out its environments."""

    def __init__(self, item: Codec, length: int) -> None:
        self.space = batch_space(item.space, length)
        self.item, self.length = item, length

    def encode(self, value: JsonValue) -> Any:
        if not isinstance(value, list) or len(value) != self.length:
            raise _refusal(value, f"a list of {self.length}")
        return self.join([self.item.encode(item) for item in value])

    def join(self, elements: Sequence[Any]) -> Any:
        """The element made of those of the items."""
        empty: Any = create_empty_array(self.item.space, self.length)
        return concatenate(self.item.space, elements, empty)

    def decode(self, element: Any) -> JsonValue:
        return list(self.split(element))

    def split(self, element: Any) -> Iterator[JsonValue]:
        """The values of the items, one after the other."""
        return (self.item.decode(item) for item in iterate(self.space, element))


class Many(Codec):
    """A list of varying length: how many, and a batch of them filled up with blanks."""

    def __init__(self, batch: Batch, least: int, blank: JsonValue, *, cut: bool) -> None:
        self._batch, self._blank = batch, batch.item.encode(blank)
        self._sizes = range(least, sys.maxsize if cut else batch.length + 1)
        self._longest = batch.length + cut
        length = Discrete(self._longest - least + 1, start=least)
        self.space = Dict({"length": length, "items": batch.space})

    def encode(self, value: JsonValue) -> Any:
        if not isinstance(value, list) or len(value) not in self._sizes:
            raise _refusal(value, f"a list of {self._sizes[0]} to {self._sizes[-1]}")
        elements = [self._batch.item.encode(item) for item in value[: self._batch.length]]
        blanks = [self._blank] * (self._batch.length - len(elements))
        length = np.int64(min(len(value), self._longest))
        return {"length": length, "items": self._batch.join([*elements, *blanks])}

    def decode(self, element: Any) -> JsonValue:
        return list(islice(self._batch.split(element["items"]), int(element["length"])))


class Either(Codec):
    """One of several types: which one, its element, and blanks for the others."""

    def __init__(self, cases: Sequence[tuple[Codec, JsonValue]]) -> None:
        self._cases = {f"case{kind}": case for kind, (case, _) in enumerate(cases)}
        self._blanks = {f"case{kind}": case.encode(blank) for kind, (case, blank) in enumerate(cases)}
        spaces = {name: case.space for name, case in self._cases.items()}
        self.space = Dict({"kind": Discrete(len(cases)), **spaces})

    def encode(self, value: JsonValue) -> Any:
        readings = list(self._readings(value))
        if not readings:
            raise _refusal(value, "a case of the union")
        _, kind, element = max(readings, key=itemgetter(0))
        return {**deepcopy(self._blanks), "kind": np.int64(kind), f"case{kind}": element}

    def _readings(self, value: JsonValue) -> Iterator[tuple[tuple[bool, int, int], int, Any]]:
        """Each case that takes the value, ranked by how like the value it gives back."""
        for kind, case in enumerate(self._cases.values()):
            with suppress(ValueError):
                element = case.encode(value)
                yield _likeness(value, case.decode(element)), kind, element

    def decode(self, element: Any) -> JsonValue:
        name = f"case{int(element['kind'])}"
        return self._cases[name].decode(element[name])


def _whole_space(numbers: range) -> Space[Any]:
    """The space of a run of integers."""
    low, high = numbers[0], numbers[-1]
    if high - low < _MODEST:
        return Discrete(len(numbers), start=low)
    # Infinite bounds make samples small; what they leave as the upper bound would overflow in a batch.
    space = Box(-np.inf if low == _FIRST else low, np.inf if high == _LAST else high, (), np.int64)
    np.minimum(space.high, high, out=space.high)
    return space


def _real_bounds(schema: Schema) -> tuple[float, float]:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    if "exclusiveMinimum" in schema:
        low = max(low, math.nextafter(schema["exclusiveMinimum"], math.inf))
    if "exclusiveMaximum" in schema:
        high = min(high, math.nextafter(schema["exclusiveMaximum"], -math.inf))
    return float(low), float(high)


def _likeness(value: JsonValue, back: JsonValue) -> tuple[bool, int, int]:
    """Whether all came back, how few fields were lost or added, and how much came back."""
    fields, fields_back = (item.keys() if isinstance(item, dict) else set() for item in (value, back))
    text = _canonical(back)
    return text == _canonical(value), -len(fields ^ fields_back), len(text)


def _canonical(value: JsonValue) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def _written(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _refusal(value: object, wanted: str) -> ValueError:
    return ValueError(f"expected {wanted}, got {value!r:.80}")
