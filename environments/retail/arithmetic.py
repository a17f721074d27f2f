"""Arithmetic that an agent writes: numbers, `+ - * / // **` and brackets, read by a grammar of our own.

Results are Python's, whose whole numbers are exact; how large they grow, and how much work they make, is bounded.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

Number = int | float

_TOKEN = re.compile(r" *(?:(?P<number>\d+\.\d*|\.\d+|\d+)|(?P<sign>\*\*|//|[-+*/()]))")
_LONGEST = 4096
"""Characters of an expression."""
_DEEPEST = 200
"""Brackets within brackets."""
_LARGEST_BITS = 8192
"""Of a whole number: far beyond what a float can hold, and so beyond any result."""
_WORK_BITS = 1 << 18
"""Of all whole numbers together that are larger than a float can hold."""
_BEYOND_FLOAT_BITS = 1100

_BINARY: dict[str, tuple[int, Callable[[Number, Number], Number]]] = {
    "+": (1, operator.add),
    "-": (1, operator.sub),
    "*": (2, operator.mul),
    "/": (2, operator.truediv),
    "//": (2, operator.floordiv),
    "**": (4, operator.pow),
}
_UNARY: dict[str, Callable[[Number], Number]] = {"~+": operator.pos, "~-": operator.neg}
_UNARY_RANK = 3


def evaluate(expression: str) -> Number:
    """The value of an expression; ValueError, or an ArithmeticError, says why there is none."""
    if len(expression) > _LONGEST:
        raise ValueError(f"the expression is longer than {_LONGEST} characters")
    reader = _Reader()
    position, end = 0, len(expression.rstrip(" "))
    while position < end:
        token = _TOKEN.match(expression, position)
        if token is None:
            raise ValueError(f"invalid syntax at character {position}")
        reader.take(token["number"], token["sign"])
        position = token.end()
    return reader.result()


class _Reader:
    """Two stacks, so that no expression is too deep for Python's own."""

    def __init__(self) -> None:
        self._values: list[Number] = []
        self._signs: list[str] = []
        self._open = 0
        self._work_bits = 0
        self._after_value = False

    def take(self, number: str | None, sign: str | None) -> None:
        """The next token."""
        opens = number is not None or sign in ("(", "+", "-")
        if not (sign in _BINARY or sign == ")" if self._after_value else opens):
            raise ValueError("invalid syntax")
        if number is not None:
            self._values.append(_read(number))
            self._after_value = True
        elif sign == "(":
            self._enter()
        elif sign == ")":
            self._leave()
        elif sign is not None:
            self._operator(sign)

    def result(self) -> Number:
        """The value, now that all tokens are taken."""
        if not self._after_value or self._open:
            raise ValueError("invalid syntax: the expression ends too early")
        self._reduce(0)
        return self._values[0]

    def _enter(self) -> None:
        self._open += 1
        if self._open > _DEEPEST:
            raise ValueError("too many nested parentheses")
        self._signs.append("(")

    def _leave(self) -> None:
        if not self._open:
            raise ValueError("unmatched ')'")
        self._open -= 1
        self._reduce(0)
        self._signs.pop()

    def _operator(self, sign: str) -> None:
        if not self._after_value:
            self._signs.append(f"~{sign}")
            return
        rank = _BINARY[sign][0]
        self._reduce(rank + 1 if sign == "**" else rank)  # powers bind to the right
        self._signs.append(sign)
        self._after_value = False

    def _reduce(self, rank: int) -> None:
        """Work off what binds at least as strongly as `rank`."""
        signs, values = self._signs, self._values
        while signs and signs[-1] != "(":
            sign = signs[-1]
            if sign in _UNARY:
                if rank > _UNARY_RANK:
                    return
                values.append(_UNARY[sign](values.pop()))
            else:
                if rank > _BINARY[sign][0]:
                    return
                right = values.pop()
                values.append(self._apply(sign, values.pop(), right))
            signs.pop()

    def _apply(self, sign: str, left: Number, right: Number) -> Number:
        if isinstance(left, int) and isinstance(right, int):
            self._bound(sign, left, right)
        value = _BINARY[sign][1](left, right)
        if isinstance(value, complex):
            raise ValueError("the root of a negative number is no real number")
        return value

    def _bound(self, sign: str, left: int, right: int) -> None:
        bits = max(left.bit_length(), right.bit_length())
        if sign == "*":
            bits = left.bit_length() + right.bit_length()
        elif sign == "**" and right > 0:
            bits = left.bit_length() * right if left not in (-1, 0, 1) else 1
        if bits > _LARGEST_BITS:
            raise ValueError("the numbers are too large")
        if bits > _BEYOND_FLOAT_BITS:
            self._work_bits += bits
        if self._work_bits > _WORK_BITS:
            raise ValueError("the numbers are too large")


def _read(digits: str) -> Number:
    if "." in digits:
        return float(digits)
    if digits[0] == "0" and digits.strip("0"):
        raise ValueError("leading zeros in whole numbers are not permitted")
    return int(digits)
