"""Terminal drawings as plain text."""

from __future__ import annotations

import pytest

from agentgym.bridges.ansi import without_escapes


@pytest.mark.parametrize(
    ("drawing", "text"),
    [
        ("plain\n", "plain"),
        ("a\x1b[41mb\x1b[0mc", "a[b]c"),
        ("\x1b[41ma\x1b[0m\x1b[31mb\x1b[0m", "[a][b]"),
        ("\x1b[34;1m\x1b[43mR\x1b[0m\x1b[0m \x1b[35mG\x1b[0m", "blue[yellow[R]] magenta[G]"),
        ("\x1b[92mx\x1b[m \x1b[101my\x1b[0m", "green[x] red[y]"),
        ("\x1b[2J\x1b[1;1Hx \x1b[1my\x1b[0m", "x [y]"),
    ],
)
def test_what_is_coloured_stands_in_brackets(drawing: str, text: str) -> None:
    assert without_escapes(drawing) == text
