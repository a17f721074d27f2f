"""What is said about a failure."""

from __future__ import annotations

import pytest

from environments.programs.suggestions import suggest

CODE = "import math\ntotal = 0\nfor i in range(3):\n    total += values[i] / count\nprint(totl)\n"


@pytest.mark.parametrize(
    ("error_type", "message", "line", "parts"),
    [
        ("NameError", "name 'totl' is not defined", 5, ["'totl'", "line 5", "did you mean 'total'"]),
        ("NameError", "name 'zzz' is not defined", 5, ["'zzz'", "assign or import"]),
        ("NameError", "name 'mth' is not defined", 1, ["'math'"]),
        ("UnboundLocalError", "cannot access local variable 'x'", 2, ["'x'", "line 2"]),
        ("SyntaxError", "'(' was never closed", 3, ["brackets", "colon", "quotes", "indentation", "line 3"]),
        ("IndentationError", "unexpected indent", 3, ["line 3", "four spaces"]),
        ("TypeError", "unsupported operand type(s) for +: 'int' and 'str'", 4, ["int and str", "line 4"]),
        ("TypeError", 'can only concatenate str (not "int") to str', 4, ["str", "int"]),
        ("TypeError", "f() missing 1 required positional argument: 'b'", 4, ["parameters"]),
        ("TypeError", "'NoneType' object is not subscriptable", 4, ["None", "return"]),
        ("TypeError", "'list' object is not callable", 4, ["[...]"]),
        ("IndexError", "list index out of range", 4, ["len - 1", "bounds of the loop", "line 4"]),
        ("IndexError", "pop from empty list", 4, ["empty list"]),
        ("ZeroDivisionError", "division by zero", 4, ["denominator", "`count`", "guard"]),
        ("AttributeError", "'list' object has no attribute 'push'", 4, ["list", "append"]),
        ("AttributeError", "'str' object has no attribute 'uper'", 4, ["upper"]),
        ("AttributeError", "'list' object has no attribute 'length'", 4, ["len("]),
        ("AttributeError", "'collections.deque' object has no attribute 'popfirst'", 4, ["pop"]),
        ("AttributeError", "'NoneType' object has no attribute 'x'", 4, ["None"]),
        ("KeyError", "'a'", 4, ["'a'", ".get()"]),
        ("ValueError", "invalid literal for int() with base 10: 'x'", 4, ["'x'", "split"]),
        ("ValueError", "not enough values to unpack (expected 2, got 1)", 4, ["split"]),
        ("RecursionError", "maximum recursion depth exceeded", 4, ["base case"]),
        ("EOFError", "EOF when reading a line", 4, ["input"]),
        ("timeout", "", None, ["advances"]),
        ("memory", "", None, ["grows"]),
        ("output_limit", "", None, ["print"]),
        ("OddError", "whatever", 4, ["OddError", "whatever", "line 4"]),
    ],
)
def test_a_suggestion_names_what_matters(error_type: str, message: str, line: int | None, parts: list[str]) -> None:
    told = suggest(error_type, message, CODE, line)
    assert told == suggest(error_type, message, CODE, line)
    assert "\n" not in told
    for part in parts:
        assert part in told, told


@pytest.mark.parametrize(
    ("expected", "actual", "part"),
    [
        ("1\n2\n3\n", "1\n5\n3\n", "Line 2 differs: expected '2', got '5'"),
        ("10\n", "9\n", "off by one"),
        ("5", "-5", "sign"),
        ("1 2 3", "3 2 1", "another order"),
        ("1 2 3", "1 2", "3 values were expected, not 2"),
        ("Yes", "yes", "case of letters"),
        ("a b", "ab", "separator"),
        ("0.3333", "0.33333", "rounding"),
        ("17", "3", "A number is wrong"),
        ("yes", "no", "conditions"),
        ("1\n2", "1", "Expected 2 lines, got 1"),
        ("1", "", "Nothing was printed"),
        ("1", "1 \n\n", "white space"),
        ("9" * 5000, "8" * 5000, "A number is wrong"),
    ],
)
def test_a_wrong_answer_is_placed_and_sorted(expected: str, actual: str, part: str) -> None:
    told = suggest("wrong_answer", "", CODE, None, expected=expected, actual=actual)
    assert part in told, told
    assert len(told) < 400


def test_hidden_cases_give_nothing_away() -> None:
    assert "secret" not in suggest("wrong_answer", "", CODE, None, actual="secret")
    assert "edge cases" in suggest("wrong_answer", "", CODE, None)


@pytest.mark.parametrize("code", ["", "def f(:", "\x00", "x = " + "(" * 500 + ")" * 500])
@pytest.mark.parametrize("error_type", ["NameError", "SyntaxError", "ZeroDivisionError", "AttributeError", "timeout"])
def test_no_program_and_no_message_is_too_odd(code: str, error_type: str) -> None:
    for message in ("", "'", "name 'x' is not defined", "'Odd' object has no attribute 'y'"):
        assert suggest(error_type, message, code, 7)
