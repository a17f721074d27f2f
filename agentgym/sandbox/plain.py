"""Programs in plain processes of this machine: limits on time, memory and output, and no isolation at all."""

from __future__ import annotations

import os
import shutil
from subprocess import SubprocessError

import anyio
import anyio.to_thread
from anyio.lowlevel import checkpoint_if_cancelled

from agentgym.errors import UsageError, describe
from agentgym.sandbox.casewise import CasewiseSandbox
from agentgym.sandbox.commands import INTERPRETERS, files, order
from agentgym.sandbox.contract import Allowance, Case, CaseResult, Isolation, Program
from agentgym.sandbox.launching import Ended, Launch
from agentgym.sandbox.outcomes import outcome


class PlainSandbox(CasewiseSandbox):
    """Every case in a process of its own, which may do all that the user may; for programs that are trusted.

    `concurrency` is how many run at a time: one for each processor, unless said otherwise.
    """

    name = "none"
    isolation = Isolation("none", ("rlimits",), ("all isolation: a plain process was asked for",))

    def __init__(self, *, concurrency: int | None = None) -> None:
        if os.name != "posix":
            raise UsageError("this system has no resource limits; run programs at a service: fusion:URL or e2b")
        super().__init__(os.cpu_count() or 1 if concurrency is None else concurrency)

    @property
    def languages(self) -> tuple[str, ...]:
        """Those this machine has an interpreter for."""
        return ("python", *(language for language, name in INTERPRETERS.items() if shutil.which(name)))

    def refuse(self, program: Program, allowance: Allowance) -> None:
        if program.language not in self.languages:
            raise UsageError(f"no language {program.language!r} here; there are: {', '.join(self.languages)}")

    async def run_case(self, program: Program, case: Case, allowance: Allowance) -> CaseResult:
        launch = _launch(program, case, allowance)
        seen: list[CaseResult] = []
        async with anyio.create_task_group() as group:
            group.start_soon(_kill_in_the_end, launch)
            with anyio.CancelScope(shield=True):  # nothing of it is left when this returns, cancelled or not
                seen.append(await _ended(launch, program, allowance))
            group.cancel_scope.cancel()
        await checkpoint_if_cancelled()  # else a program that was killed for it would be told of as one that died
        return seen[0]


async def _ended(launch: Launch, program: Program, allowance: Allowance) -> CaseResult:
    try:
        ended: Ended = await anyio.to_thread.run_sync(launch.run, limiter=anyio.CapacityLimiter(1))
    except (OSError, SubprocessError) as error:
        return CaseResult(status="sandbox_error", message=f"no process could be run: {describe(error)}")
    return outcome(program, allowance, ended)


async def _kill_in_the_end(launch: Launch) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        launch.kill()


def _launch(program: Program, case: Case, allowance: Allowance) -> Launch:
    from agentgym.sandbox import driver

    return Launch(
        driver.__file__,
        order(program, allowance),
        case.input,
        files=files(program),
        wall_s=allowance.wall_limit_s,
        output_bytes=allowance.output_bytes,
    )
