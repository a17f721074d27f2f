"""The sandbox of this machine: a warm interpreter for each processor, running one program at a time."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, get_args

import anyio
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync

from agentgym.errors import UsageError
from agentgym.sandbox.contract import (
    Allowance,
    Case,
    CaseResult,
    Checker,
    Grading,
    Isolation,
    Level,
    OnResult,
    Program,
    Sandbox,
)
from agentgym.sandbox.judging import refuse_wrong_use
from agentgym.sandbox.local.grading import Grader
from agentgym.sandbox.local.isolation import as_isolation, refuse_too_little
from agentgym.sandbox.local.paths import commands, executable, readable, site_packages
from agentgym.sandbox.local.places import Places, memory_for_all_mb
from agentgym.sandbox.local.reading import Reading, Seen
from agentgym.sandbox.local.request import Files, order, written
from agentgym.sandbox.local.worker import Worker, WorkerGone

_PATIENCE = 31
"""After so many times the limit by the clock, and a minute, an interpreter is taken for dead."""
_NUMBER = count()
_ELSEWHERE = "run programs at a service: fusion:URL or e2b"
_CLOSED = "the sandbox was closed before the program had ended"


class LocalSandbox(Sandbox):
    """Warm interpreters on this machine, that fork a confined process for every program; Linux alone.

    `workers` is how many programs run at a time: one for each processor, unless said otherwise. `require` is the least
    isolation it starts with. `namespaces` are used where the machine gives them, unless they are insisted on or left
    out. With `packages`, programs may import what is installed beside agentgym.
    """

    name = "local"

    def __init__(
        self,
        *,
        workers: int | None = None,
        require: Level = "strong",
        namespaces: bool | None = None,
        packages: bool = False,
        memory_mb: int | None = None,
        _without: Sequence[str] = (),
    ) -> None:
        if require not in get_args(Level):
            raise UsageError(f"require={require!r} is no level of isolation; there are: {', '.join(get_args(Level))}")
        self._count = _whole("workers", workers, len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1)
        self._memory_mb = _whole("memory_mb", memory_mb, memory_for_all_mb())
        """What all programs that run at a time may have together; half the machine's, unless said otherwise."""
        self.isolation = Isolation("none", missing=("not known before it begins",))
        self._require: Level = require
        self._wanted_namespaces = namespaces
        self._commands = commands()
        found = site_packages() if packages else []
        self._settings: dict[str, Any] = {
            "read": readable(found),
            "execute": executable(self._commands),
            "packages": found,
            "without": list(_without),
            "namespaces": namespaces is not False,
            "scratch_mb": Allowance().scratch_mb,
        }
        self._places: RunVar[Places] = RunVar(f"agentgym.sandbox.local.{next(_NUMBER)}")
        self._idle: deque[Worker] = deque()
        self._busy: set[Worker] = set()
        self._starting = threading.Lock()
        self._settled = False
        self._times_closed = 0
        self._process = os.getpid()

    @property
    def languages(self) -> tuple[str, ...]:
        """Those this machine has an interpreter for."""
        return ("python", *self._commands)

    async def start(self) -> None:
        if not self._settled:
            await run_sync(self._settle)

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
        await self.start()
        self._refuse(program, allowance)
        times_closed = self._times_closed

        async def run_process(part: Sequence[Case], tell: Callable[[Seen], Awaitable[None]] | None) -> list[Seen]:
            return await self._run_process(program, part, allowance, times_closed, tell)

        grader = Grader(program, cases, checker, on_result, run_process)
        together = grading == "shared_then_isolated" and program.language == "python" and allowance.processes <= 1
        return await (grader.grade_together() if together else grader.grade_alone())

    async def aclose(self) -> None:
        """What still runs ends as `sandbox_error`."""
        self._times_closed += 1
        for worker in self._busy:
            worker.kill()
        with anyio.CancelScope(shield=True):
            while self._idle:
                await run_sync(self._idle.pop().close)

    def _refuse(self, program: Program, allowance: Allowance) -> None:
        if program.language not in self.languages:
            raise UsageError(f"no language {program.language!r} here; there are: {', '.join(self.languages)}")
        if allowance.processes > 1 and not self._settings["namespaces"]:
            raise UsageError(f"processes={allowance.processes} needs process namespaces, which are not to be had here")

    async def _run_process(
        self,
        program: Program,
        cases: Sequence[Case],
        allowance: Allowance,
        times_closed: int,
        tell: Callable[[Seen], Awaitable[None]] | None,
    ) -> list[Seen]:
        """What is seen of the cases a process comes to; of those that were told already, nothing."""
        async with self._own_places().place(int(allowance.memory_mb)):
            try:
                worker = await self._take_worker(times_closed)
            except (OSError, WorkerGone) as error:
                return _faults(str(error), len(cases))
            try:
                seen = await self._converse(worker, program, cases, allowance, tell)
                closed = times_closed != self._times_closed and not worker.usable
                return _faults(_CLOSED, len(seen)) if closed else seen
            finally:
                await self._put_back(worker, times_closed)

    async def _converse(
        self,
        worker: Worker,
        program: Program,
        cases: Sequence[Case],
        allowance: Allowance,
        tell: Callable[[Seen], Awaitable[None]] | None,
    ) -> list[Seen]:
        files = Files(bell=tell is not None)
        told = 0
        try:
            wanted = {**order(program, allowance, self._commands), **await written(files, program, cases)}
            reading = Reading(program, allowance, files, len(cases), worker.scratch)
            with worker.asked({**wanted, "bell": tell is not None}, files.sent):
                files.release_bell()
                if tell is not None:
                    told = await _listen(files, reading, tell)
                answer = await worker.answer(_PATIENCE * allowance.wall_limit_s + 60)
            return reading.rest(answer)
        except WorkerGone as gone:
            return _faults(str(gone), len(cases) - told)
        finally:
            files.close()

    def _own_places(self) -> Places:
        try:
            return self._places.get()
        except LookupError:
            places = Places(self._count, self._memory_mb)
            self._places.set(places)
            return places

    async def _take_worker(self, times_closed: int) -> Worker:
        if self._process != os.getpid():
            self._forget_all()
        while times_closed == self._times_closed:
            try:
                worker = self._idle.pop()
            except IndexError:
                await run_sync(self._add_worker, times_closed)
                continue
            if worker.lives():
                self._busy.add(worker)
                return worker
            await run_sync(worker.close)
        raise WorkerGone(_CLOSED)

    def _add_worker(self, times_closed: int) -> None:
        """An idle one, so that it is not lost where asyncio cancels whoever waits for it; it blocks."""
        worker = self._new_worker()
        self._idle.append(worker)
        if times_closed != self._times_closed or len(self._idle) > self._count:
            with suppress(ValueError):  # somebody took it, who looks after it
                self._idle.remove(worker)
                worker.close()

    async def _put_back(self, worker: Worker, times_closed: int) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await worker.settle()
            finally:
                self._busy.discard(worker)
                if worker.usable and times_closed == self._times_closed:
                    self._idle.append(worker)
                else:
                    await run_sync(worker.close)

    def _new_worker(self) -> Worker:
        return Worker(self._settings, scratch_needed=not self._settings["namespaces"])

    def _settle(self) -> None:
        """Start the first interpreter, which finds out what layers there are; it blocks."""
        with self._starting:
            if self._settled:
                return
            if sys.platform != "linux":
                raise UsageError(f"the local sandbox needs Linux; {_ELSEWHERE}")
            try:
                worker, missing = self._first_worker()
            except OSError as error:
                raise UsageError(f"the local sandbox cannot start: {error}; {_ELSEWHERE}") from error
            isolation = as_isolation(worker.layers, (*worker.missing, *missing))
            self.isolation = isolation
            try:
                refuse_too_little(isolation, self._require)
            except UsageError:
                worker.close()
                raise
            if isolation.level != "strong":
                warnings.warn(f"programs are kept in by {isolation.level} isolation alone", stacklevel=2)
            self._idle.append(worker)
            self._settled = True
            if not self._settings["namespaces"]:
                self._commands.pop("bash", None)  # what a shell starts could outlive it

    def _first_worker(self) -> tuple[Worker, tuple[str, ...]]:
        """With namespaces if they can be had and are not unwanted; and why not, if not."""
        if self._wanted_namespaces is False:
            return self._new_worker(), ("namespaces: they were not asked for",)
        try:
            return self._new_worker(), ()
        except OSError as error:
            if self._wanted_namespaces:
                raise
            self._settings["namespaces"] = False
            return self._new_worker(), (f"namespaces: {error}",)

    def _forget_all(self) -> None:
        """Interpreters are the process' that started them, not of one that was forked from it."""
        self._process = os.getpid()
        for worker in (*self._idle, *self._busy):
            worker.forget()
        self._idle.clear()
        self._busy.clear()


async def _listen(files: Files, reading: Reading, tell: Callable[[Seen], Awaitable[None]]) -> int:
    """Tell of each case as it ends, and how many it were."""
    assert files.bell is not None
    told, rung = 0, b"."
    while rung:
        await anyio.wait_readable(files.bell)
        rung = os.read(files.bell, 1 << 12)
        for seen in reading.news():
            await tell(seen)
            told += 1
    return told


def _faults(message: str, count: int) -> list[Seen]:
    return [Seen(CaseResult(status="sandbox_error", message=message), alone=True)] * count


def _whole(name: str, value: int | None, usual: int) -> int:
    if value is not None and (type(value) is not int or value < 1):
        raise UsageError(f"{name}={value!r} of a sandbox must be a whole number, 1 or more")
    return usual if value is None else value
