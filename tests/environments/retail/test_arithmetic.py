"""What an agent calculates: Python's results, by a grammar of our own, and never more work than is allowed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from environments.retail.database import RetailDB
from environments.retail.desk import perform
from environments.retail.state import State

numbers = st.sampled_from(["0", "1", "2", "3", "10", "007", "00", "0.5", ".5", "3.", "12.75", "400", "1..2"])
signs = st.sampled_from([" + ", "-", "*", "/", "//", "**", "", " "])
expressions = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.tuples(inner, signs, inner).map("".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
        inner.map(lambda text: f" + {text} "),
    ),
    max_leaves=6,
)


def told(db: RetailDB, expression: object) -> str:
    return perform(State(db), "calculate", {"expression": expression}).text


def python_says(expression: str) -> str:
    """By Python itself; only for expressions that were made here."""
    try:
        code = compile(expression.strip(), "<expression>", "eval", dont_inherit=True)
        return str(round(float(eval(code, {"__builtins__": None})), 2))
    except Exception:
        return "Error"


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@settings(max_examples=300)
@given(expression=expressions.filter(lambda text: text.count("**") < 2))
def test_results_are_pythons(expression: str) -> None:
    assert told(EMPTY, expression).split(":")[0] == python_says(expression)


EMPTY = RetailDB({}, {}, {})


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("2 + 2", "4.0"),
        ("-2**2", "-4.0"),
        ("2**3**2", "512.0"),
        ("2**-1*4", "2.0"),
        ("10 - - 4", "14.0"),
        ("7//2*1.5", "4.5"),
        ("10**400/10**399", "10.0"),
        ("9" * 400 + ".0", "inf"),
        ("-0.0", "-0.0"),
        ("0.015", "0.01"),
    ],
)
def test_known_results(expression: str, result: str) -> None:
    assert told(EMPTY, expression) == result


WRONG = [
    "",
    " ",
    "()",
    "(1",
    "1)",
    "1 2",
    "1(2)",
    "(1)(2)",
    "1..2",
    "007",
    "*1",
    "1+",
    ".",
    "...",
    "1.2.3",
    "2 ** ** 2",
]
NO_NUMBERS = ["1/0", "0.0//0", "(-8)**.5", "9**999"]
TOO_LARGE = [
    "9**9**9**9",
    "2**" * 900 + "2",
    "(" * 201 + "1" + ")" * 201,
    "9" * 4301,
    "9" * 5000,
    "1+" * 4000 + "1",
    "10**2000*" * 400 + "1",
]
TOO_LONG = "Error: the expression is longer than 4096 characters"
NO_TEXT: list[object] = [None, 5, 1.5, [], [None], {}, ["1"]]


@pytest.mark.parametrize("expression", [*WRONG, *NO_NUMBERS, *TOO_LARGE, *NO_TEXT])
def test_what_has_no_value_is_an_error_at_once(expression: object) -> None:
    started = time.thread_time()
    assert told(EMPTY, expression).startswith("Error: ")
    assert time.thread_time() - started < 2


@pytest.mark.parametrize("expression", ["abc", "1e5", "__import__('os')", "1,2", "1\n", {"a": 1}, ["x", 1]])
def test_other_characters_are_refused(expression: object) -> None:
    assert told(EMPTY, expression) == "Error: invalid characters in expression"


@pytest.mark.parametrize(("length", "last"), [(10**6, ""), (10**6, "a"), (10**6, " ")])
def test_how_long_it_is_costs_nearly_nothing(length: int, last: str) -> None:
    started = time.thread_time()
    text = told(EMPTY, "1" * length + last)
    assert time.thread_time() - started < 1
    assert text == ("Error: invalid characters in expression" if last == "a" else TOO_LONG)
