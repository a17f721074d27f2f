"""Figures folded from values one at a time: the same in whatever order they come, and in constant memory."""

from __future__ import annotations

import math

from agentgym.errors import UsageError
from agentgym.messages import JsonObject

_FINEST = 1074
"""Every float is a multiple of 2^-1074."""
_BUCKET = math.log(1.01)


class ExactSum:
    """A sum without rounding, for adding floats would depend on their order."""

    __slots__ = ("_units",)

    def __init__(self) -> None:
        self._units = 0

    def add(self, value: float) -> None:
        """Add a finite number."""
        numerator, denominator = value.as_integer_ratio()
        self._units += numerator << (_FINEST + 1 - denominator.bit_length())

    def merge(self, other: ExactSum) -> None:
        """Add all that another sum was given."""
        self._units += other._units

    @property
    def value(self) -> float:
        """The sum, rounded once."""
        return self._over(1)

    def mean(self, count: int) -> float | None:
        """The sum over a count, rounded once; None where nothing was counted."""
        return self._over(count) if count else None

    def _over(self, count: int) -> float:
        try:
            return self._units / (count << _FINEST)
        except OverflowError:
            return math.inf if self._units > 0 else -math.inf


class Percentiles:
    """Percentiles of numbers from zero up, at most 1% off the value of that rank.

    Values share a bucket with those less than 1% larger; each bucket keeps its least and its largest, so that zero,
    the largest value, and whatever is alone in its bucket (every whole number up to 100) are exact.
    """

    __slots__ = ("_buckets", "_sum", "count")

    def __init__(self) -> None:
        self.count = 0
        self._sum = ExactSum()
        self._buckets: dict[float, tuple[int, float, float]] = {}
        """How many, the least and the largest."""

    def add(self, value: float) -> None:
        """Count a value."""
        if not 0 <= value < math.inf:
            raise UsageError(f"percentiles are of finite numbers from zero up, not of {value!r}")
        self.count += 1
        self._sum.add(value)
        self._fill(math.log(value) // _BUCKET if value else -math.inf, (1, value, value))

    def merge(self, other: Percentiles) -> None:
        """Count all that another one was given."""
        self.count += other.count
        self._sum.merge(other._sum)
        for place, bucket in tuple(other._buckets.items()):
            self._fill(place, bucket)

    @property
    def mean(self) -> float | None:
        """Exact up to one rounding."""
        return self._sum.mean(self.count)

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
            count, low, high = self._buckets[place]
            rank -= count
            if rank <= 0:
                return low if low == high else low + (high - low) / 2
        return None

    def to_json(self, *percents: int) -> JsonObject:
        """The mean, the percentiles asked for, and the largest value; nulls where there is none."""
        named: JsonObject = {f"p{percent}": self.at(percent) for percent in percents}
        return {"mean": self.mean, **named, "max": self.most}

    def _fill(self, place: float, more: tuple[int, float, float]) -> None:
        held = self._buckets.get(place)
        if held is not None:
            more = (held[0] + more[0], min(held[1], more[1]), max(held[2], more[2]))
        self._buckets[place] = more
