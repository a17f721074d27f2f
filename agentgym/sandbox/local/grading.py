"""Which case of a program is run in which process, and whose verdict counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import anyio

from agentgym.sandbox.contract import Case, CaseResult, Checker, OnResult, Program
from agentgym.sandbox.judging import judged_aside
from agentgym.sandbox.local.reading import Seen

_MOST_CASES = 500
"""Of one process."""


class RunProcess(Protocol):
    """Runs a process on cases; what it returns or tells is of as many as it came to, at least of one."""

    async def __call__(
        self, cases: Sequence[Case], tell: Callable[[Seen], Awaitable[None]] | None, /
    ) -> list[Seen]: ...


class Grader:
    """Of one program on its cases."""

    def __init__(
        self,
        program: Program,
        cases: Sequence[Case],
        checker: Checker,
        on_result: OnResult | None,
        run_process: RunProcess,
    ) -> None:
        self._function = program.function is not None
        self._cases = cases
        self._checker = checker
        self._on_result = on_result
        self._run_process = run_process
        self._results: dict[int, CaseResult] = {}
        self._passed_together: set[int] = set()
        self._failed_together: set[int] = set()

    async def grade_together(self) -> list[CaseResult]:
        """One process for all cases as long as that goes well; who did not pass is run again alone.

        A process ends early when it has used half of what one case may take: none gains by sharing it, for what it
        needed altogether is no more than it might have used for the case alone. And none gains by answering
        differently in each: where a program is right alone and was not before, all its cases are run alone.
        """
        self._next = 0
        while self._next < len(self._cases):
            part = self._cases[self._next : self._next + _MOST_CASES]
            streams = self._on_result is not None and len(part) > 1
            for seen in await self._run_process(part, self._take_next if streams else None):
                await self._take_next(seen)
        results = await self.grade_alone()
        if not any(results[number].status == "passed" for number in self._failed_together):
            return results
        for number in self._passed_together:
            del self._results[number]
        return await self.grade_alone()

    async def grade_alone(self) -> list[CaseResult]:
        """One process for each case that has no result yet."""
        left = [number for number in range(len(self._cases)) if number not in self._results]
        if len(left) == 1:
            await self._grade_one(left[0])
        elif left:
            async with anyio.create_task_group() as group:
                for number in left:
                    group.start_soon(self._grade_one, number)
        return [self._results[number] for number in range(len(self._cases))]

    async def _grade_one(self, number: int) -> None:
        (seen,) = await self._run_process([self._cases[number]], None)
        await self._settle(number, seen)

    async def _take_next(self, seen: Seen) -> None:
        number, self._next = self._next, self._next + 1
        await self._settle(number, seen)

    async def _settle(self, number: int, seen: Seen) -> None:
        result = await judged_aside(self._cases[number], seen.result, self._checker, function=self._function)
        if not seen.alone:
            (self._passed_together if result.status == "passed" else self._failed_together).add(number)
        if seen.alone or result.status in ("passed", "ran"):
            self._results[number] = result
            if self._on_result is not None:
                self._on_result(number, result)
