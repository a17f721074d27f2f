"""Terminal drawings as plain text that still says what was coloured."""

from __future__ import annotations

import re

_COLOURED = re.compile(r"\x1b\[([\d;]+)m([^\x1b]*)\x1b\[0?m")
_ESCAPE = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


def without_escapes(drawing: str) -> str:
    """The drawing with brackets around what is coloured, and the colours' names where there are several."""
    several = len({_colour(codes) for codes, _ in _COLOURED.findall(drawing)}) > 1

    def marked(span: re.Match[str]) -> str:
        return f"{_colour(span[1]) if several else ''}[{span[2]}]"

    found = 1
    while found:  # colours may lie within colours; what is coloured innermost is found first
        drawing, found = _COLOURED.subn(marked, drawing)
    return _ESCAPE.sub("", drawing).strip("\n")


def _colour(codes: str) -> str:
    """The last colour among the codes, of the letters or behind them."""
    colours = [_NAMES[int(code) % 10] for code in codes.split(";") if re.fullmatch(r"(3|4|9|10)[0-7]", code)]
    return colours[-1] if colours else ""
