"""How a failure is talked of: whether a text names a concrete one."""

# ruff: noqa: RUF001 - Chinese has its own punctuation

from __future__ import annotations

import builtins
import re

_BUILTIN = sorted(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
)
# What stands beside a name may be Chinese, whose characters count as letters: no \b.
_ERROR_NAME = re.compile(
    rf"(?<![A-Za-z0-9_])(?:(?!(?:Exception|Warning)(?![A-Za-z]))(?:{'|'.join(_BUILTIN)})"
    r"|[A-Z][A-Za-z0-9_]*(?:Error|Exception))(?![A-Za-z0-9_])"
)
_LOWER_NAME = re.compile(
    rf"(?<![A-Za-z0-9_])(?:{'|'.join(name for name in _BUILTIN if name.endswith('Error'))})(?![A-Za-z0-9_])",
    re.IGNORECASE,
)
_TRACEBACK = re.compile("traceback", re.IGNORECASE)
_LINE = re.compile(r"(?<![a-z])lines?[\s:#]+(?:no\.?\s*|number\s+)?\d|\.py:\d|第\s*\d+\s*行", re.IGNORECASE)
_MESSAGE = re.compile(
    r"\bindex out of range|(?:division|modulo) by zero|name '\w+' is not defined|has no attribute|unsupported operand"
    r"|not subscriptable|object is not (?:callable|iterable)|invalid literal for|maximum recursion depth"
    r"|invalid syntax|unexpected indent|expected an indented block|positional arguments? but",
    re.IGNORECASE,
)
"""What the interpreter says where something goes wrong."""
_RESULT = re.compile(
    r"(?:expect(?:ed)?|期望|预期)(?:的是|是|为)?\s*[:：]?\s*[-\d\"'\[({].{0,400}?"
    r"(?:\bgot|actual(?:ly)?|return(?:s|ed)|print(?:s|ed)|实际|得到|输出)(?:的是|是|为)?\s*[:：]?\s*[-\d\"'\[({]"
    r"|^(?:expected|期望)[:：].{0,400}?^(?:got|actual|实际)[:：]",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
"""A value beside the one that was expected."""
_RAISED = re.compile(r"^\s*[A-Z][A-Za-z0-9_.]*(?:Error|Exception)\s*[:：]", re.MULTILINE)
_EXPECTED = re.compile(r"expect|should (?:be|give|return|print)|期望|预期|应为|应该", re.IGNORECASE)
_GOT = re.compile(r"\bgot\b|actual|return|print|instead|实际|得到|输出", re.IGNORECASE)
_SLOW = re.compile(r"time(?:d)?[ _-]?(?:out|limit)|CPU time|CPU 时间|超时", re.IGNORECASE)


_LEAKS = (_ERROR_NAME, _LOWER_NAME, _TRACEBACK, _LINE, _SLOW, _MESSAGE, _RESULT)
_FAILURES = (_ERROR_NAME, _LOWER_NAME, _TRACEBACK, _SLOW, _MESSAGE)


def leaks_error(instruction: str, input: str = "") -> bool:
    """Whether a request that is meant to name no failure names one: an exception, a traceback, a line, or a result.

    What comes with it, such as the text of a problem, may speak of exceptions, but hold none that was raised.
    """
    named = any(pattern.search(instruction) for pattern in _LEAKS)
    return named or any(pattern.search(input) for pattern in (_TRACEBACK, _RAISED))


def quotes_failure(text: str) -> bool:
    """Whether a text names a concrete failure: an exception, a result beside the expected one, or a time limit."""
    if any(pattern.search(text) for pattern in _FAILURES):
        return True
    return bool(_EXPECTED.search(text) and _GOT.search(text))
