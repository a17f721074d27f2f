"""What became of a process, and of each case it was given, read from what it left behind and never trusted."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from agentgym.sandbox.contract import Allowance, CaseResult, Program
from agentgym.sandbox.local.request import Files
from agentgym.sandbox.outcomes import reported

_LONGEST_S = 1e6
_SHORT = 1 << 15
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)', re.DOTALL)
_NODE_FULL = "JavaScript heap out of memory"
_FAULTS = {
    "stopped": "the program was ended before its time",
    "starved": "the machine had next to no time for the program",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A case's result, not judged yet."""

    result: CaseResult
    alone: bool
    """Whether it was seen in a process that had no case before it, so that it stands whatever it is."""


class Reading:
    """Of one process, while it runs and when it has ended."""

    def __init__(self, program: Program, allowance: Allowance, files: Files, count: int, scratch: str = "") -> None:
        self._program = program
        self._allowance = allowance
        self._files = files
        self._count = count
        self._scratch = scratch
        self._taken = 0
        self._read = 0
        self._ends = (0, 0)
        """Up to where the streams belong to cases that were read."""
        self._told_cpu_s = 0.0
        self._spoiled = False
        """Whether something was in the report that does not belong there; what follows is not looked at."""

    def news(self) -> list[Seen]:
        """The cases that ended since it was asked last, while the process has plenty of time left."""
        return list(self._records(within_cpu_s=self._allowance.cpu_s / 2)) if self._count > 1 else []

    def rest(self, answer: Mapping[str, Any]) -> list[Seen]:
        """The other cases it came to; there is at least one, unless there was news."""
        fault = answer["fault"] or _FAULTS.get(answer["why"])
        if fault:
            result = CaseResult(status="sandbox_error", message=f"the program was not run: {fault}")
            return [Seen(result, alone=True)] * (self._count - self._taken)
        before = self._taken
        seen = list(self._records(within_cpu_s=float("inf"))) if self._count > 1 else []
        overran = answer["cpu_s"] > self._allowance.cpu_s and self._told_cpu_s > self._allowance.cpu_s / 2
        if self._taken and not (overran and not before and self._taken == 1):
            return seen
        return self._whole(answer)

    def _whole(self, answer: Mapping[str, Any]) -> list[Seen]:
        """The one case of the process, or the first where it did not come to the second."""
        self._ends = (0, 0)
        told = self._report(0).rstrip("\n").rpartition("\n")[2] or "{}"
        told = told if _is_plausible(told) else "{}"
        result = self._ended(answer, told)
        never_ran = bool(_parsed(told).get("never_ran")) and result.status == "runtime_error"
        return [Seen(result, alone=True)] * (self._count if never_ran else 1)

    def _ended(self, answer: Mapping[str, Any], told: str) -> CaseResult:
        streams = [self._stream(which, _size(number)) for which, number in enumerate(self._numbers)]
        exit_status = os.waitstatus_to_exitcode(answer["status"])
        seen = CaseResult(
            status="ran",
            stdout=streams[0][0],
            stderr=streams[1][0],
            exit_status=None if answer["why"] else exit_status,
            cpu_s=answer["cpu_s"],
            wall_s=answer["wall_s"],
        )
        if answer["why"] == "cpu" or answer["cpu_s"] > self._allowance.cpu_s:
            return replace(seen, status="timeout", limit="cpu", exit_status=None)
        if answer["why"] == "wall":
            return replace(seen, status="timeout", limit="wall")
        if answer["why"] == "scratch":
            return replace(seen, status="output_limit", message="its files are larger than the program may write")
        if any(too_long for _, too_long in streams):
            return replace(seen, status="output_limit", message="a stream is longer than the program may print")
        if exit_status == -signal.SIGXFSZ:
            return replace(seen, status="output_limit", message="a file is longer than the program may write")
        if self._program.language == "javascript" and exit_status == -signal.SIGABRT and _NODE_FULL in seen.stderr:
            return replace(seen, status="memory")
        return reported(self._program, self._allowance, told, seen)

    def _records(self, *, within_cpu_s: float) -> Iterator[Seen]:
        """Of cases that ended one after the other, as far as it is plausible what their process tells of them."""
        for line in _lines(self._report(self._read)):
            told = _parsed(line) if _is_plausible(line) else {}
            ends = (told.get("out"), told.get("err"))
            if self._spoiled or self._taken >= self._count or not self._are_ends(ends):
                self._spoiled = True
                return
            spent = [_seconds(told.get(name)) for name in ("cpu_s", "wall_s")]
            if self._told_cpu_s + spent[0] > within_cpu_s:
                return
            self._told_cpu_s += spent[0]
            result = self._recorded(line, told, ends, spent)
            self._read += len(line.encode("utf-8", "surrogateescape"))
            self._ends = ends
            self._taken += 1
            yield Seen(result, alone=self._taken == 1)

    def _recorded(self, line: str, told: Mapping[str, Any], ends: tuple[int, int], spent: list[float]) -> CaseResult:
        streams = [self._stream(which, end) for which, end in enumerate(ends)]
        status = told.get("exit")
        seen = CaseResult(
            status="ran",
            stdout=streams[0][0],
            stderr=streams[1][0],
            exit_status=status if type(status) is int else 1,
            cpu_s=spent[0],
            wall_s=spent[1],
        )
        if any(too_long for _, too_long in streams):
            return replace(seen, status="output_limit", message="a stream is longer than the program may print")
        return reported(self._program, self._allowance, line, seen)

    def _are_ends(self, ends: tuple[object, object]) -> TypeGuard[tuple[int, int]]:
        sizes = map(_size, self._numbers)
        return all(
            type(end) is int and before <= end <= size
            for before, end, size in zip(self._ends, ends, sizes, strict=True)
        )

    @property
    def _numbers(self) -> tuple[int, int]:
        return self._files.stdout, self._files.stderr

    def _stream(self, which: int, end: int) -> tuple[str, bool]:
        """What it says since the case before, and whether that is too long."""
        begin, most = self._ends[which], self._allowance.output_bytes
        if end == begin:
            return "", False
        data = os.pread(self._numbers[which], min(end - begin, most), begin)
        text = data.decode("utf-8", "replace")
        if self._scratch and self._program.language != "python":  # which tells where its file is, each time elsewhere
            text = text.replace(f"{self._scratch}/", "")
        return text, end - begin > most

    def _report(self, begin: int) -> str:
        size = _size(self._files.report) - begin
        return os.pread(self._files.report, size, begin).decode("utf-8", "surrogateescape") if size > 0 else ""


def _size(number: int) -> int:
    return os.fstat(number).st_size


def _seconds(told: object) -> float:
    """Nothing that is no time counts as one."""
    return told if type(told) is float and 0 <= told < _LONGEST_S else 0.0


def _lines(text: str) -> Iterator[str]:
    """One after the other, without the last where it has no end yet."""
    begin = 0
    while end := text.find("\n", begin) + 1:
        yield text[begin:end]
        begin = end


def _is_plausible(line: str) -> bool:
    """Whether it may be what is meant to be there; the rest could take seconds to parse, and all others wait."""
    return len(line) <= _SHORT or len(_STRING.sub("", line)) <= _SHORT


def _parsed(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
