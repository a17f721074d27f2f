"""What is seen when a program runs on a case; who runs it is up to the caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from agentgym.sandbox.contract import Allowance, Grading, Program, Sandbox
from environments.programs.problem import Case, Problem
from environments.programs.running import run_program


@dataclass(frozen=True, slots=True)
class Observed:
    """How a program did on one case."""

    status: str
    """`passed`, `wrong_answer`, `runtime_error`, `timeout`, or another word of the sandbox's."""
    error_type: str = ""
    """The name of the exception's class, such as `KeyError`."""
    message: str = ""
    line: int | None = None
    """The innermost line of the program itself that the error passed, counted from 1."""
    output: str = ""
    """What the program printed; of a function, its result as JSON."""

    @property
    def outcome(self) -> str:
        """The class of the failure: the error's type, or the status."""
        return self.error_type if self.status == "runtime_error" else self.status


Observe = Callable[[Problem, str, Sequence[Case]], Awaitable[Sequence[Observed]]]
"""Runs a program, whose problem says how it is called, on some cases; gives what was seen of each, in order."""


def observe_in(sandbox: Sandbox, *, cpu_s: float = 2.0) -> Observe:
    """Observes in a sandbox; on each case a program may take `cpu_s` of CPU time."""
    allowance = Allowance(cpu_s=cpu_s)

    async def observe(problem: Problem, code: str, cases: Sequence[Case]) -> list[Observed]:
        program = Program(code, function=problem.fn_name)
        # A single case that fails need not be run again to be sure of it: there was nobody before it.
        grading: Grading = "isolated" if len(cases) == 1 else "shared_then_isolated"
        results = await run_program(sandbox, program, cases, allowance, checker=problem.checker, grading=grading)
        return [
            Observed(result.status, result.error_type, result.message, result.line, result.got) for result in results
        ]

    return observe


def is_remote(spec: str) -> bool:
    """Whether the programs of a sandbox run elsewhere; rows that ask for that are refused where they do not."""
    return spec.partition(":")[0] in ("fusion", "e2b")
