"""Programs of anybody's, parsed without a word to anybody."""

from __future__ import annotations

import ast
import warnings


def parsed(code: str) -> ast.Module | None:
    """The syntax tree, or None if the program does not parse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as "'int' object is not callable", which is for its author to see
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
