"""A sandbox whose programs are single words, so that what happens around it can be told exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from agentgym.errors import UsageError
from agentgym.sandbox import Allowance, Case, CaseResult, Isolation, Program, Sandbox
from environments.code_debug.task import CodeTask
from environments.programs.problem import Case as ProblemCase


class WordSandbox(Sandbox):
    """`right` passes, `first N` does where the input is below N, `broken` breaks the sandbox, all else fails."""

    name = "words"
    isolation = Isolation("strong")

    def __init__(self) -> None:
        self.asked: list[tuple[Program, list[Case], Allowance]] = []
        self.closed = 0

    async def run(self, program: Program, cases: Sequence[Case], *args: Any, **options: Any) -> list[CaseResult]:
        if program.language != "python":
            raise UsageError(f"no language {program.language!r} here; there are: python")
        (allowance,) = args
        self.asked.append((program, list(cases), allowance))
        results = [self._result(program.code, case) for case in cases]
        for number, result in enumerate(results):
            if options.get("on_result") is not None:
                options["on_result"](number, result)
        return results

    async def aclose(self) -> None:
        self.closed += 1

    def _result(self, code: str, case: Case) -> CaseResult:
        word, _, number = code.partition(" ")
        if word == "broken":
            return CaseResult(status="sandbox_error", message="the zygote is gone")
        if case.expected is None:
            return CaseResult(status="ran", stdout="ran\n")
        if word == "right" or (word == "first" and int(case.input) < int(number)):
            return CaseResult(status="passed", stdout=case.expected, cpu_s=0.1)
        if word == "raises":
            return CaseResult(
                status="runtime_error",
                error_type="NameError",
                message="name 'x' is not defined",
                line=1,
                stderr="NameError: name 'x' is not defined\n",
                variables=(("n", "<object at 0x7f0012345678>"),),
            )
        return CaseResult(status="wrong_answer", stdout=code)


@pytest.fixture
def words() -> WordSandbox:
    return WordSandbox()


@pytest.fixture
def task() -> CodeTask:
    """Two visible cases, a hundred hidden ones."""
    return CodeTask(
        id="t",
        question="Print twice the number.",
        solution="right",
        visible=tuple(ProblemCase(input=str(n), output=f"{2 * n}\n") for n in (0, 1)),
        hidden=tuple(ProblemCase(input=str(n), output=f"{2 * n}\n") for n in range(100)),
    )
