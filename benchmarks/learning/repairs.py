"""Small functions with a bug in their one line, asked about in many ways: what a tiny model can learn to repair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject

Part = Literal["train", "dev", "cases", "phrasing"]
"""`cases` are put as training cases are and are about other functions; `phrasing` are put in other words besides."""
Kind = Literal["pair", "number", "list", "text"]

VISIBLE, HIDDEN = 3, 5


@dataclass(frozen=True, slots=True)
class Family:
    """Functions that do the same; `{a}` and `{b}` are names."""

    kind: Kind
    code: str
    does: Callable[..., Any]
    said: tuple[str, ...]
    said_else: tuple[str, ...]
    """What they give, in words that no training data holds in this order."""


FAMILIES = (
    Family(
        "pair",
        "{a} + {b}",
        lambda a, b: a + b,
        ("the sum of {a} and {b}", "{a} plus {b}", "{a} and {b} added up", "{a} with {b} added to it"),
        ("the sum that {a} and {b} add up to", "{b} added to {a}"),
    ),
    Family(
        "pair",
        "{a} - {b}",
        lambda a, b: a - b,
        ("{a} minus {b}", "{a} less {b}", "what is left of {a} without {b}", "{a} with {b} taken away"),
        ("{a}, less {b}", "what is left when {b} is taken away from {a}"),
    ),
    Family(
        "pair",
        "{a} * {b}",
        lambda a, b: a * b,
        ("the product of {a} and {b}", "{a} times {b}", "{a} multiplied by {b}", "{a} as many times as {b} says"),
        ("the product when {a} is multiplied by {b}", "{b} times {a}"),
    ),
    Family(
        "pair",
        "max({a}, {b})",
        max,
        (
            "the larger one of {a} and {b}",
            "the greatest of {a} and {b}",
            "whichever is larger, {a} or {b}",
            "the maximum of {a} and {b}",
        ),
        ("the larger of the two, {a} and {b}", "of {a} and {b} the maximum"),
    ),
    Family(
        "pair",
        "min({a}, {b})",
        min,
        (
            "the smaller one of {a} and {b}",
            "the least of {a} and {b}",
            "whichever is smaller, {a} or {b}",
            "the minimum of {a} and {b}",
        ),
        ("the smaller of the two, {a} and {b}", "of {a} and {b} the minimum"),
    ),
    Family(
        "pair",
        "abs({a} - {b})",
        lambda a, b: abs(a - b),
        (
            "the distance of {a} from {b}",
            "how far apart {a} and {b} are",
            "the absolute difference of {a} and {b}",
            "the distance between {a} and {b}",
        ),
        ("how far {a} is from {b}, the absolute difference", "of {a} and {b} the distance"),
    ),
    Family(
        "number",
        "{a} + 1",
        lambda a: a + 1,
        ("one more than {a}", "{a} raised by one", "the number right above {a}", "{a} increased by one"),
        ("{a} and one more", "the number one above {a}"),
    ),
    Family(
        "number",
        "{a} - 1",
        lambda a: a - 1,
        ("one fewer than {a}", "{a} lowered by one", "the number right below {a}", "{a} reduced by one"),
        ("{a}, but one fewer", "the number one below {a}"),
    ),
    Family(
        "number",
        "{a} * 2",
        lambda a: a * 2,
        ("twice {a}", "the double of {a}", "{a} doubled", "two times {a}"),
        ("{a} two times", "twice the number {a}"),
    ),
    Family(
        "number",
        "{a} // 2",
        lambda a: a // 2,
        (
            "half of {a}, rounded down",
            "the whole half of {a}",
            "{a} halved without the rest",
            "how many pairs {a} holds",
        ),
        ("{a} halved and rounded down", "how many whole pairs there are in {a}"),
    ),
    Family(
        "number",
        "{a} % 10",
        lambda a: a % 10,
        ("the last digit of {a}", "the digit that {a} ends with", "the units of {a}", "the final digit of {a}"),
        ("the last of the digits of {a}", "the units digit of {a}"),
    ),
    Family(
        "list",
        "sorted({a})",
        sorted,
        (
            "{a} in rising order",
            "the values of {a} from small to large",
            "{a} sorted upwards",
            "a list of {a}, smallest first",
        ),
        ("the values of {a} in rising order", "{a} sorted, smallest first"),
    ),
    Family(
        "list",
        "sorted({a}, reverse=True)",
        lambda a: sorted(a, reverse=True),
        (
            "{a} in falling order",
            "the values of {a} from large to small",
            "{a} sorted downwards",
            "a list of {a}, largest first",
        ),
        ("the values of {a} in falling order", "{a} sorted, largest first"),
    ),
    Family(
        "list",
        "{a}[0]",
        lambda a: a[0],
        ("the first value of {a}", "what {a} begins with", "the head of {a}", "the value at the start of {a}"),
        ("the value that {a} begins with", "the first one at the head of {a}"),
    ),
    Family(
        "list",
        "{a}[-1]",
        lambda a: a[-1],
        ("the last value of {a}", "what {a} ends with", "the tail of {a}", "the value at the end of {a}"),
        ("the value that {a} ends with", "the last one at the tail of {a}"),
    ),
    Family(
        "list",
        "max({a}) - min({a})",
        lambda a: max(a) - min(a),
        (
            "the spread of {a}",
            "the range that {a} covers",
            "how wide the values of {a} are spread",
            "the largest value of {a} minus its smallest",
        ),
        ("the range over which {a} is spread", "how wide a range {a} covers"),
    ),
    Family(
        "text",
        "{a}.upper()",
        str.upper,
        ("{a} in capitals", "{a} with large letters only", "{a} in upper case", "{a} with each letter made a capital"),
        ("{a} with capitals only", "{a} in large letters, that is upper case"),
    ),
    Family(
        "text",
        "{a}.lower()",
        str.lower,
        (
            "{a} without capitals",
            "{a} with small letters only",
            "{a} in lower case",
            "{a} with each letter made a small one",
        ),
        ("{a} with no capitals, small letters only", "{a} in small letters, that is lower case"),
    ),
    Family(
        "text",
        "{a}[::-1]",
        lambda a: a[::-1],
        ("{a} backwards", "{a} from its end to its start", "{a} reversed", "the letters of {a} in reverse"),
        ("the letters of {a} backwards", "{a} reversed, from its end to its start"),
    ),
)
_FRAMES = (
    "`{f}` returns {what}.",
    "Return {what} from `{f}`.",
    "The function `{f}` has to give {what}.",
    "Please mend `{f}`: it is meant to compute {what}.",
    "`{f}` should come to {what}, and it does not.",
    "We call `{f}` for {what}.",
    "Somebody broke `{f}`, which gave {what} before.",
    "Correct `{f}`, which is for {what}.",
    "Wanted from `{f}`: {what}.",
    "What `{f}` computes: {what}.",
    "A call of `{f}` is worth {what}.",
    "I need {what}, and `{f}` gives something else.",
    "There is a bug in `{f}`. The right result is {what}.",
    "`{f}` is wrong; {what} is what it has to return.",
    "Test of `{f}` failed. It must return {what}.",
    "The result of `{f}` is not {what}. Repair it.",
)
_DEV_FRAMES = ("For `{f}`, the right result: {what}.", "Give me a `{f}` that is worth {what}.")
_OTHER_FRAMES = (
    "The job of `{f}` is {what}.",
    "Make `{f}` return {what} again.",
    "Our `{f}` no longer gives {what}; mend it, please.",
    "Of `{f}` we expect {what}.",
)
_NAMES: dict[Kind, tuple[str, ...]] = {"pair": ("a", "b"), "number": ("n",), "list": ("values",), "text": ("text",)}
_FUNCTION = "solve"
"""Names are the same in all functions: to copy any name there is takes a tiny model far more than to mend a line."""
_TEXTS = ("Maple", "Oak", "Birch", "Cedar", "Willow", "Poplar", "Linden", "Alder", "Hazel", "Rowan", "Aspen", "Holly")


def write_problems(part: Part, count: int, seed: int) -> bytes:
    """So many problems as JSON Lines, each right function with its cases, for `agentgym code inject`."""
    return b"".join(dump_json(problem) + b"\n" for problem in problems(part, count, seed))


def problems(part: Part, count: int, seed: int) -> Iterator[JsonObject]:
    """The families in turn."""
    rng = Random(f"{seed}/{part}")
    for number in range(count):
        yield _problem(FAMILIES[number % len(FAMILIES)], f"{part}-{seed}-{number}", part, rng)


def with_bug(problem: JsonObject, bug: JsonObject) -> JsonObject:
    """The problem as it is asked: the program with the bug to begin with, and the case that shows it."""
    visible, shown = problem["visible"], bug["case"]
    assert isinstance(visible, list)
    assert isinstance(shown, int)
    return {**problem, "starter": bug["code"], "visible": [visible[shown]]}


def _problem(family: Family, name: str, part: Part, rng: Random) -> JsonObject:
    names = dict(zip("ab", _NAMES[family.kind], strict=False))
    said = family.said_else if part == "phrasing" else family.said
    frames = {"phrasing": _OTHER_FRAMES, "dev": _DEV_FRAMES}.get(part, _FRAMES)
    cases: list[JsonObject] = [_case(family, rng) for _ in range(VISIBLE + HIDDEN)]
    return {
        "query_id": name,
        "question": rng.choice(frames).format(f=_FUNCTION, what=rng.choice(said).format(**names)),
        "topic": family.kind,
        "fn_name": _FUNCTION,
        "solution": f"def {_FUNCTION}({', '.join(names.values())}):\n    return {family.code.format(**names)}\n",
        "visible": [*cases[:VISIBLE]],
        "hidden": [*cases[VISIBLE:]],
    }


def _case(family: Family, rng: Random) -> JsonObject:
    given = _arguments(family.kind, rng)
    result = family.does(*given)
    return {"input": "\n".join(dump_json(value).decode() for value in given), "output": dump_json(result).decode()}


def _arguments(kind: Kind, rng: Random) -> Sequence[Any]:
    if kind == "pair":
        return rng.sample(range(2, 60), 2)
    if kind == "number":
        return [rng.randint(20, 99)]
    if kind == "list":
        return [rng.sample(range(2, 60), rng.randint(3, 4))]
    return [rng.choice(_TEXTS)]
