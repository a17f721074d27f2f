"""How a bundled problem is written down: everything but the outputs, which its own solution gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

Input = str | tuple[JsonValue, ...]
"""A standard input, whose last line need not be ended; or the arguments of a call."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A problem before its outputs are computed; texts may be indented like the code around them."""

    query_id: str
    question: str
    solution: str
    visible: Sequence[Input]
    hidden: Sequence[Input]
    fn_name: str | None = None
