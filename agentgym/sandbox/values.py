"""Results of functions: JSON values, compared by structure and not as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Decimal

from agentgym.sandbox.numerals import Numeral, read_numeral, same_number

SameNumber = Callable[[Numeral, Numeral], bool]
_INFINITE = ("Infinity", "-Infinity")


class _Written(str):
    """A number as it is written, so that one of a million digits costs no more than text."""

    __slots__ = ()


def is_json(text: str) -> bool:
    """Whether the text is one JSON value, such as a result or an argument of a function."""
    try:
        _DECODER.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def same_value(expected: str, got: str, same: SameNumber) -> bool:
    """Whether both are the same JSON but for numbers, of which `same` decides; NaN equals nothing."""
    try:
        pairs: list[tuple[object, object]] = [(_DECODER.decode(expected), _DECODER.decode(got))]
    except (ValueError, RecursionError):
        return False
    while pairs:
        inner = _inside(*pairs.pop(), same)
        if inner is None:
            return False
        pairs.extend(inner)
    return True


def same_kind_and_value(wanted: Numeral, given: Numeral) -> bool:
    """As canonical JSON has it: 1 is not 1.0, but 1.0 is 1.00."""
    return wanted.whole == given.whole and same_number(wanted, given)


def equal_as_python(expected: str, got: str) -> bool:
    """Whether both are equal by Python's `==`, to which True is 1 and 1 is 1.0."""
    try:
        return bool(json.loads(expected, parse_int=Decimal) == json.loads(got, parse_int=Decimal))
    except (ValueError, RecursionError):
        return False


def as_printed(text: str) -> str:
    """A result as a driver prints it that has nothing but its standard output: a text without quotes, else JSON."""
    try:
        value = json.loads(text)
        return value if isinstance(value, str) else json.dumps(value)
    except (ValueError, RecursionError):
        return text


def _inside(wanted: object, given: object, same: SameNumber) -> Iterable[tuple[object, object]] | None:
    """The pairs inside a pair, which have to be the same as well; None where it differs already."""
    if type(wanted) is not type(given):
        return None
    if isinstance(wanted, list) and isinstance(given, list):
        return zip(wanted, given, strict=True) if len(wanted) == len(given) else None
    if isinstance(wanted, dict) and isinstance(given, dict):
        return [(wanted[key], given[key]) for key in wanted] if wanted.keys() == given.keys() else None
    alike = _same_written(wanted, str(given), same) if isinstance(wanted, _Written) else wanted == given
    return () if alike else None


def _same_written(wanted: str, given: str, same: SameNumber) -> bool:
    if wanted in _INFINITE:
        return wanted == given
    numbers = read_numeral(wanted), read_numeral(given)
    return numbers[0] is not None and numbers[1] is not None and same(numbers[0], numbers[1])


_DECODER = json.JSONDecoder(parse_int=_Written, parse_float=_Written, parse_constant=_Written)
