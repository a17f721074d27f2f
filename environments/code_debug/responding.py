"""From the results of a sandbox to what the agent is shown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentgym.errors import SandboxFault
from agentgym.jsontext import mend_text
from agentgym.sandbox.contract import CaseResult
from environments.code_debug.observations import CaseReport, CaseStatus, RunReport
from environments.programs.problem import Case
from environments.programs.suggestions import suggest

SHOWN_CHARACTERS = 4000
"""Of each text: a program may print a million, which no model could read."""
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{4,16}\b")


def status_of(result: CaseResult) -> CaseStatus:
    """How a case ended; SandboxFault where the sandbox broke, for that is not the program's doing."""
    if result.status == "sandbox_error":
        raise SandboxFault(f"the sandbox: {result.message or 'it gave no result'}")
    return result.status


def report_case(code: str, index: int, case: Case, result: CaseResult) -> CaseReport:
    """How a program did on a visible case."""
    status = status_of(result)
    failed = status not in ("passed", "ran")
    actual = None if status == "runtime_error" and result.value is None and not result.stdout else result.got
    return CaseReport(
        passed=status == "passed",
        test_case_index=index,
        status=status,
        stdout=shortened(result.stdout),
        stderr=shortened(result.stderr),
        expected=shortened(case.output),
        actual=None if actual is None else shortened(actual),
        error_type=result.error_type or None,
        line=result.line,
        variables={name: shortened(value) for name, value in result.variables} or None,
        suggestion=_suggestion(code, case, result) if failed else "",
    )


def report_run(reports: Sequence[CaseReport], *, alone: bool, attempts_left: int) -> RunReport:
    """The report of a call: of one case, or of all, where the first that failed speaks for them."""
    first = next((report for report in reports if not report.passed), reports[0])
    told = first.model_dump() | {
        "passed": all(report.passed for report in reports),
        "test_case_index": first.test_case_index if alone else None,
        "attempts_left": attempts_left,
        "cases": () if alone else tuple(reports),
    }
    return RunReport(**told)


def report_output(result: CaseResult, code: str, *, attempts_left: int) -> RunReport:
    """The report of a program that was run without any case to compare with."""
    status = status_of(result)
    return RunReport(
        passed=False,
        test_case_index=None,
        status=status,
        stdout=shortened(result.stdout),
        stderr=shortened(result.stderr),
        actual=shortened(result.got),
        error_type=result.error_type or None,
        line=result.line,
        suggestion="" if status == "ran" else _suggestion(code, None, result),
        attempts_left=attempts_left,
    )


def bad_index(index: int, visible: int, *, attempts_left: int) -> RunReport:
    """The report of a call for a case that is not there."""
    there = f"0 to {visible - 1}" if visible else "none"
    return RunReport(
        passed=False,
        test_case_index=index,
        status="bad_index",
        suggestion=f"There is no visible case {index}; there are: {there}. Leave the index out to run them all.",
        attempts_left=attempts_left,
    )


def shortened(text: str) -> str:
    """The text, or its beginning and end with a word on what is left out; addresses, which vary, are hidden."""
    if len(text) > SHOWN_CHARACTERS:
        half = SHOWN_CHARACTERS // 2
        text = f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"
    return mend_text(_ADDRESS.sub("at 0x...", text))


def _suggestion(code: str, case: Case | None, result: CaseResult) -> str:
    kind = result.error_type if result.status == "runtime_error" else result.status
    expected = None if case is None else case.output
    return shortened(suggest(kind, result.message, code, result.line, expected=expected, actual=result.got))
