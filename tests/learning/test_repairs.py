"""The functions to repair: right before the bug, wrong with it, and held-out parts that are held out."""

from __future__ import annotations

import re
from typing import Any

import pytest

from agentgym.jsontext import parse_json
from benchmarks.learning.repairs import FAMILIES, Part, problems, with_bug, write_problems

PARTS: tuple[Part, ...] = ("train", "dev", "cases", "phrasing")


def listed(part: Part, count: int = 3 * len(FAMILIES), seed: int = 0) -> list[dict[str, Any]]:
    return [dict(problem) for problem in problems(part, count, seed)]


def result_of(code: str, case: dict[str, str]) -> object:
    names: dict[str, Any] = {}
    exec(code, names)
    return names["solve"](*(parse_json(line) for line in case["input"].split("\n")))


@pytest.mark.parametrize("part", PARTS)
def test_solutions_give_what_the_cases_say(part: Part) -> None:
    for problem in listed(part):
        for case in (*problem["visible"], *problem["hidden"]):
            assert result_of(problem["solution"], case) == parse_json(case["output"]), problem["solution"]


def test_every_family_comes_equally_often() -> None:
    solutions = [problem["solution"] for problem in listed("cases", 5 * len(FAMILIES))]
    assert {solutions.count(solution) for solution in solutions} == {5}
    assert len(set(solutions)) == len(FAMILIES)


def test_no_held_out_phrase_is_in_the_training_data() -> None:
    said = {part: {problem["question"] for problem in listed(part, 2000)} for part in PARTS}
    assert said["phrasing"].isdisjoint(said["train"])
    assert said["dev"].isdisjoint(said["train"] | said["phrasing"])
    for family in FAMILIES:
        assert set(family.said).isdisjoint(family.said_else)


def test_most_words_of_held_out_phrases_are_known_from_training() -> None:
    known, asked = words_of(listed("train", 4000)), words_of(listed("phrasing", 4000))
    assert len(asked - known) < 0.2 * len(asked), asked - known


def words_of(problems: list[dict[str, Any]]) -> set[str]:
    return {word for problem in problems for word in re.findall("[a-z]+", problem["question"].lower())}


def test_equal_seeds_give_equal_problems_and_others_give_others() -> None:
    assert write_problems("train", 40, 7) == write_problems("train", 40, 7)
    assert write_problems("train", 40, 7) != write_problems("train", 40, 8)
    ids = [problem["query_id"] for part in PARTS for problem in listed(part)]
    assert len(ids) == len(set(ids))


def test_a_problem_with_a_bug_begins_with_it_and_shows_the_one_case_that_tells() -> None:
    problem = listed("train", 1)[0]
    asked = with_bug(problem, {"code": "def solve(a, b):\n    return a - b\n", "case": 2})
    assert asked["starter"] == "def solve(a, b):\n    return a - b\n"
    assert asked["visible"] == [problem["visible"][2]]
    assert asked["solution"] == problem["solution"], "it stays, for the teacher"
