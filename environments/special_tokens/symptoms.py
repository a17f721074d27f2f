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
    rf"(?<![A-Za-z0-9_])(?:(?!Exception(?![A-Za-z]))(?:{'|'.join(_BUILTIN)})|[A-Z][A-Za-z0-9_]*(?:Error|Exception))"
    r"(?![A-Za-z0-9_])"
)
_TRACEBACK = re.compile("traceback", re.IGNORECASE)
_LINE = re.compile(r"(?<![a-z])lines?\s+(?:no\.?\s*|number\s+)?\d|第\s*\d+\s*行", re.IGNORECASE)
_RAISED = re.compile(r"^\s*[A-Z][A-Za-z0-9_.]*(?:Error|Exception)\s*[:：]", re.MULTILINE)
_EXPECTED = re.compile(r"expect|should (?:be|give|return|print)|期望|预期|应为|应该", re.IGNORECASE)
_GOT = re.compile(r"\bgot\b|actual|return|print|instead|实际|得到|输出", re.IGNORECASE)
_SLOW = re.compile(r"time(?:d)?[ _-]?(?:out|limit)|CPU time|CPU 时间|超时", re.IGNORECASE)


def leaks_error(instruction: str, input: str = "") -> bool:
    """Whether a request that is meant to name no failure names one: an exception, a traceback, or a line number.

    What comes with it, such as the text of a problem, may speak of exceptions, but hold none that was raised.
    """
    named = any(pattern.search(instruction) for pattern in (_ERROR_NAME, _TRACEBACK, _LINE))
    return named or any(pattern.search(input) for pattern in (_TRACEBACK, _RAISED))


def quotes_failure(text: str) -> bool:
    """Whether a text names a concrete failure: an exception, a result beside the expected one, or a time limit."""
    if _ERROR_NAME.search(text) or _TRACEBACK.search(text) or _SLOW.search(text):
        return True
    return bool(_EXPECTED.search(text) and _GOT.search(text))
