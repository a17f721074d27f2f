"""Sandboxes begin, serve many at a time, lose interpreters, are cancelled and end; nothing of them is left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path

import anyio
import pytest

from agentgym.sandbox import Allowance, Case, CaseResult, Program
from agentgym.sandbox.local import LocalSandbox, worker

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[4]
HONEST = Program("print(int(input()) + 1)")
BUSY = Program("text = open(0).read()\nprint('begun', flush=True)\nwhile text: pass")
CASES = [Case("", "begun"), Case("go on", "never")]
"""The busy program ends with the first, and never with the second."""
PATIENCE_S = 30.0
AT_ONCE_S = 10.0
"""Far less than the program would go on, and far more than any machine needs."""
PARENT = """
import anyio, sys
from agentgym.sandbox import Allowance, Case, Program
from agentgym.sandbox.local import LocalSandbox
async def main():
    async with LocalSandbox(workers=1, namespaces=None if sys.argv[1] == "None" else False) as sandbox:
        tell = lambda *_: print("begun", flush=True)
        cases = [Case("", "begun"), Case("go on", "never")]
        await sandbox.run(Program(sys.argv[2]), cases, Allowance(cpu_s=60), on_result=tell)
anyio.run(main)
"""


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Here it matters."""
    return str(request.param)


class Begun:
    """Set as soon as the busy program is at its second case."""

    def __init__(self) -> None:
        self.event = anyio.Event()

    def __call__(self, number: int, result: CaseResult) -> None:
        self.event.set()


async def keep_busy(sandbox: LocalSandbox, begun: Begun, results: list[CaseResult]) -> None:
    results += await sandbox.run(BUSY, CASES, Allowance(cpu_s=60), on_result=begun)


async def is_well(sandbox: LocalSandbox) -> bool:
    (result,) = await sandbox.run(HONEST, [Case("1", "2")])
    return result.status == "passed"


def started_by(parent: int) -> set[int]:
    """The warm interpreters that a process has started, or that one of them has."""
    found = set()
    for folder in Path("/proc").iterdir():
        try:
            warm = folder.name.isdigit() and b"sandbox.local.zygote" in (folder / "cmdline").read_bytes()
            if warm and int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def family(parent: int, *, besides: Collection[int] = ()) -> list[int]:
    """The warm interpreter of a process, what it has started, and so on; the last may be a program."""
    found = []
    while children := started_by(parent) - set(besides):
        (parent,) = children
        found.append(parent)
    return found


def await_end(process: int) -> None:
    """Of one that is no child of this process."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    assert poll.poll(PATIENCE_S * 1000), f"process {process} lives on"
    os.close(descriptor)


async def test_many_callers_share_a_few_interpreters(sandbox: LocalSandbox) -> None:
    assert await is_well(sandbox)
    before = len(os.listdir("/proc/self/fd"))
    passed: list[int] = []

    async def call(number: int) -> None:
        (result,) = await sandbox.run(HONEST, [Case(str(number), str(number + 1))])
        assert result.status == "passed", result
        passed.append(number)

    async with anyio.create_task_group() as group:
        for number in range(300):
            group.start_soon(call, number)
    assert sorted(passed) == list(range(300))
    assert len(os.listdir("/proc/self/fd")) <= before + 2, "as many as interpreters that were started meanwhile"


@pytest.mark.parametrize("namespaces", [None, False])
async def test_a_cancelled_call_ends_its_program_and_leaves_the_interpreter(
    namespaces: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_STOPPING_S", PATIENCE_S)
    others = started_by(os.getpid())
    async with LocalSandbox(workers=1, namespaces=namespaces) as sandbox:
        assert await is_well(sandbox)
        before = family(os.getpid(), besides=others)
        begun = Begun()
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(keep_busy, sandbox, begun, [])
            await begun.event.wait()
            started = time.monotonic()
            group.cancel_scope.cancel()
        assert time.monotonic() - started < AT_ONCE_S
        assert await is_well(sandbox)
        assert family(os.getpid(), besides=others) == before


@pytest.mark.parametrize("namespaces", [None, False])
@pytest.mark.parametrize("which", [0, -1], ids=["first", "last"])
async def test_a_killed_interpreter_is_replaced_and_nobody_pays_for_it(namespaces: bool | None, which: int) -> None:
    others = started_by(os.getpid())
    async with LocalSandbox(workers=1, namespaces=namespaces) as sandbox:
        begun, results = Begun(), list[CaseResult]()
        async with anyio.create_task_group() as group:
            group.start_soon(keep_busy, sandbox, begun, results)
            await begun.event.wait()
            *interpreters, _program = family(os.getpid(), besides=others)
            os.kill(interpreters[which], signal.SIGKILL)
        assert [result.status for result in results] == ["passed", "sandbox_error"]
        assert "interpreter" in results[1].message
        assert await is_well(sandbox)


async def test_an_interpreter_that_was_killed_while_it_had_nothing_to_do_costs_nobody_anything() -> None:
    others = started_by(os.getpid())
    async with LocalSandbox(workers=1) as sandbox:
        assert await is_well(sandbox)
        before = family(os.getpid(), besides=others)
        os.kill(before[0], signal.SIGKILL)
        for process in before:
            await_end(process)
        assert await is_well(sandbox)
        assert family(os.getpid(), besides=others) != before


@pytest.mark.parametrize("namespaces", [None, False])
async def test_closing_ends_whatever_runs_and_leaves_no_process(namespaces: bool | None) -> None:
    others = started_by(os.getpid())
    sandbox = LocalSandbox(workers=1, namespaces=namespaces)
    begun, results, queued = Begun(), list[CaseResult](), list[CaseResult]()
    async with anyio.create_task_group() as group:
        group.start_soon(keep_busy, sandbox, begun, results)
        await begun.event.wait()
        left = family(os.getpid(), besides=others)
        group.start_soon(keep_busy, sandbox, Begun(), queued)
        await anyio.wait_all_tasks_blocked()
        await sandbox.aclose()
    assert [result.status for result in results] == ["passed", "sandbox_error"]
    assert {result.status for result in queued} <= {"sandbox_error", "passed"}
    assert "closed" in results[1].message
    for process in left:
        await_end(process)


async def test_a_closed_sandbox_may_be_used_again() -> None:
    sandbox = LocalSandbox(workers=1)
    for _ in range(2):
        assert await is_well(sandbox)
        await sandbox.aclose()


@pytest.mark.parametrize("namespaces", ["None", "False"])
def test_everything_dies_with_the_process_that_asked(namespaces: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, namespaces, BUSY.code], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout as printed:
        assert printed.readline() == b"begun\n"
    left = family(parent.pid)
    assert len(left) >= 2, "an interpreter and its program"
    parent.kill()
    parent.wait()
    for process in left:
        await_end(process)


async def test_two_event_loops_at_a_time(sandbox: LocalSandbox) -> None:
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(anyio.run(is_well, sandbox)))
    thread.start()
    for _ in range(20):
        assert await is_well(sandbox)
    await anyio.to_thread.run_sync(thread.join)
    assert seen == [True]


async def test_who_is_told_may_break(sandbox: LocalSandbox) -> None:
    def break_off(number: int, result: CaseResult) -> None:
        raise LookupError(number)

    for cases in (CASES, CASES[:1]):
        with pytest.raises(LookupError, match="0"):
            await sandbox.run(BUSY, cases, Allowance(cpu_s=60), on_result=break_off)
    assert await is_well(sandbox)


async def test_more_memory_than_there_is_is_not_promised() -> None:
    async with LocalSandbox(workers=2, memory_mb=300) as sandbox:
        begun, results = Begun(), list[CaseResult]()
        async with anyio.create_task_group() as group:
            group.start_soon(keep_busy, sandbox, begun, results)
            await begun.event.wait()
            with anyio.move_on_after(0.05) as waited:
                await sandbox.run(HONEST, [Case("1", "2")])
            assert waited.cancelled_caught, "256 MB of 300 are taken"
            small = await sandbox.run(HONEST, [Case("1", "2")], Allowance(memory_mb=44))
            assert small[0].status == "passed"
            group.cancel_scope.cancel()
        (large,) = await sandbox.run(HONEST, [Case("1", "2")], Allowance(memory_mb=2000))
        assert large.status == "passed", "alone it may have more"
