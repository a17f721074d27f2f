"""Whether what a program gave is what was expected: decided here, outside every sandbox, at linear cost."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache, partial

from agentgym.errors import SandboxFault, UsageError, boundary
from agentgym.sandbox.contract import Checker
from agentgym.sandbox.numerals import Numeral, near, read_numeral, same_number

MODES = ("exact", "tokens", "float(TOLERANCE)", "lcb", "fusion")
_TOKENS_TOLERANCE = 1e-6
_FLOAT = re.compile(r"float\(([^()]*)\)")
_FUSION_TOLERANCE = 1e-5
_FUSION_LEAST = 1e-10
Comparison = Callable[[str, str], bool]
"""Of what is expected and what is got."""
SameToken = Callable[[str, str], bool]


def agree(checker: Checker, case_input: str, expected: str, got: str, *, function: bool = False) -> bool:
    """Whether what was got is right; of a function, both are JSON.

    `exact`: the same text but for newlines at its end. `tokens`: line by line the same tokens; decimal numbers by
    value, and within 1e-6 where the expected one has a fraction or an exponent. `float(TOLERANCE)`: so too, within the
    tolerance unless both are whole numbers. `lcb` and `fusion`: as LiveCodeBench and SandboxFusion judge.
    UsageError for an unknown checker; SandboxFault where a function of the caller's own breaks.
    """
    if isinstance(checker, str):
        return _comparison(checker, function)(expected, got)
    refuse_unknown(checker)
    return _asked(checker, case_input, expected, got)


def refuse_unknown(checker: Checker) -> None:
    """UsageError unless the checker is one of the modes, or a plain function."""
    if isinstance(checker, str):
        _comparison(checker, False)
        return
    if not callable(checker):
        raise UsageError(f"the checker {checker!r} is none: write {_modes()}")
    from inspect import iscoroutinefunction

    if iscoroutinefunction(checker) or iscoroutinefunction(getattr(checker, "__call__", None)):  # noqa: B004 # its kind
        raise UsageError(f"the checker {_name(checker)!r} is an async function; write it as a plain one")


def _asked(checker: Callable[[str, str, str], bool], case_input: str, expected: str, got: str) -> bool:
    with boundary(SandboxFault, f"the checker {_name(checker)!r}"):
        answer: object = checker(case_input, expected, got)
        if answer is None or hasattr(type(answer), "__await__"):
            raise TypeError(f"it returned {type(answer).__name__} instead of True or False")
        return bool(answer)


def _name(checker: object) -> str:
    return getattr(checker, "__qualname__", type(checker).__qualname__)


def _modes() -> str:
    return f"{', '.join(MODES)}, or a function of (input, expected, got)"


@lru_cache
def _comparison(mode: str, function: bool) -> Comparison:
    if mode.startswith("float"):
        tolerance = _tolerance(mode)
        return _of_values(partial(_loosely, tolerance)) if function else _of_tokens(partial(_loosely, tolerance))
    if mode not in _TEXT:
        raise UsageError(f"no checker {mode!r}; there are: {_modes()}")
    return (_VALUES if function else _TEXT)[mode]()


def _tolerance(mode: str) -> float:
    found = _FLOAT.fullmatch(mode)
    try:
        tolerance = float(found[1]) if found else -1.0
    except ValueError:
        tolerance = -1.0
    if not 0 <= tolerance < float("inf"):
        raise UsageError(f"no checker {mode!r}; write float(TOLERANCE), such as float(1e-6)")
    return tolerance


def _strictly(wanted: Numeral, given: Numeral) -> bool:
    """By value, and loosely where the expected number is not written as a whole one."""
    return same_number(wanted, given) if wanted.whole else near(wanted, given, _TOKENS_TOLERANCE)


def _loosely(tolerance: float, wanted: Numeral, given: Numeral) -> bool:
    both_whole = wanted.whole and given.whole
    return same_number(wanted, given) if both_whole else near(wanted, given, tolerance)


def _of_tokens(same: Callable[[Numeral, Numeral], bool]) -> Comparison:
    def same_token(wanted: str, given: str) -> bool:
        if wanted == given:
            return True
        numbers = read_numeral(wanted), read_numeral(given)
        return numbers[0] is not None and numbers[1] is not None and same(numbers[0], numbers[1])

    return partial(_same_lines, same_token)


def _of_values(same: Callable[[Numeral, Numeral], bool]) -> Comparison:
    from agentgym.sandbox.values import same_value

    return lambda expected, got: same_value(expected, got, same)


def _same_lines(same_token: SameToken, expected: str, got: str) -> bool:
    if expected == got:
        return True
    wanted, given = expected.rstrip().split("\n"), got.rstrip().split("\n")
    return len(wanted) == len(given) and all(map(partial(_same_line, same_token), wanted, given))


def _same_line(same_token: SameToken, expected: str, got: str) -> bool:
    if expected == got:
        return True
    wanted, given = expected.split(), got.split()
    return len(wanted) == len(given) and all(map(same_token, wanted, given))


def _exact(expected: str, got: str) -> bool:
    return expected.rstrip("\r\n") == got.rstrip("\r\n")


def _lcb(expected: str, got: str) -> bool:
    wanted, given = _stripped_lines(expected), _stripped_lines(got)
    return len(wanted) == len(given) and all(map(_lcb_line, wanted, given))


def _lcb_line(expected: str, got: str) -> bool:
    if expected == got:
        return True
    try:
        return [Decimal(token) for token in got.split()] == [Decimal(token) for token in expected.split()]
    except ArithmeticError:
        return False


def _fusion(expected: str, got: str) -> bool:
    wanted, given = _stripped_lines(expected), _stripped_lines(got)
    return len(wanted) == len(given) and all(map(_fusion_line, wanted, given))


def _fusion_line(expected: str, got: str) -> bool:
    if expected.lower() == got.lower():
        return True
    try:
        wanted, given = float(expected), float(got)
    except ValueError:
        return False
    return abs(given - wanted) / max(abs(wanted), _FUSION_LEAST) < _FUSION_TOLERANCE


def _stripped_lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]


def _exact_value() -> Comparison:
    from agentgym.sandbox.values import same_kind_and_value

    return _of_values(same_kind_and_value)


def _lcb_value() -> Comparison:
    from agentgym.sandbox.values import equal_as_python

    return equal_as_python


def _fusion_value() -> Comparison:
    from agentgym.sandbox.values import as_printed

    return lambda expected, got: _fusion(as_printed(expected), as_printed(got))


_TEXT: dict[str, Callable[[], Comparison]] = {
    "exact": lambda: _exact,
    "tokens": lambda: _of_tokens(_strictly),
    "lcb": lambda: _lcb,
    "fusion": lambda: _fusion,
}
_VALUES: dict[str, Callable[[], Comparison]] = {
    "exact": _exact_value,
    "tokens": lambda: _of_values(_strictly),
    "lcb": _lcb_value,
    "fusion": _fusion_value,
}
