"""Figures about how a program is written."""

from __future__ import annotations

import pytest

from environments.programs.library import bundled_problems
from environments.programs.quality import quality_of


def test_length_and_complexity_are_counted() -> None:
    code = (
        "# a comment\n\ndef f(a):\n    if a and a > 1:\n        return 1\n    for x in a:\n        print(x)\n\nf([])\n"
    )
    quality = quality_of(code)
    assert (quality.parses, quality.lines, quality.characters) == (True, 6, len(code))
    assert quality.complexity == 4, "one way, an if, an and, a for"
    assert quality_of("print(1)").complexity == 1
    assert quality_of("x = [a for a in b if a if a]\nwhile x: pass").complexity == 5


@pytest.mark.parametrize(
    ("code", "rule", "line"),
    [
        ("try:\n    f()\nexcept:\n    pass", "bare-except", 3),
        ("def f(a=[]):\n    return a", "mutable-default", 1),
        ("if x == None:\n    pass", "compared-with-none", 1),
        ("from os import *", "star-import", 1),
        ("import os\nprint(1)", "unused-import", 1),
        ("list = [1]\nprint(list)", "shadowed-builtin", 1),
        ("def f():\n    return 1\n    print(2)", "unreachable", 3),
        ("def f():\n    x = 1\n    return 2", "unused-variable", 2),
        ("def f(a, b, c, d, e, g, h, i):\n    return a", "too-large", 1),
        ("for a in b:\n if a:\n  if a:\n   if a:\n    if a:\n     if a:\n      pass", "too-deep", 6),
    ],
)
def test_each_rule_finds_its_fault(code: str, rule: str, line: int) -> None:
    assert [(finding.rule, finding.line) for finding in quality_of(code).findings] == [(rule, line)]


def test_what_does_not_parse_still_has_a_length() -> None:
    for code in ("def f(:", "\x00", "(" * 10_000):
        quality = quality_of(code)
        assert (quality.parses, quality.complexity, quality.findings) == (False, 0, ())


def test_the_bundled_solutions_are_well_written() -> None:
    for problem in bundled_problems():
        quality = quality_of(problem.solution or "")
        assert quality.parses
        assert quality.complexity <= 15, problem.query_id
        assert not quality.findings, (problem.query_id, quality.findings)
