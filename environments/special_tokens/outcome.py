"""What a call comes to when it is carried out: whether a fix passes the tests, whether an exploration really runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from anyio import to_thread

from agentgym.errors import SandboxFault
from agentgym.sandbox.contract import Allowance, CaseResult, Program, Sandbox
from environments.programs.problem import Case
from environments.programs.running import run_program
from environments.special_tokens.probe import probed

CPU_S = 2.0
"""What a program may take on each case."""
_LONG = 10_000
"""A program of more characters is looked through in a thread: the event loop has other things to do."""


def fixes(program: str, original: str, modified: str) -> tuple[str, ...]:
    """The programs an edit may stand for: a part put in place of another, or a whole program in place of the whole."""
    program, original, modified = unix_lines(program), unix_lines(original), unix_lines(modified)
    whole = modified if modified.endswith("\n") else f"{modified}\n"
    if original.strip() == program.strip() or original not in program:
        return (whole,)
    return tuple(dict.fromkeys((program.replace(original, modified, 1), whole)))


async def passes_tests(
    sandbox: Sandbox,
    candidates: Sequence[str],
    cases: Sequence[Case],
    *,
    function: str | None = None,
    checker: str = "tokens",
    cpu_s: float = CPU_S,
) -> bool:
    """Whether one of the programs passes all cases."""
    for code in candidates:
        program = Program(code, function=function if cases else None)
        results = await run_program(sandbox, program, cases, Allowance(cpu_s=cpu_s), checker=checker)
        _refuse_faults(results)
        if cases and all(result.status == "passed" for result in results):
            return True
    return False


async def is_run(
    sandbox: Sandbox,
    code: str,
    program: str,
    *,
    function: str | None = None,
    input: str = "",
    checker: str = "tokens",
    cpu_s: float = CPU_S,
) -> bool:
    """Whether running `code` gets into the reported program, or into its function where it has one."""
    watch = partial(probed, code, program, function=function)
    watched = await to_thread.run_sync(watch) if len(code) > _LONG else watch()
    if watched is None:
        return False
    given = Case(input="" if function else input, output="")  # a function's arguments are no standard input
    program_run = Program(watched.code)
    results = await run_program(
        sandbox, program_run, [given], Allowance(cpu_s=cpu_s), checker=checker, grading="isolated"
    )
    _refuse_faults(results)
    return watched.mark in results[0].stderr


def _refuse_faults(results: Sequence[CaseResult]) -> None:
    for result in results:
        if result.status == "sandbox_error":
            raise SandboxFault(result.message or "the sandbox gave no result")


def unix_lines(code: str) -> str:
    """The code with each line ended as Python itself ends it."""
    return code.replace("\r\n", "\n").replace("\r", "\n")
