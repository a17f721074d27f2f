"""Decimal numbers as they are written: compared by value without being computed, so that any length costs little."""

from __future__ import annotations

import re
from typing import NamedTuple

_WRITTEN = re.compile(r"([+-]?)(\d*+)(\.\d*+)?(?:[eE]([+-]?\d{1,18}))?", re.ASCII)
_DIGITS = 30
"""More than a float can tell apart."""


class Numeral(NamedTuple):
    """A decimal number; two that are equal by value are equal in all but `whole`."""

    negative: bool
    digits: str
    """Without zeros at either end; of zero itself, none."""
    exponent: int
    whole: bool
    """Written without fraction and exponent."""


def read_numeral(text: str) -> Numeral | None:
    """The number a token stands for; None where it is no decimal number."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    sign, before, after, exponent = found[1], found[2], (found[3] or "")[1:], found[4]
    if not before and not after:
        return None
    digits = (before + after).lstrip("0")
    stripped = digits.rstrip("0")
    power = int(exponent or 0) - len(after) + len(digits) - len(stripped)
    whole = found[3] is None and exponent is None
    return Numeral(sign == "-" and bool(stripped), stripped, power if stripped else 0, whole)


def same_number(wanted: Numeral, given: Numeral) -> bool:
    """Whether both are the same, however written."""
    return wanted[:3] == given[:3]


def near(wanted: Numeral, given: Numeral, tolerance: float) -> bool:
    """Whether they differ by no more than the tolerance, absolutely or relative to what is wanted."""
    if same_number(wanted, given):
        return True
    expected, got = _as_float(wanted), _as_float(given)
    return abs(got - expected) <= tolerance * max(1.0, abs(expected)) < float("inf")


def _as_float(number: Numeral) -> float:
    digits = number.digits[:_DIGITS] or "0"
    value = float(f"{digits}e{number.exponent + len(number.digits) - len(digits)}")
    return -value if number.negative else value
