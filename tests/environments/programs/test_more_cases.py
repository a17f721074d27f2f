"""More cases from a solution."""

from __future__ import annotations

from types import ModuleType

import pytest

from agentgym.errors import UsageError
from environments.programs.library import bundled_problem, bundled_problems
from environments.programs.more_cases import more_cases

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]


async def test_new_cases_are_right_and_new_and_the_same_every_time(plain: ModuleType) -> None:
    async with plain.PlainRuns() as observe:
        for problem in bundled_problems()[::12]:
            made = await more_cases(problem, observe=observe, count=5, seed=3)
            assert len(made) >= 2, problem.query_id
            assert not {case.input for case in made} & {case.input for case in problem.cases}
            seen = await observe(problem, problem.solution, made)
            assert {one.status for one in seen} == {"passed"}
            assert made == await more_cases(problem, observe=observe, count=5, seed=3)
        problem = bundled_problem("array-sum")
        other = await more_cases(problem, observe=observe, count=5, seed=4)
        assert other != await more_cases(problem, observe=observe, count=5, seed=3)


async def test_a_program_that_never_says_the_same_gives_no_case(plain: ModuleType) -> None:
    random = "import os\nn = input()\nprint(os.urandom(8).hex())\n"
    problem = bundled_problem("factorial").model_copy(update={"solution": random})
    async with plain.PlainRuns() as observe:
        assert await more_cases(problem, observe=observe, count=2) == []


async def test_a_problem_without_solution_is_refused(plain: ModuleType) -> None:
    problem = bundled_problem("factorial").model_copy(update={"solution": None})
    async with plain.PlainRuns() as observe:
        with pytest.raises(UsageError, match="needs a solution"):
            await more_cases(problem, observe=observe, count=1)
