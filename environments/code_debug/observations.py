"""What the agent is shown of its programs' runs; nothing here differs between equal runs."""

from __future__ import annotations

from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, JsonValue

from agentgym.messages import JsonObject

CaseStatus = Literal["passed", "ran", "wrong_answer", "runtime_error", "timeout", "memory", "output_limit", "bad_index"]
"""`ran`: there was no case to compare with; `bad_index`: there is no such visible case, and nothing was run."""
_OF_ONE_CASE = ("stdout", "stderr", "expected", "actual", "error_type", "line", "variables")


class CaseReport(BaseModel):
    """How a program did on one visible case."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    test_case_index: int | None
    """Counted from 0."""
    status: CaseStatus
    stdout: str = ""
    stderr: str = ""
    expected: str | None = None
    actual: str | None = None
    """What is compared: a function's result as JSON, else what was printed."""
    error_type: str | None = None
    line: int | None = None
    """Where in the program the error was raised, counted from 1."""
    variables: dict[str, str] | None = None
    """The local variables there, where debug prints are on."""
    suggestion: str = ""


class RunReport(CaseReport):
    """What a call of `run_code` gives; of several cases it tells the first that failed, and all in `cases`."""

    attempts_left: int
    cases: tuple[CaseReport, ...] = ()
    """Each of them, where all visible cases were run."""

    def shown(self) -> JsonObject:
        """As the agent reads it: what holds nothing is left out, and nothing is told twice."""
        told: JsonObject = self.model_dump(mode="json", exclude_none=True)
        if not self.cases:
            del told["cases"]
            return told
        cases = [
            {name: value for name, value in case.model_dump(mode="json", exclude_none=True).items() if value != ""}
            for case in self.cases
        ]
        for case in cases:
            if case.get("suggestion") == self.suggestion:
                del case["suggestion"]
        return {name: value for name, value in told.items() if name not in _OF_ONE_CASE} | {
            "cases": cast(JsonValue, cases)
        }


class Graded(BaseModel):
    """What came of the hidden cases; the episode is over."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    """Whether all of them did."""
    passed_cases: int
    total_cases: int
    statuses: tuple[str, ...]
    """Of each case, in order."""
