"""From what was seen of a program to what it is worth; shared by all back ends, and outside every sandbox.

A back end calls `refuse_wrong_use(program, cases, checker, grading)` before it runs anything. Of each case it makes a
CaseResult of what happened, which is `ran` where the program ended well, and passes it through
`judged(case, result, checker, function=program.function is not None)`; that turns `ran` into `passed` or
`wrong_answer` where the case has an expected output, and leaves every other result alone.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from agentgym.errors import SandboxFault, UsageError
from agentgym.sandbox.checkers import agree, refuse_unknown
from agentgym.sandbox.contract import Case, CaseResult, Checker, Grading, Program

_LONG = 100_000
"""What is longer than so many characters is compared in a thread: the event loop has other things to do."""


def judged(case: Case, result: CaseResult, checker: Checker, *, function: bool = False) -> CaseResult:
    """The result with its verdict; where the caller's own checker breaks, that is the sandbox's fault."""
    if result.status != "ran" or case.expected is None:
        return result
    try:
        right = agree(checker, case.input, case.expected, result.got, function=function)
    except SandboxFault as fault:
        return replace(result, status="sandbox_error", message=str(fault))
    return replace(result, status="passed" if right else "wrong_answer")


async def judged_aside(case: Case, result: CaseResult, checker: Checker, *, function: bool = False) -> CaseResult:
    """The same, in a thread where it may take long."""
    if len(case.expected or "") + len(result.got) < _LONG:
        return judged(case, result, checker, function=function)
    from anyio.to_thread import run_sync

    return await run_sync(lambda: judged(case, result, checker, function=function))


def refuse_wrong_use(
    program: Program, cases: Sequence[Case], checker: Checker, grading: Grading = "shared_then_isolated"
) -> None:
    """UsageError for what no back end can run or judge."""
    if grading not in get_args(Grading):
        raise UsageError(f"grading={grading!r} is none; there are: {', '.join(get_args(Grading))}")
    refuse_unknown(checker)
    if program.function is None:
        return
    if not program.function.isidentifier():
        raise UsageError(f"function={program.function!r} of a program is no name of a function")
    if program.language != "python":
        raise UsageError(f"functions are called in python alone, not in {program.language!r}: leave function out")
    for number, case in enumerate(cases):
        _refuse_bad_json(number, case)


def _refuse_bad_json(number: int, case: Case) -> None:
    from agentgym.sandbox.values import is_json

    for line in case.input.split("\n"):
        if line.strip() and not is_json(line):
            raise UsageError(f"case {number}: an argument of a function is one line of JSON, not {_excerpt(line)}")
    if case.expected is not None and not is_json(case.expected):
        raise UsageError(f"case {number}: the expected result of a function is JSON, not {_excerpt(case.expected)}")


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def told_exit(exit_status: int) -> tuple[str, str]:
    """Error type and message of a program that ended badly and raised nothing."""
    if exit_status >= 0:
        return "ExitStatus", f"ended with exit status {exit_status}"
    try:
        name = signal.Signals(-exit_status).name
    except ValueError:
        name = f"signal {-exit_status}"
    return "Signal", f"ended by {name}"
