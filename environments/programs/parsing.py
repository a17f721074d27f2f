"""Programs of anybody's, parsed without a word to anybody."""

from __future__ import annotations

import ast
import re
import warnings

_FENCED = re.compile(r"\s*```[\w+-]*[ \t]*\n(.*?)\n?```\s*", re.DOTALL)


def parsed(code: str) -> ast.Module | None:
    """The syntax tree, or None if the program does not parse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as "'int' object is not callable", which is for its author to see
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def unfenced(code: str) -> str:
    """The program inside, where all of it stands in one fenced block, as models like to write it."""
    found = _FENCED.fullmatch(code)
    return code if found is None or "\n```" in found[1] else found[1] + "\n"
