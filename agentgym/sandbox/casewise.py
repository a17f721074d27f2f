"""What back ends share that run every case by itself: some at a time, each judged as it ends."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import anyio
from anyio.lowlevel import RunVar

from agentgym.errors import UsageError
from agentgym.sandbox.contract import Allowance, Case, CaseResult, Checker, Grading, OnResult, Program, Sandbox
from agentgym.sandbox.judging import judged_aside, refuse_wrong_use

CLOSING_S = 10.0
_CLOSED = CaseResult(status="sandbox_error", message="the sandbox was closed before the program had ended")


class CasewiseSandbox(Sandbox):
    """Every case is run alone, whatever the grading; `concurrency` is how many at a time."""

    def __init__(self, concurrency: int) -> None:
        if type(concurrency) is not int or concurrency < 1:
            raise UsageError(f"concurrency={concurrency!r} of a sandbox must be a whole number, 1 or more")
        self._concurrency = concurrency
        self._places: RunVar[anyio.Semaphore] = RunVar("agentgym.sandbox.places")
        self._under_way: dict[anyio.CancelScope, anyio.Event] = {}

    @abstractmethod
    def refuse(self, program: Program, allowance: Allowance) -> None:
        """UsageError for what this back end cannot run."""

    @abstractmethod
    async def run_case(self, program: Program, case: Case, allowance: Allowance) -> CaseResult:
        """What became of the program on one case, not judged yet; within a deadline."""

    async def run_together(
        self, program: Program, cases: Sequence[Case], allowance: Allowance
    ) -> Sequence[CaseResult] | None:
        """The same on all cases at once; None where each is to be run alone."""
        return None

    async def run(
        self,
        program: Program,
        cases: Sequence[Case],
        allowance: Allowance | None = None,
        *,
        checker: Checker = "tokens",
        grading: Grading = "shared_then_isolated",
        on_result: OnResult | None = None,
    ) -> list[CaseResult]:
        allowance = allowance or Allowance()
        refuse_wrong_use(program, cases, checker, grading)
        self.refuse(program, allowance)
        results = dict.fromkeys(range(len(cases)), _CLOSED)

        async def judge(number: int, seen: CaseResult) -> None:
            function = program.function is not None
            results[number] = await judged_aside(cases[number], seen, checker, function=function)
            if on_result is not None:
                on_result(number, results[number])

        async def play(number: int, case: Case) -> None:
            async with self.place():
                seen = await self.run_case(program, case, allowance)
            await judge(number, seen)

        with self._until_closed():
            together = await self.run_together(program, cases, allowance)
            for number, seen in enumerate(together or ()):
                await judge(number, seen)
            if together is None:
                async with anyio.create_task_group() as group:
                    for number, case in enumerate(cases):
                        group.start_soon(play, number, case)
        return list(results.values())

    async def aclose(self) -> None:
        with anyio.move_on_after(CLOSING_S, shield=True):
            for scope, ended in tuple(self._under_way.items()):
                scope.cancel()
                await ended.wait()

    @contextmanager
    def _until_closed(self) -> Iterator[None]:
        """What runs inside the block ends when the sandbox is closed."""
        with anyio.CancelScope() as scope:
            ended = self._under_way[scope] = anyio.Event()
            try:
                yield
            finally:
                del self._under_way[scope]
                ended.set()

    def place(self) -> anyio.Semaphore:
        """Held by whoever runs something; each event loop has its own."""
        try:
            return self._places.get()
        except LookupError:
            places = anyio.Semaphore(self._concurrency)
            self._places.set(places)
            return places
