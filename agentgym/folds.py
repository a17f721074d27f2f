"""Figures folded from values one at a time: the same in whatever order they come, and in constant memory."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable

from agentgym.errors import UsageError
from agentgym.messages import JsonObject

_FINEST = 1126
"""Every float is a whole number of 2^-1126."""
_BITS = 2.0**53
_LARGEST = sys.float_info.max
_BUCKETS = 100
"""In every power of two."""
_EMPTY = (0, math.inf, -math.inf, 0)
_ZERO = -1000 * _FINEST
"""The bucket of nothing else."""


class ExactSum:
    """A sum without rounding, for adding floats would depend on their order."""

    __slots__ = ("_parts", "_whole")

    def __init__(self) -> None:
        self._whole = 0
        self._parts: dict[int, int] = {}
        """The bits of all floats of one exponent, as whole numbers, which stay small while adding."""

    def add(self, value: float) -> None:
        """Add a finite number."""
        if type(value) is int:
            self._whole += value
            return
        fraction, exponent = math.frexp(value)
        self._parts[exponent] = self._parts.get(exponent, 0) + int(fraction * _BITS)

    def merge(self, other: ExactSum) -> None:
        """Add all that another sum was given."""
        self._whole += other._whole
        for exponent, part in other._parts.items():
            self._parts[exponent] = self._parts.get(exponent, 0) + part

    @property
    def value(self) -> float:
        """The sum, rounded once."""
        return self._over(1)

    def mean(self, count: int) -> float | None:
        """The sum over a count, rounded once; None where nothing was counted."""
        return self._over(count) if count else None

    def _over(self, count: int) -> float:
        return _rounded(self._parts.items(), count, self._whole)


class Percentiles:
    """Percentiles of numbers from zero up, at most 1% off the value of that rank.

    Values share a bucket with those less than 1% larger; each bucket keeps its least and its largest, so that zero,
    the largest value, and whatever is alone in its bucket (every whole number up to 100) are exact.
    """

    __slots__ = ("_buckets", "count")

    def __init__(self) -> None:
        self.count = 0
        self._buckets: dict[int, tuple[int, float, float, int]] = {}
        """How many, the least, the largest, and the sum of their bits, for all in a bucket have one exponent."""

    def add(self, value: float) -> None:
        """Count a value."""
        if not 0 <= value <= _LARGEST:
            raise UsageError(f"percentiles are of finite numbers from zero up, not of {value!r}")
        self.count += 1
        fraction, exponent = math.frexp(value)
        place = (exponent - 1) * _BUCKETS + int(fraction * 2 * _BUCKETS) if value else _ZERO
        count, low, high, bits = self._buckets.get(place, _EMPTY)
        low, high = value if value < low else low, value if value > high else high
        self._buckets[place] = (count + 1, low, high, bits + int(fraction * _BITS))

    def merge(self, other: Percentiles) -> None:
        """Count all that another one was given."""
        self.count += other.count
        for place, (more, least, most, added) in tuple(other._buckets.items()):
            count, low, high, bits = self._buckets.get(place, _EMPTY)
            self._buckets[place] = (count + more, min(low, least), max(high, most), bits + added)

    @property
    def mean(self) -> float | None:
        """Exact up to one rounding, where floats hold the values."""
        parts = [(place // _BUCKETS, bits) for place, (*_, bits) in self._buckets.items() if place != _ZERO]
        return _rounded(parts, self.count) if self.count else None

    @property
    def most(self) -> float | None:
        """The largest value."""
        return self._buckets[max(self._buckets)][2] if self._buckets else None

    def at(self, percent: float) -> float | None:
        """The least value that so many percent of all do not exceed (the nearest rank); None where there is none."""
        if not 0 <= percent <= 100:
            raise UsageError(f"a percentile lies between 0 and 100, not at {percent!r}")
        rank = max(1, math.ceil(self.count * percent / 100))
        for place in sorted(self._buckets):
            count, low, high, _ = self._buckets[place]
            rank -= count
            if rank <= 0:
                return low if low == high else low + (high - low) / 2
        return None

    def to_json(self, *percents: int) -> JsonObject:
        """The mean, the percentiles asked for, and the largest value; nulls where there is none."""
        named: JsonObject = {f"p{percent}": self.at(percent) for percent in percents}
        return {"mean": self.mean, **named, "max": self.most}


def _rounded(parts: Iterable[tuple[int, int]], count: int, whole: int = 0) -> float:
    """What so many exponents and bits, and a whole number, come to over a count."""
    units = sum((bits << (exponent + _FINEST - 53) for exponent, bits in parts), whole << _FINEST)
    try:
        return units / (count << _FINEST)
    except OverflowError:
        return math.inf if units > 0 else -math.inf
