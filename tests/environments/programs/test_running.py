"""Programs of LiveCodeBench, which count on names that nobody imported."""

from __future__ import annotations

import pytest

from agentgym.sandbox import Allowance, CaseResult, Program, make_sandbox
from environments.programs.problem import Case
from environments.programs.running import run_program

pytestmark = pytest.mark.anyio
LIMITS = Allowance(cpu_s=20.0)
CASE = Case.of_call([[3, 1, 2]], 6)
SOLUTION = "class Solution:\n    def total(self, nums: List[int]) -> int:\n        {}\n"


async def run(code: str, checker: str, heard: list[CaseResult] | None = None) -> CaseResult:
    def hear(number: int, result: CaseResult) -> None:
        if heard is not None:
            heard.append(result)

    program = Program(code, function="total")
    async with make_sandbox("none") as sandbox:
        (result,) = await run_program(sandbox, program, [CASE], LIMITS, checker=checker, on_result=hear)
    return result


async def test_its_names_are_at_hand_for_its_own_checker_alone() -> None:
    code = SOLUTION.format("return sum(deque(nums)) if inf > 1 else 0")
    assert (await run(code, "lcb")).status == "passed"
    other = await run(code, "tokens")
    assert (other.error_type, other.line) == ("NameError", 2)


async def test_lines_keep_their_numbers() -> None:
    heard: list[CaseResult] = []
    result = await run(SOLUTION.format("return nums[9]"), "lcb", heard)
    assert (result.error_type, result.line) == ("IndexError", 3)
    assert 'File "main.py", line 3, in total' in result.stderr
    assert [one.line for one in heard] == [3]
    broken = await run("class Solution:\n    def total(self\n", "lcb")
    assert (broken.error_type, broken.line) == ("SyntaxError", 2)


async def test_what_has_to_stand_first_still_does() -> None:
    code = "from __future__ import annotations\n" + SOLUTION.format("return sum(nums)")
    assert (await run(code, "lcb")).status == "passed"
