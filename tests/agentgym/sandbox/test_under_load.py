"""A thousand callers, a busy machine, interpreters that are killed, callers who leave: all is as it is with one."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from agentgym import OraclePolicy, Policy, ScriptedPolicy, ToolCall, Turn
from agentgym.jobs import Job
from agentgym.runner import run
from agentgym.sandbox import Allowance, Case, CaseResult, Program
from agentgym.sandbox.contract import Grading
from agentgym.sandbox.local import LocalSandbox, worker
from environments.code_debug.env import CodeDebugEnv
from environments.code_debug.task import CodeTask
from environments.programs.problem import Case as ProblemCase
from tests.agentgym.sandbox.worlds import WORLDS, local_sandbox

pytestmark = pytest.mark.anyio

WORKERS = 2
HONEST = Program("print(int(input()) + 1)")
DOUBLE = Program("def double(n):\n    return [n, 2 * n]", function="double")
RAISES = Program("n = int(input())\nprint([1, 2, 3][n + 3])")
NOISY = Program("import sys\nn = int(input())\nsys.stderr.write('x' * 9000)\nprint('y' * 9000, n)")
ENDLESS = {
    "spins": Program("while True: pass"),
    "sleeps": Program("import time\nwhile True: time.sleep(100)"),
    "threads": Program(
        "import threading, time\n"
        "for _ in range(4): threading.Thread(target=lambda: [time.sleep(0.01) for _ in iter(int, 1)]).start()"
    ),
    "is deaf": Program(
        "import signal\n"
        "for number in range(1, 32):\n"
        "    try: signal.signal(number, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\n"
        "while True: signal.sigtimedwait([], 10)"
    ),
    "prints": Program("while True: print(end='', flush=True)"),
}
LONG = Allowance(cpu_s=60)
PATIENCE_S = 50.0
AT_ONCE_S = 15.0
"""No machine needs so long for what is done at once, and what is not done takes longer."""
NEVER_CHARGED = {"passed", "sandbox_error"}


PAIRS = [
    pytest.param("asyncio", None, id="asyncio, all layers"),
    pytest.param("trio", False, id="trio, no namespaces", marks=pytest.mark.slow),
]
"""Event loop and `namespaces`, where all four of them would take too long."""


@pytest.fixture(scope="module", params=WORLDS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[LocalSandbox]:
    yield from local_sandbox(workers=WORKERS, namespaces=request.param)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that the machine keeps waiting is not taken for one that hangs."""
    monkeypatch.setattr(worker, "_STOPPING_S", 30.0)


@dataclass(frozen=True)
class Tally:
    """What a process and its interpreters hold."""

    descriptors: Counter[str]
    processes: frozenset[int]
    """Interpreters, programs, and those that ended and were not waited for."""
    of_interpreters: tuple[tuple[int, int], ...]
    """Of each process, how many descriptors; none where they are not to be seen."""


def tally() -> Tally:
    processes = family()
    return Tally(kinds_of_descriptors(), processes, tuple((pid, len(descriptors(pid))) for pid in sorted(processes)))


def descriptors(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(f"/proc/{pid}/fd")
    return []


def kinds_of_descriptors() -> Counter[str]:
    kinds = Counter[str]()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one it was listed with
            kinds[os.readlink(f"/proc/self/fd/{number}").partition("[")[0]] += 1
    return kinds


def family() -> frozenset[int]:
    """Whatever descends from this process, and whatever was left alone by an interpreter of it."""
    return frozenset(family_tree())


def family_tree() -> dict[int, int]:
    """The parent of each."""
    parents, marked = dict[int, int](), set[int]()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, IndexError):
            parents[int(name)] = parent_of(int(name))
            command = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            if any(b"sandbox.local.zygote" in part for part in command) and str(os.getpid()).encode() in command:
                marked.add(int(name))
    return {pid: parent for pid, parent in parents.items() if pid in marked or generation(pid, parents) > 0}


def generation(pid: int, parents: dict[int, int]) -> int:
    """1 of a child of this process, 2 of a child of that; 0 of whoever is no descendant."""
    steps, own = 0, os.getpid()
    while pid in parents and pid != own:
        pid, steps = parents[pid], steps + 1
    return steps if pid == own else 0


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])


async def until(is_so: Callable[[], bool], within_s: float = PATIENCE_S) -> float:
    """After how long it was so; or how long was waited."""
    started = time.monotonic()
    while not is_so() and time.monotonic() - started < within_s:  # noqa: ASYNC110 # of other processes
        await anyio.sleep(0.002)
    return time.monotonic() - started


async def is_well(sandbox: LocalSandbox) -> bool:
    (result,) = await sandbox.run(HONEST, [Case("1", "2")])
    return result.status == "passed"


async def warm(sandbox: LocalSandbox) -> Tally:
    """As many interpreters as there may be, and what there is then."""
    async with anyio.create_task_group() as group:
        for _ in range(WORKERS):
            group.start_soon(sandbox.run, ENDLESS["sleeps"], [Case()], Allowance(wall_s=0.3))
    assert await is_well(sandbox)
    return tally()


REQUESTS: list[tuple[Program, Callable[[int], Case], str]] = [
    (HONEST, lambda n: Case(str(n), str(n + 1)), "passed"),
    (DOUBLE, lambda n: Case(str(n), f"[{n}, {2 * n}]"), "passed"),
    (HONEST, lambda n: Case(str(n), str(n)), "wrong_answer"),
    (RAISES, lambda n: Case(str(n), ""), "runtime_error"),
    (NOISY, lambda n: Case(str(n), "y" * 9000 + f" {n}"), "passed"),
]


@pytest.mark.parametrize(("anyio_backend", "sandbox"), PAIRS, indirect=["sandbox"])
async def test_a_thousand_callers_get_their_own_answers_in_turn(sandbox: LocalSandbox) -> None:
    before = await warm(sandbox)
    came, served, most = list[int](), list[int](), 0

    async def call(number: int) -> None:
        nonlocal most
        program, case_of, status = REQUESTS[number % len(REQUESTS)]
        came.append(number)
        case = case_of(number)
        grading: Grading = "isolated" if number % 2 else "shared_then_isolated"
        (result,) = await sandbox.run(program, [case], grading=grading)
        served.append(number)
        most = max(most, len(os.listdir("/proc/self/fd")))
        assert result.status == status, (number, result)
        if status == "passed":
            assert result.got.strip() == case.expected

    async with anyio.create_task_group() as group:
        for number in range(1000):
            group.start_soon(call, number)
    turns = {number: turn for turn, number in enumerate(came)}
    late = max(abs(turn - turns[number]) for turn, number in enumerate(served))
    assert len(served) == 1000
    assert late < 300, "first come, first served, but for those whose interpreter the machine kept waiting"
    assert most <= sum(before.descriptors.values()) + 10 * WORKERS
    assert tally() == before


async def test_who_has_many_cases_is_not_starved_and_starves_nobody(sandbox: LocalSandbox) -> None:
    cases = [Case(str(n), str(n + n % 2)) for n in range(20)]  # every other one is wrong, and run once more alone
    done = list[str]()

    async def call(name: str, cases: list[Case], statuses: list[str]) -> None:
        results = await sandbox.run(HONEST, cases)
        assert [result.status for result in results] == statuses
        done.append(name)

    async with anyio.create_task_group() as group:
        for number in range(200):
            group.start_soon(call, "one", [Case(str(number), str(number + 1))], ["passed"])
            if number % 20 == 0:
                group.start_soon(call, "many", cases, ["wrong_answer", "passed"] * 10)
    assert Counter(done) == {"one": 200, "many": 10}


def jobs_of_one_task(sandbox: LocalSandbox, count: int) -> list[Job]:
    hidden = tuple(ProblemCase(input=str(n), output=f"{n + 1}\n") for n in range(5))
    task = CodeTask(id="t", question="Add one.", solution=HONEST.code, visible=hidden[:2], hidden=hidden)
    return [Job(make=lambda: CodeDebugEnv(sandbox), task=task, seed=n, trial=n) for n in range(count)]


def turns(*codes: str) -> list[Turn]:
    calls = [Turn(tool_calls=(ToolCall("run_code", {"code": code}),)) for code in codes]
    return [*calls, Turn(tool_calls=(ToolCall("submit", {"code": codes[-1]}),))]


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("anyio_backend", "sandbox", "policy", "reward"),
    [
        pytest.param("asyncio", None, OraclePolicy(), 1.35, id="right at once"),
        pytest.param("trio", False, ScriptedPolicy(turns("print(int(input()))", HONEST.code)), 1.25, id="mended"),
    ],
    indirect=["sandbox"],
)
async def test_a_thousand_episodes_share_one_sandbox(sandbox: LocalSandbox, policy: Policy, reward: float) -> None:
    before = await warm(sandbox)
    rewards, most, episodes = list[float](), 0, 1000 if isinstance(policy, OraclePolicy) else 300

    def count(episode: Any) -> None:
        nonlocal most
        assert episode.outcome == "solved", episode.cause
        rewards.append(episode.reward)
        most = max(most, len(os.listdir("/proc/self/fd")))

    await run(jobs_of_one_task(sandbox, episodes), policy, concurrency=episodes, on_episode=count)
    assert rewards == [pytest.approx(reward)] * episodes
    assert most <= sum(before.descriptors.values()) + 10 * WORKERS
    assert tally() == before


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_hundreds_of_episodes_of_a_run_share_the_sandbox_it_begins() -> None:
    before = tally()
    tasks = CodeDebugEnv().tasks("write")
    rewards = list[float]()
    jobs = [Job(make=CodeDebugEnv, task=tasks[n % len(tasks)], seed=n, trial=n // len(tasks)) for n in range(300)]
    await run(jobs, OraclePolicy(), concurrency=300, on_episode=lambda episode: rewards.append(episode.reward))
    assert rewards == [pytest.approx(1.35)] * 300
    await until(lambda: tally() == before)
    assert tally() == before


@pytest.mark.parametrize("running", [True, False], ids=["running", "about to run"])
@pytest.mark.parametrize("allowance", [LONG, Allowance(cpu_s=60, processes=4)], ids=["alone", "family"])
async def test_cancelling_ends_all_programs_at_once(
    sandbox: LocalSandbox, allowance: Allowance, running: bool, patient: None
) -> None:
    if allowance.processes > 1 and "pid namespace" not in sandbox.layers:
        pytest.skip("no process namespaces")
    before = await warm(sandbox)
    programs = list(ENDLESS.values())
    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(sandbox.run, programs[number % len(programs)], [Case(), Case("x")], allowance)
        if running:
            await until(lambda: len(family() - before.processes) >= WORKERS)
        else:
            await anyio.wait_all_tasks_blocked()
        cancelled = time.monotonic()
        group.cancel_scope.cancel()
    await until(lambda: not family() - before.processes)
    took_s = time.monotonic() - cancelled
    assert not family() - before.processes
    assert took_s < AT_ONCE_S
    started = time.monotonic()
    assert await is_well(sandbox)
    assert time.monotonic() - started < AT_ONCE_S, "nobody waits for those who left"
    assert tally() == before


@pytest.mark.parametrize("kind", ENDLESS)
async def test_cancelling_one_leaves_the_others_alone(sandbox: LocalSandbox, kind: str, patient: None) -> None:
    before = await warm(sandbox)
    passed = list[bool]()

    async def call() -> None:
        passed.append(await is_well(sandbox))

    async with anyio.create_task_group() as group:
        for number in range(20):
            scope = anyio.CancelScope()
            group.start_soon(run_inside, scope, sandbox, ENDLESS[kind])
            group.start_soon(call)
            await until(lambda: bool(family() - before.processes))
            scope.cancel() if number % 2 else group.start_soon(cancel_later, scope)
    assert passed == [True] * 20
    assert tally() == before


async def run_inside(scope: anyio.CancelScope, sandbox: LocalSandbox, program: Program) -> None:
    with scope:
        await sandbox.run(program, [Case()], LONG)


async def cancel_later(scope: anyio.CancelScope) -> None:
    await checkpoint()
    scope.cancel()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("times", [1, 2])
async def test_tasks_that_asyncio_cancels_lose_no_interpreter(times: int) -> None:
    """Not even while it starts: none is left to be found by the garbage collector."""
    rng, others, own = random.Random(5), family(), kinds_of_descriptors()
    gc.disable()
    try:
        async with LocalSandbox(workers=WORKERS) as sandbox:
            for _ in range(20):
                programs = [rng.choice([HONEST, ENDLESS["sleeps"]]) for _ in range(2 * WORKERS)]
                tasks = [asyncio.ensure_future(sandbox.run(program, [Case("1")], LONG)) for program in programs]
                await asyncio.sleep(rng.random() * 0.05)
                for _ in range(times):
                    _ = [task.cancel() for task in tasks]
                    await asyncio.sleep(0)
                await asyncio.gather(*tasks, return_exceptions=True)
            assert await is_well(sandbox)
            most = 2 * WORKERS * (2 if "pid namespace" in sandbox.layers else 1)  # as many as run may be about to start
            await until(lambda: len(family() - others) <= most)
            assert len(family() - others) <= most
        await until(lambda: family() == others)
        assert family() == others
        assert kinds_of_descriptors() == own
    finally:
        gc.enable()


@pytest.mark.parametrize("pause_s", [0.01, 0.03, 0.1])
async def test_closing_while_an_interpreter_starts(pause_s: float) -> None:
    """Whoever waits for it is told, and no program begins."""
    others = family()
    sandbox = LocalSandbox(workers=WORKERS)
    await sandbox.start()
    results = list[CaseResult]()
    async with anyio.create_task_group() as group:
        for _ in range(WORKERS):
            group.start_soon(take, results, sandbox, ENDLESS["sleeps"], [Case()], LONG)
        await anyio.sleep(pause_s)
        await sandbox.aclose()
        closed = time.monotonic()
    assert time.monotonic() - closed < PATIENCE_S
    assert [result.status for result in results] == ["sandbox_error"] * WORKERS
    await until(lambda: family() == others)
    assert family() == others


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("anyio_backend", "sandbox"), PAIRS, indirect=["sandbox"])
async def test_thousands_of_executions_leave_nothing(sandbox: LocalSandbox) -> None:
    await warm(sandbox)
    await execute(sandbox, processes=200, cases=400)
    before, resident = await warm(sandbox), resident_kb()
    await execute(sandbox, processes=600, cases=1400)
    assert tally() == before
    after = resident_kb()
    assert after.keys() == resident.keys()
    for process, size in resident.items():
        assert after[process] < 1.05 * size, f"process {process} has grown from {size} to {after[process]} kB"


async def execute(sandbox: LocalSandbox, *, processes: int, cases: int) -> None:
    """So many processes of one case, and so many cases of a hundred to a process."""

    async def call(share: int) -> None:
        for number in range(share):
            program, case_of, status = REQUESTS[number % len(REQUESTS)]
            (result,) = await sandbox.run(program, [case_of(number)])
            assert result.status == status

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(call, processes // 10)
    for _ in range(cases // 100):
        results = await sandbox.run(NOISY, [REQUESTS[4][1](number) for number in range(100)])
        assert {result.status for result in results} == {"passed"}


def resident_kb() -> dict[int, int]:
    found = {}
    for process in family():
        with contextlib.suppress(OSError):
            pages = Path(f"/proc/{process}/statm").read_text().split()[1]
            found[process] = int(pages) * os.sysconf("SC_PAGE_SIZE") >> 10
    return found


@pytest.mark.parametrize("which", [0, -1], ids=["outermost", "innermost"])
@pytest.mark.parametrize("world", WORLDS)
async def test_killed_interpreters_cost_no_program_anything(world: bool | None, which: int) -> None:
    """Ten times in a row, while others wait: only the one whose program ran is told of the fault."""
    others, own = family(), kinds_of_descriptors()
    async with LocalSandbox(workers=1, namespaces=world) as sandbox:
        restarts = list[float]()
        for _ in range(10):
            assert await is_well(sandbox)
            interpreters = family() - others
            results = list[CaseResult]()
            async with anyio.create_task_group() as group:
                group.start_soon(take, results, sandbox, ENDLESS["sleeps"], [Case()], LONG)
                await until(partial(are_more_than, interpreters | others))
                for number in range(4):
                    group.start_soon(take, results, sandbox, HONEST, [Case(str(number), str(number + 1))], None)
                await anyio.wait_all_tasks_blocked()
                os.kill(from_outside_in(interpreters)[which], signal.SIGKILL)
                killed = time.monotonic()
                await until(partial(has_passed, results))
                restarts.append(time.monotonic() - killed)
            assert Counter(result.status for result in results) == {"sandbox_error": 1, "passed": 4}, results
            await until(partial(are_replaced, interpreters, others))
            assert not family() & interpreters, "not even a zombie"
            assert len(family() - others) == len(interpreters), "no program goes on without its interpreter"
        assert statistics.median(restarts) < AT_ONCE_S
    await until(lambda: family() == others)
    assert family() == others
    assert kinds_of_descriptors() == own


async def take(
    results: list[CaseResult], sandbox: LocalSandbox, program: Program, cases: list[Case], allowance: Allowance | None
) -> None:
    results += await sandbox.run(program, cases, allowance)


def has_passed(results: list[CaseResult]) -> bool:
    return any(result.status == "passed" for result in results)


def are_replaced(gone: frozenset[int], others: frozenset[int]) -> bool:
    left = family() - others
    return not left & gone and len(left) == len(gone)


def are_more_than(known: frozenset[int]) -> bool:
    return bool(family() - known)


def from_outside_in(processes: frozenset[int]) -> list[int]:
    """An interpreter may be two processes: one that made namespaces, and the one inside."""
    return sorted(processes, key=lambda pid: parent_of(pid) != os.getpid())


@pytest.mark.parametrize(("anyio_backend", "world"), PAIRS)
@pytest.mark.parametrize("pause", ["", "import time\ntime.sleep(0.02)\n"], ids=["short", "longer"])
async def test_interpreters_killed_at_any_moment(world: bool | None, pause: str) -> None:
    """A right program passes or is not evaluable; and none goes on without an interpreter that watches it.

    Between some blows and the next a few programs pass, so that even a slow machine gets on.
    """
    rng, others, own = random.Random(7), family(), kinds_of_descriptors()
    statuses = Counter[str]()
    async with LocalSandbox(workers=WORKERS, namespaces=world) as sandbox:
        await warm(sandbox)

        async def call(number: int) -> None:
            cases = [Case(str(number + n), str(number + n + 1)) for n in range(1 + number % 3)]
            statuses.update(result.status for result in await sandbox.run(Program(pause + HONEST.code), cases))

        async def keep_calling(count: int) -> None:
            for number in range(count):
                await call(number)
            ended.append(True)

        def are_enough(passed: int) -> bool:
            return bool(ended) or statuses["passed"] >= passed

        async def kill_now_and_then() -> None:
            while not ended:
                await until(partial(are_enough, statuses["passed"] + 6))
                for _ in range(rng.randint(1, 3)):
                    await anyio.sleep(rng.random() * 0.1)
                    interpreters = [pid for pid in interpreters_of(sandbox) if pid not in others]
                    with contextlib.suppress(ProcessLookupError, IndexError):
                        os.kill(rng.choice(interpreters), signal.SIGKILL)

        ended = list[bool]()
        async with anyio.create_task_group() as group:
            group.start_soon(kill_now_and_then)
            for _ in range(2 * WORKERS):
                group.start_soon(keep_calling, 30)
        assert statuses.keys() <= NEVER_CHARGED, statuses
        assert statuses["passed"] > 60, statuses
        with anyio.move_on_after(PATIENCE_S):
            while not await is_well(sandbox):  # an interpreter that is dead may be there yet
                await checkpoint()
        assert await is_well(sandbox)
    await until(lambda: family() == others)
    assert family() == others
    assert kinds_of_descriptors() == own


def interpreters_of(sandbox: LocalSandbox) -> list[int]:
    """Not the programs, which are one generation younger, nor who has lost its parents and may be one."""
    parents, youngest = family_tree(), 2 if "pid namespace" in sandbox.layers else 1
    return [pid for pid in parents if 0 < generation(pid, parents) <= youngest]


LIMITS = Allowance(cpu_s=4.0, wall_s=60.0, memory_mb=64, output_bytes=20_000)
"""Ten times what anything needs that is to end otherwise than by its time."""
OVERRUN = {
    "timeout cpu": replace(LIMITS, cpu_s=0.3),
    "timeout wall": replace(LIMITS, wall_s=1.5),
}
"""Far less than is taken by what is to end so."""
BEFORE = """import time
def burn(cpu_s):
    end = time.process_time() + cpu_s
    while time.process_time() < end: pass
def nap(wall_s):
    end = time.monotonic() + wall_s
    while time.monotonic() < end: time.sleep(0.01)
def aside(function, argument):
    import threading
    thread = threading.Thread(target=function, args=(argument,))
    thread.start()
    thread.join()
"""
ANSWER = "print(int(input()) + 1)\n"
JUDGED = {
    "right": (ANSWER, "passed"),
    "right by reading all": ("import sys\nprint(sum(map(int, sys.stdin.read().split())) + 1)", "passed"),
    "right by lines": ("import sys\nfor line in sys.stdin: print(int(line) + 1)", "passed"),
    "right by descriptor": ("import os\nos.write(1, str(int(os.read(0, 99)) + 1).encode())", "passed"),
    "right in a class": ("class A:\n    def __call__(self, n): return n + 1\nprint(A()(int(input())))", "passed"),
    "right with a file": ("with open('a', 'w') as a: a.write(input())\nprint(int(open('a').read()) + 1)", "passed"),
    "right in a thread": ("aside(lambda n: print(n + 1), int(input()))", "passed"),
    "right at exit": ("import atexit\natexit.register(lambda: print(int(input()) + 1))", "passed"),
    "right with imports": ("import datetime, decimal, json\n" + ANSWER, "passed"),
    "right with 40 MB": ("kept = bytearray(40 << 20)\n" + ANSWER, "passed"),
    "right with much to say": (ANSWER + "import sys\nsys.stderr.write('x' * 19_000)", "passed"),
    "right after 10 %": ("burn(0.4)\n" + ANSWER, "passed"),
    "right after 10 % in parts": ("for _ in range(6): burn(0.06), time.sleep(0.05)\n" + ANSWER, "passed"),
    "right after 10 % in a thread": ("aside(burn, 0.4)\n" + ANSWER, "passed"),
    "right before 10 %": (ANSWER + "burn(0.4)", "passed"),
    "right after a sleep": ("time.sleep(1.1)\n" + ANSWER, "passed"),
    "right after many naps": ("nap(1.1)\n" + ANSWER, "passed"),
    "right after a thread's sleep": ("aside(time.sleep, 1.1)\n" + ANSWER, "passed"),
    "1000 %": ("burn(3)\n" + ANSWER, "timeout cpu"),
    "1000 % in a thread": ("aside(burn, 3)\n" + ANSWER, "timeout cpu"),
    "1000 % before an error": ("burn(3)\nraise KeyError", "timeout cpu"),
    "1000 % after the answer": (ANSWER + "burn(3)", "timeout cpu"),
    "1000 % at exit": ("import atexit\natexit.register(burn, 3)\n" + ANSWER, "timeout cpu"),
    "endless": ("while True: pass", "timeout cpu"),
    "endless in C": ("sum(iter(int, 1))", "timeout cpu"),
    "endless in a long number": ("print(pow(7, 10 ** 9))", "timeout cpu"),
    "endless after the answer": (ANSWER + "while True: pass", "timeout cpu"),
    "asleep": ("time.sleep(100)", "timeout wall"),
    "asleep in naps": ("nap(100)", "timeout wall"),
    "asleep after the answer": (ANSWER + "time.sleep(100)", "timeout wall"),
    "waits for a lock": ("import threading\nlock = threading.Lock()\nwhile True: lock.acquire()", "timeout wall"),
    "wrong": ("print(input())", "wrong_answer"),
    "silent": ("input()", "wrong_answer"),
    "wrong after 10 %": ("burn(0.4)\nprint(input())", "wrong_answer"),
    "raises": ("print({}[int(input())])", "runtime_error KeyError"),
    "raises after 10 %": ("burn(0.4)\nprint(1 // 0)", "runtime_error ZeroDivisionError"),
    "recurses": ("def f(n): return f(n + 1)\nf(0)", "runtime_error RecursionError"),
    "cannot be read": ("print(", "runtime_error SyntaxError"),
    "exits": ("import sys\nsys.exit(3)", "runtime_error ExitStatus"),
    "crashes": ("import os\nos.abort()", "runtime_error Signal"),
    "too much memory": ("kept = bytearray(200 << 20)", "memory MemoryError"),
    "ever more memory": ("kept = []\nwhile True: kept.append(bytearray(1 << 20))", "memory MemoryError"),
    "too much to say": ("print('x' * 30_000)", "output_limit"),
    "ever more to say": ("while True: print('x' * 10_000)", "output_limit"),
}
"""Programs, and the verdict on each."""


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("anyio_backend", "world", "grading", "count"),
    [
        pytest.param("asyncio", None, "shared_then_isolated", 2, id="together"),
        pytest.param("trio", False, "isolated", 1, id="alone"),
    ],
)
async def test_verdicts_are_right_on_a_busy_machine(world: bool | None, grading: Grading, count: int) -> None:
    wanted = {name: [verdict] * count for name, (_, verdict) in JUDGED.items()}
    async with LocalSandbox(workers=WORKERS, namespaces=world) as sandbox:
        with busy_machine():
            assert (await judge_all(sandbox, grading, count)) == wanted


async def judge_all(sandbox: LocalSandbox, grading: Grading, count: int) -> dict[str, list[str]]:
    verdicts = dict[str, list[str]]()

    async def judge(name: str) -> None:
        cases = [Case(str(number), str(number + 1)) for number in range(count)]
        program = Program(BEFORE + JUDGED[name][0])
        allowance = OVERRUN.get(JUDGED[name][1], LIMITS)
        verdicts[name] = [verdict_of(one) for one in await sandbox.run(program, cases, allowance, grading=grading)]

    async with anyio.create_task_group() as group:
        for name in JUDGED:
            group.start_soon(judge, name)
    return verdicts


def verdict_of(result: CaseResult) -> str:
    return f"{result.status} {result.limit or result.error_type}".strip()


@contextlib.contextmanager
def busy_machine() -> Iterator[None]:
    """Three processes for each processor, that do nothing but take its time."""
    count = 3 * len(os.sched_getaffinity(0))
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
        assert all(one.poll() is None for one in busy)
    finally:
        for one in busy:
            one.kill()
            one.wait()
