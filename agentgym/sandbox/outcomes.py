"""From the end of a process, as a launch saw it, to the result of a case."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

from agentgym.sandbox.contract import Allowance, CaseResult, Program
from agentgym.sandbox.judging import told_exit
from agentgym.sandbox.launching import Ended

_CPU_SIGNALS = (-signal.SIGPROF, -signal.SIGXCPU, -signal.SIGKILL)
_START_S = 0.25
"""What starting the interpreter may take, which is not the program's."""
_NEARLY = 0.9
"""Of the CPU time allowed; a program may send itself any signal."""
_LONGEST_MESSAGE, _LONGEST_NAME, _MOST_VARIABLES, _MOST_LINES = 2000, 100, 30, 10**9
"""The driver keeps to them; what a program reports in its place need not."""


def outcome(program: Program, allowance: Allowance, ended: Ended) -> CaseResult:
    """What became of the program; `ran` where it ended well."""
    seen = CaseResult(
        status="ran",
        stdout=ended.stdout,
        stderr=ended.stderr,
        exit_status=None if ended.overran else ended.exit_status,
        cpu_s=ended.cpu_s,
        wall_s=ended.wall_s,
    )
    return _stopped(allowance, ended, seen) or reported(program, allowance, ended.report, seen)


def reported(program: Program, allowance: Allowance, report: str, seen: CaseResult) -> CaseResult:
    """The same, with what the driver told of the end; of a function, it has to tell what was returned."""
    told = _told(report)
    if isinstance(told.get("error_type"), str):
        return _raised(told, seen)
    fault = told.get("fault")
    if isinstance(fault, str) and program.language != "python":  # a program in Python could tell it as well
        return replace(seen, status="sandbox_error", message=fault)
    if seen.exit_status:
        return _died(seen.exit_status, seen)
    return seen if program.function is None else _returned(program.function, told.get("value"), allowance, seen)


def _died(exit_status: int, seen: CaseResult) -> CaseResult:
    if seen.stderr.rstrip().endswith("\nMemoryError"):
        return replace(seen, status="memory", error_type="MemoryError")
    error_type, message = told_exit(exit_status)
    return replace(seen, status="runtime_error", error_type=error_type, message=message)


def _returned(function: str, value: object, allowance: Allowance, seen: CaseResult) -> CaseResult:
    if not isinstance(value, str):
        message = f"the program ended before {function} returned"
        return replace(seen, status="runtime_error", error_type="ExitStatus", message=message)
    if len(value) > allowance.output_bytes:
        return replace(seen, status="output_limit", message=f"what {function} returned is too long")
    return replace(seen, value=value)


def _stopped(allowance: Allowance, ended: Ended, seen: CaseResult) -> CaseResult | None:
    """The result where a limit ended it, or should have."""
    spent = ended.exit_status in _CPU_SIGNALS and ended.cpu_s >= _NEARLY * allowance.cpu_s
    if spent or ended.cpu_s > allowance.cpu_s + _START_S:
        return replace(seen, status="timeout", limit="cpu", exit_status=None)
    if ended.overran:
        return replace(seen, status="timeout", limit="wall")
    if ended.too_much:
        return replace(seen, status="output_limit", message="a stream is longer than the program may print")
    if ended.exit_status == -signal.SIGXFSZ:
        return replace(seen, status="output_limit", message="a file is longer than the program may write")
    return None


def _raised(told: dict[str, object], seen: CaseResult) -> CaseResult:
    error_type, message, line = str(told["error_type"]), told.get("message"), told.get("line")
    return replace(
        seen,
        status="memory" if error_type == "MemoryError" else "runtime_error",
        error_type=error_type[:_LONGEST_NAME],
        message=message[:_LONGEST_MESSAGE] if isinstance(message, str) else "",
        line=line if type(line) is int and 0 < line < _MOST_LINES else None,
        variables=_variables(told.get("variables")),
    )


def _variables(told: object) -> tuple[tuple[str, str], ...]:
    pairs = told if isinstance(told, list) else []
    return tuple(
        (str(pair[0])[:_LONGEST_NAME], str(pair[1])[:_LONGEST_NAME])
        for pair in pairs[:_MOST_VARIABLES]
        if isinstance(pair, list) and len(pair) == 2
    )


def _told(report: str) -> dict[str, object]:
    """What the driver tells; nothing, where the program wrote something else in its place."""
    try:
        told = json.loads(report)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
