"""Bugs put into programs."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest

from agentgym.errors import SandboxFault, UnknownNameError, UsageError
from environments.programs.bugs.classes import BUG_CLASSES
from environments.programs.bugs.inject import Bug, Injected, inject
from environments.programs.library import bundled_problem, bundled_problems
from environments.programs.observing import Observed
from environments.programs.problem import Case, Problem

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Trio for one test: the rest is about the bugs, and running programs takes long."""
    return "trio" if "concurrency" in request.node.name else "asyncio"


SHOP = """
# Prices in cents, "sale" goods cost half.  é
from collections import defaultdict

class Solution:
    def total(self, prices: dict, wanted: list[str], payers: int) -> list:
        counts = defaultdict(int)
        for name in wanted:  # each time
            counts[name] += 1
        cost = 0
        names = sorted(counts)
        i = 0
        while i < len(names):
            label = f"{names[i]} x {counts[names[i]]}"
            cost += prices.get(names[i], 0) * counts[names[i]]
            i += 1
        if payers == 0:
            return [cost, -1]
        return [cost, cost // payers]

    def unused(self, n):
        return 1 if n == 0 else self.unused(n - 1)
"""


def shop() -> Problem:
    """A program of somebody else's form: a class, annotations, comments, an f-string, letters beyond ASCII."""
    cases = [
        Case.of_call([{"é": 3, "b": 4}, ["é", "é", "b"], 2], [10, 5]),
        Case.of_call([{}, ["b"], 1], [0, 0]),
        Case.of_call([{"b": 1}, [], 0], [0, -1]),
    ]
    return Problem(query_id="shop", question="?", fn_name="total", solution=SHOP, visible=tuple(cases))


async def test_every_class_is_found_and_each_bug_is_what_it_says(plain: ModuleType) -> None:
    async with plain.PlainRuns() as observe:
        injected: Injected = await inject(bundled_problems()[::5], observe=observe, count=48, seed=5)
        assert set(injected.counts) == set(BUG_CLASSES)
        assert len(injected.bugs) == 48
        assert not injected.unfit
        for bug in injected.bugs:
            await _proven(bug, observe)


async def _proven(bug: Bug, observe: Any) -> None:
    problem = bundled_problem(bug.query_id)
    assert bug.code != bug.fixed == problem.solution
    seen = await observe(problem, bug.code, problem.visible)
    failures = {one.outcome for one in seen if one.status != "passed"}
    assert failures == {bug.bug_class}, bug
    assert seen[bug.case].line == bug.error_line
    before, after = bug.fixed.split("\n"), bug.code.split("\n")
    first = next(i for i, (one, other) in enumerate(zip(before, after, strict=False), 1) if one != other)
    assert first >= bug.line, "nothing above the line named has changed"


async def test_equal_seeds_give_equal_bugs_whatever_the_concurrency(plain: ModuleType) -> None:
    problems = bundled_problems()[3::30]
    async with plain.PlainRuns() as observe:
        one = await inject(problems, observe=observe, count=24, seed=1, concurrency=1)
        same = await inject(problems, observe=observe, count=24, seed=1, concurrency=2)
        other = await inject(problems, observe=observe, count=24, seed=2)
    assert one.bugs == same.bugs
    assert one.bugs != other.bugs


async def test_any_program_will_do_and_keeps_its_form(plain: ModuleType) -> None:
    classes = [name for name in BUG_CLASSES if name != "RecursionError"]
    async with plain.PlainRuns() as observe:
        injected = await inject([shop()], observe=observe, count=44, classes=classes)
    assert set(injected.counts) == set(classes)
    for bug in injected.bugs:
        assert '# Prices in cents, "sale" goods cost half.  é' in bug.code
        assert abs(len(bug.code.split("\n")) - len(SHOP.split("\n"))) <= 3
    assert len({bug.code for bug in injected.bugs}) == len(injected.bugs)


async def test_only_the_classes_asked_for_and_no_more_than_there_are(plain: ModuleType) -> None:
    program = "n = int(input())\nprint(n + 1)\n"
    problem = Problem(query_id="p", question="?", solution=program, visible=(Case(input="1\n", output="2\n"),))
    async with plain.PlainRuns() as observe:
        injected = await inject([problem], observe=observe, count=500, classes=["NameError", "ZeroDivisionError"])
    assert injected.counts.keys() == {"NameError"}
    assert 0 < len(injected.bugs) < 20


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"solution": None}, "no solution"),
        ({"visible": ()}, "no visible case"),
        ({"solution": "print(1"}, "not Python"),
        ({"solution": "print(1)"}, "fails the visible case 0: wrong_answer"),
        ({"solution": "print(1 // 0)"}, "fails the visible case 0: ZeroDivisionError"),
    ],
)
async def test_programs_that_are_not_right_get_no_bugs(
    plain: ModuleType, changes: dict[str, object], reason: str
) -> None:
    problem = bundled_problem("factorial").model_copy(update=changes)
    async with plain.PlainRuns() as observe:
        injected = await inject([problem], observe=observe, count=3)
    assert not injected.bugs
    assert reason in injected.unfit["factorial"]


async def test_wrong_use_is_told() -> None:
    async def never(problem: Problem, code: str, cases: Sequence[Case]) -> list[Observed]:
        raise AssertionError

    with pytest.raises(UnknownNameError, match="did you mean 'NameError'"):
        await inject([], observe=never, count=1, classes=["NamError"])
    wrong: list[dict[str, Any]] = [{"count": 0}, {"concurrency": 0}, {"seed": -1}, {"classes": []}]
    for options in wrong:
        with pytest.raises(UsageError):
            await inject([], observe=never, **{"count": 1, **options})


async def test_a_broken_sandbox_is_no_bug_of_the_program() -> None:
    async def broken(problem: Problem, code: str, cases: Sequence[Case]) -> list[Observed]:
        known = code == problem.solution
        return [Observed("passed" if known else "sandbox_error", message="gone") for _ in cases]

    with pytest.raises(SandboxFault, match="factorial: gone"):
        await inject([bundled_problem("factorial")], observe=broken, count=3)


async def test_programs_differ_from_the_original_only_where_they_say(plain: ModuleType) -> None:
    async with plain.PlainRuns() as observe:
        problems = bundled_problems("mathematics")[:4]
        injected = await inject(problems, observe=observe, count=20, classes=["wrong_answer"])
    for bug in injected.bugs:
        ast.parse(bug.code)
        kept = set(bug.fixed.split("\n")) & set(bug.code.split("\n"))
        assert len(kept) >= len(set(bug.fixed.split("\n"))) - 4


async def test_an_odd_program_is_no_obstacle(plain: ModuleType) -> None:
    deep = "print(int(input())" + " + 1" * 800 + ")  # \\d"
    odd = 'import re\rn = re.match("\\d+", input())[0]\r\nif n: print(n); print("ü")\n'
    problems = [
        Problem(query_id="deep", question="?", solution=deep, visible=(Case(input="1\n", output="801\n"),)),
        Problem(query_id="odd", question="?", solution=odd, visible=(Case(input="12a\n", output="12\nü\n"),)),
    ]
    async with plain.PlainRuns() as observe:
        injected = await inject(problems, observe=observe, count=30)
    assert not injected.unfit
    assert {bug.query_id for bug in injected.bugs} == {"deep", "odd"}
