"""Many programs judged side by side, their verdicts told in the order of the programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from agentgym.errors import DataFileError, UsageError
from agentgym.messages import JsonObject
from agentgym.sandbox.contract import Allowance, CaseResult, Program, Sandbox
from environments.programs.inorder import in_order
from environments.programs.problem import Case, Problem
from environments.programs.running import run_program
from environments.programs.submissions import Submission

CONCURRENCY = 4 * (os.cpu_count() or 1)
"""As many programs wait or run at a time; how many run is up to the sandbox."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a program did on all cases of its problem."""

    query_id: str
    statuses: tuple[str, ...]
    fault: str = ""
    """What broke, where it cannot be judged."""

    @property
    def verdict(self) -> Literal["passed", "failed", "not_evaluable"]:
        """In a word."""
        if self.fault:
            return "not_evaluable"
        return "passed" if self.passed == len(self.statuses) else "failed"

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return self.statuses.count("passed")

    def to_json(self) -> JsonObject:
        """As a line of output holds it."""
        return {
            "query_id": self.query_id,
            "verdict": self.verdict,
            "passed": self.passed,
            "total": len(self.statuses),
            "cases": list(self.statuses),
        }


OnVerdict = Callable[[Verdict], None]


async def judge_programs(
    problems: Mapping[str, Problem],
    submissions: Iterable[Submission],
    *,
    sandbox: Sandbox,
    on_verdict: OnVerdict,
    allowance: Allowance | None = None,
    concurrency: int = CONCURRENCY,
) -> None:
    """Judge each program on all cases of its problem; memory does not grow with their number."""
    if type(concurrency) is not int or concurrency < 1:
        raise UsageError(f"concurrency={concurrency!r}: give a whole number of at least 1")
    limits = allowance or Allowance()

    async def judge(submission: Submission) -> Verdict:
        problem = problem_of(submission, problems)
        program = Program(submission.code, submission.language, problem.fn_name)
        try:
            results = await run_program(sandbox, program, graded_cases(problem), limits, checker=problem.checker)
        except UsageError as error:
            raise DataFileError(f"{submission.where or submission.query_id}: {error}") from None
        return Verdict(submission.query_id, tuple(result.status for result in results), _fault(results))

    await in_order(submissions, judge, on_verdict, concurrency=concurrency)


def graded_cases(problem: Problem) -> tuple[Case, ...]:
    """All cases of a problem in their order; where it has so few that the visible ones grade too, each once."""
    return problem.hidden if problem.hidden[: len(problem.visible)] == problem.visible else problem.cases


def problem_of(submission: Submission, problems: Mapping[str, Problem]) -> Problem:
    """The problem a program is meant for."""
    problem = problems.get(submission.query_id)
    if problem is None:
        where = f"{submission.where}: " if submission.where else ""
        raise DataFileError(f"{where}no problem {submission.query_id!r}; its query_id must be one of the problems'")
    return problem


def _fault(results: Iterable[CaseResult]) -> str:
    broken = next((result for result in results if result.status == "sandbox_error"), None)
    return "" if broken is None else broken.message or "the sandbox gave no result"
