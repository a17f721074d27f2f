"""The problems that come with agentgym."""

from __future__ import annotations

import ast
from collections import Counter
from itertools import combinations
from types import ModuleType

import pytest

from agentgym.errors import UnknownNameError
from environments.programs.bundled import build
from environments.programs.library import BUNDLED, TOPICS, bundled_problem, bundled_problems
from environments.programs.problem import Case, Problem
from environments.programs.readers import read_problems


def test_there_are_enough_of_each_topic() -> None:
    topics = Counter(problem.topic for problem in bundled_problems())
    assert sum(topics.values()) >= 128
    assert set(topics) == set(TOPICS)
    assert min(topics.values()) >= 24
    assert len(bundled_problems("strings")) == topics["strings"]


@pytest.mark.parametrize(
    "query_id", ["factorial", "fibonacci", "prime-check", "array-sum", "bubble-sort", "string-reverse"]
)
def test_the_classics_are_there(query_id: str) -> None:
    assert bundled_problem(query_id).solution


def test_what_is_shipped_is_what_the_references_give() -> None:
    assert BUNDLED.read_bytes() == build.shipped(), "run: python -m environments.programs.bundled.build"


@pytest.mark.parametrize("problem", bundled_problems(), ids=lambda problem: problem.query_id)
def test_a_problem_is_whole(problem: Problem) -> None:
    inputs = [case.input for case in problem.cases]
    assert len(problem.visible) >= 3
    assert len(problem.hidden) >= 6
    assert len(set(inputs)) == len(inputs), "a hidden case that is visible tells nothing"
    assert len({case.output for case in problem.hidden}) > 1, "a constant would pass"
    assert len(problem.question) > 60
    assert problem.prompt
    if problem.fn_name is not None:
        assert f"`{problem.fn_name}(" in problem.question
        ast.parse(problem.starter)
        assert all(Case.of_call(case.arguments, case.result) == case for case in problem.cases)


def test_no_two_problems_are_alike() -> None:
    problems = bundled_problems()
    assert len({problem.query_id for problem in problems}) == len(problems)
    assert len({ast.dump(ast.parse(problem.solution or "")) for problem in problems}) == len(problems)
    words = {problem.query_id: set(problem.question.lower().split()) for problem in problems}
    for one, other in combinations(words, 2):
        assert len(words[one] & words[other]) / len(words[one] | words[other]) < 0.6, (one, other)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_every_solution_passes_as_a_program_of_its_own(plain: ModuleType) -> None:
    async with plain.PlainRuns(cpu_s=2.0) as observe:
        for problem in bundled_problems():
            seen = await observe(problem, problem.solution, problem.cases)
            assert [s.status for s in seen] == ["passed"] * len(problem.cases), (problem.query_id, seen)


def test_the_shipped_file_is_read_like_any_other() -> None:
    assert tuple(read_problems(BUNDLED)) == bundled_problems()


def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'fibonacci'"):
        bundled_problem("fibonaci")
    with pytest.raises(UnknownNameError, match="did you mean 'strings'"):
        bundled_problems("string")


def test_a_problem_is_frozen_and_serves_as_a_task() -> None:
    problem = bundled_problem("factorial")
    assert problem.id == "factorial"
    with pytest.raises(ValueError, match="frozen"):
        problem.topic = "other"
