"""Checkers: each mode accepts what it should and nothing more, of texts and of values, at linear cost."""

from __future__ import annotations

import time

import pytest

from agentgym.errors import SandboxFault, UsageError
from agentgym.sandbox import agree

LONG = 300_000
DIGITS = "7" * LONG


def texts(mode: str, expected: str, got: str) -> bool:
    return agree(mode, "", expected, got)


def values(mode: str, expected: str, got: str) -> bool:
    return agree(mode, "", expected, got, function=True)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ("3\n", "3"),
        ("3", "3 \r\n\n\n"),
        ("1 2\r\n3", "1  2 \n3\n"),
        ("1", "1.0"),
        ("1.50", "15e-1"),
        ("007", "7"),
        ("-0", "0"),
        ("0.5", "0.5000004"),
        ("1e6", "1000000.9"),
        ("nan", "nan"),
        ("", "\n \n"),
    ],
)
def test_tokens_forgives_formatting(expected: str, got: str) -> None:
    assert texts("tokens", expected, got)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ("3", ""),
        ("a b", "b a"),
        ("a a", "a"),
        ("Yes", "yes"),
        ("a\n\nb", "a\nb"),
        ("a b", "a\nb"),
        ("ab", "a b"),
        ("3", "3.0000001"),
        ("100000000000000000000", "100000000000000000001"),
        ("0.5", "0.50001"),
        ("1.0", "nan"),
        ("NaN", "nan"),
        ("1e999", "1e998"),
        ("1.5", "1.5."),
        ("1", "1_0"),
        ("1", "\u0661"),
    ],
)
def test_tokens_forgives_nothing_else(expected: str, got: str) -> None:
    assert not texts("tokens", expected, got)


def test_numbers_of_any_length_are_compared_by_value() -> None:
    for compare in (texts, values):
        assert compare("tokens", DIGITS, f"{DIGITS}.000")
        assert compare("lcb", DIGITS, DIGITS)
        assert not compare("tokens", DIGITS, f"{DIGITS}7")
        assert not compare("tokens", f"0.{DIGITS}e5", f"0.{DIGITS}e6")


def test_exact_drops_newlines_at_the_end_alone() -> None:
    assert texts("exact", "1 \n", "1 ")
    assert not texts("exact", "1", "1 ")
    assert not texts("exact", "1\n2", "1\r\n2")
    assert not texts("exact", "1", "1.0")


def test_float_takes_its_tolerance_and_keeps_whole_numbers_exact() -> None:
    assert texts("float(0.01)", "3.14", "3.149")
    assert texts("float(0.01)", "3", "3.001")
    assert texts("float(0.01)", "1000.0", "1009")
    assert not texts("float(0.01)", "3.14", "3.2")
    assert not texts("float(2)", "3", "4")
    assert texts("float(0)", "1.0", "1.00")
    assert not texts("float(1e9)", "1.0", "1e999")


def test_lcb_compares_decimals_exactly_and_counts_lines() -> None:
    assert texts("lcb", "  1.0 2\n", "1 2.00")
    assert texts("lcb", "a b", "a b")
    assert not texts("lcb", "a b", "a  b")
    assert not texts("lcb", "0.333", "0.3333")
    assert not texts("lcb", "1\n2", "1\n\n2")
    assert not texts("lcb", "sNaN", "snan 1")
    assert not texts("lcb", "sNaN", "snan")


def test_fusion_ignores_case_and_takes_a_line_for_one_number() -> None:
    assert texts("fusion", "YES\n", " yes")
    assert texts("fusion", "100000", "100000.9")
    assert not texts("fusion", "100000", "100001.1")
    assert not texts("fusion", "1.0 2.0", "1.00 2.0")
    assert not texts("fusion", "nan", "0")
    assert not texts("fusion", "inf", "-inf")
    assert not texts("fusion", "0", "0.00001")


@pytest.mark.parametrize(
    ("mode", "expected", "got", "right"),
    [
        ("tokens", "[1, 2]", "[1,2.0]", True),
        ("tokens", "[1, 2]", "[2, 1]", False),
        ("tokens", '{"a": 1, "b": 2}', '{"b": 2, "a": 1}', True),
        ("tokens", '{"a": 1}', '{"a": 1, "b": 2}', False),
        ("tokens", "1", "true", False),
        ("tokens", "true", "true", True),
        ("tokens", "0", "false", False),
        ("tokens", "null", "0", False),
        ("tokens", '"1"', "1", False),
        ("tokens", '"a b"', '"a  b"', False),
        ("tokens", "1.5", "1.5000001", True),
        ("tokens", "1", "1.0000001", False),
        ("tokens", "NaN", "NaN", False),
        ("tokens", "Infinity", "Infinity", True),
        ("tokens", "Infinity", "-Infinity", False),
        ("tokens", "Infinity", "1e999", False),
        ("tokens", "[[]]", "[[[]]]", False),
        ("tokens", "1", "", False),
        ("exact", "1", "1.0", False),
        ("exact", "1.0", "1.00", True),
        ("exact", '{"a": [1, 2]}', '{ "a":[1,2] }', True),
        ("exact", "NaN", "NaN", False),
        ("float(0.1)", "[2.0, 3]", "[2.05, 2.95]", True),
        ("float(0.1)", "[2]", "[3]", False),
        ("lcb", "1", "true", True),
        ("lcb", "0.1", "0.1000000001", False),
        ("fusion", '"Yes"', '"yes "', True),
        ("fusion", "[1, 2]", "[1,2]", True),
        ("fusion", "1.0", "1.000001", True),
    ],
)
def test_values_are_compared_by_structure(mode: str, expected: str, got: str, right: bool) -> None:
    assert values(mode, expected, got) is right


def test_values_of_any_depth_are_answered() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    for mode in ("exact", "tokens", "float(1)", "lcb"):
        assert not values(mode, "[1]", deep)


@pytest.mark.parametrize("mode", ["exact", "tokens", "float(1e-3)", "lcb", "fusion"])
def test_cost_is_linear(mode: str) -> None:
    nasty = [
        (DIGITS, DIGITS + "1"),
        (f"0.{DIGITS}", f"0.{DIGITS[1:]}8"),
        (DIGITS + "x", DIGITS + "y"),
        ("1 " * LONG, ""),
    ]
    for function in (False, True):
        for expected, got in nasty:
            began = time.process_time()
            agree(mode, "", expected, got, function=function)
            assert time.process_time() - began < 10.0


def test_a_function_of_the_callers_own_sees_input_expected_and_got() -> None:
    heard: list[tuple[str, str, str]] = []

    def any_order(given: str, expected: str, got: str) -> bool:
        heard.append((given, expected, got))
        return sorted(expected) == sorted(got)

    assert agree(any_order, "in", "abc", "cba")
    assert heard == [("in", "abc", "cba")]


def test_a_checker_that_breaks_is_named() -> None:
    def picky(given: str, expected: str, got: str) -> bool:
        return int(got) == int(expected)

    with pytest.raises(SandboxFault, match=r"picky.*ValueError"):
        agree(picky, "", "1", "one")


def test_a_checker_that_forgets_to_return_is_named() -> None:
    def forgetful(given: str, expected: str, got: str) -> bool:
        return None  # type: ignore[return-value] # what it is about

    with pytest.raises(SandboxFault, match=r"forgetful.*returned NoneType"):
        agree(forgetful, "", "1", "1")


async def asynchronous(given: str, expected: str, got: str) -> bool:
    return True


@pytest.mark.parametrize(
    "checker", ["fuzzy", "", "float", "float()", "float(x)", "float(-1)", "float(nan)", 3, asynchronous]
)
def test_what_is_no_checker_is_refused(checker: object) -> None:
    with pytest.raises(UsageError):
        agree(checker, "", "1", "1")  # type: ignore[arg-type] # what it is about


def test_the_refusal_names_the_modes() -> None:
    with pytest.raises(UsageError, match=r"exact, tokens, float\(TOLERANCE\), lcb, fusion"):
        texts("fuzzy", "1", "1")
