"""What it costs to run a program in the local sandbox, in CPU and in programs a second, as ratios to other ways.

CPU is that of everybody involved: this process, the warm interpreters and their programs, and the graders' processes.
Run it with `python -m benchmarks.speed.sandbox`; `--quick` takes one round of less.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import resource
import tempfile
import time
import venv
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

import anyio

from agentgym.sandbox import Case, LocalSandbox, Program
from benchmarks.speed.graders import Forked, Pair, bubblewrap, one_process_each, python, same
from benchmarks.speed.measure import Measure, interleaved, ratio

ALONE = {"python3 -I -S": 0.40, "bubblewrap + python3 -I -S": 0.25, "rlimits alone": 1.15}
"""The most CPU that one program on one case may take, in times of another way."""
FORKED = {1: 0.15, 10: 0.10, 100: 0.08}
"""The same of one program on so many cases, in times of a forked checker."""
CASES = tuple(FORKED)
AT_ONCE = (1, 8, 64)
FASTER_AT = (8, 64)
LEAST_FASTER = 4.0
"""How many times more programs a second it should judge at least, at so many at once."""
Clock = Callable[[], float]
_PROCESSORS = len(os.sched_getaffinity(0))
_SET_CHILD_SUBREAPER = 36
_TICKS = os.sysconf("SC_CLK_TCK")
_CODE = """
import sys
count, *numbers = map(int, sys.stdin.read().split())
best = sorted(numbers)[-3:]
print(len(numbers) == count, sum(best), max(numbers) - min(numbers))
"""


class Subject:
    """A program that is right, another that is not, and all who judge them."""

    def __init__(self, folder: Path, full: LocalSandbox, bare: LocalSandbox, checker: Forked) -> None:
        self.full = full
        self.bare = bare
        self.checker = checker
        self.pairs = [_pair(number) for number in range(max(CASES))]
        self.file = folder / "prog.py"
        self.file.write_text(_CODE, encoding="utf-8")
        self.wrong = _CODE.replace("[-3:]", "[-2:]")
        bwrap = bubblewrap(self.file)
        self.bwrap = bwrap if bwrap and one_process_each(bwrap, self.pairs[:1]) == [True] else None
        venv.create(folder / "venv", symlinks=True)  # what is installed elsewhere may have the interpreter start slowly
        self.usual = [str(folder / "venv" / "bin" / "python"), str(self.file)]

    async def ours(self, sandbox: LocalSandbox, cases: int, code: str = _CODE) -> list[bool]:
        """The sandbox's verdicts on so many cases."""
        results = await sandbox.run(Program(code), [Case(given, wanted) for given, wanted in self.pairs[:cases]])
        return [result.status == "passed" for result in results]

    async def many(self, programs: int, cases: int, *, at_once: int) -> None:
        """So many programs, of which never more than that are with the sandbox."""

        async def one() -> None:
            async with limiter:
                assert all(await self.ours(self.full, cases))

        limiter = anyio.CapacityLimiter(at_once)
        async with anyio.create_task_group() as group:
            for _ in range(programs):
                group.start_soon(one)

    async def many_processes(self, programs: int, cases: int, *, at_once: int) -> None:
        """The same with an interpreter for every case, of which never more than that are alive."""

        async def one(pair: Pair) -> None:
            async with limiter:
                ended = await anyio.run_process(command, input=pair[0].encode())
            assert same(ended.stdout, pair[1])

        limiter, command = anyio.CapacityLimiter(at_once), python(self.file, "-I", "-S")
        async with anyio.create_task_group() as group:
            for pair in self.pairs[:cases] * programs:
                group.start_soon(one, pair)

    def tell_apart(self) -> None:
        """Everybody must see which program is right: else what it takes says nothing."""
        other = self.file.with_name("wrong.py")
        other.write_text(self.wrong, encoding="utf-8")
        for sandbox in (self.full, self.bare):
            assert anyio.run(self.ours, sandbox, 3) == [True] * 3
            assert anyio.run(self.ours, sandbox, 3, self.wrong) == [False] * 3
        for mocks in (True, False):
            assert self.checker(_CODE, self.pairs, mocks=mocks) == [[True] * len(self.pairs)]
            assert self.checker(self.wrong, self.pairs, mocks=mocks) == [[False]]
        for file, right in ((self.file, True), (other, False)):
            for command in (python(file, "-I", "-S"), bubblewrap(file) if self.bwrap else None):
                assert command is None or one_process_each(command, self.pairs[:3]) == [right] * 3


def _pair(number: int) -> Pair:
    numbers = random.Random(number).sample(range(1000), 12)
    wanted = f"True {sum(sorted(numbers)[-3:])} {max(numbers) - min(numbers)}\n"
    return f"{len(numbers)}\n{' '.join(map(str, numbers))}\n", wanted


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """Whoever loses its parent below this process becomes its child, so that nobody's time is lost sight of."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def family_cpu_s() -> float:
    """CPU seconds of this process and all below it, those that have ended included; called when nothing is running.

    Exact but for what processes that still live know of their ended children, which is told in hundredths of a second.
    """
    own = os.getpid()
    taken, waiting, children = 0.0, [own], _children()
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child.parent == own and child.ended:
                os.waitpid(child.number, 0)  # an orphan, which is told of with all others that have ended
                continue
            taken += time.clock_gettime(~child.number << 3 | 2) + child.reaped_ticks / _TICKS
            waiting.append(child.number)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken + ended.ru_utime + ended.ru_stime + time.process_time()


class _Process(NamedTuple):
    number: int
    parent: int
    ended: bool
    reaped_ticks: int


def _children() -> dict[int, list[_Process]]:
    """All processes of the machine, by the number of their parent."""
    children: dict[int, list[_Process]] = {}
    for number in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
        try:
            told = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has gone since
        fields = told.rpartition(")")[2].split()
        process = _Process(number, int(fields[1]), fields[0] == "Z", int(fields[13]) + int(fields[14]))
        children.setdefault(process.parent, []).append(process)
    return children


def cpu_s_of(work: Callable[[], Awaitable[list[bool]]], times: int, clock: Clock = family_cpu_s) -> float:
    """CPU seconds of judging a program once, of many times one after the other in one event loop."""

    async def timed() -> float:
        before_s = clock()
        for _ in range(times):
            assert all(await work())
        return clock() - before_s

    return anyio.run(timed) / times


def cpu_s_of_plain(work: Callable[[], list[bool]], times: int) -> float:
    """The same of a plain function."""
    before_s = family_cpu_s()
    for _ in range(times):
        assert all(work())
    return (family_cpu_s() - before_s) / times


def cpu_s_of_checker(subject: Subject, cases: int, times: int, *, mocks: bool) -> float:
    """The same of the forked checker, which is asked once for all."""
    before_s = family_cpu_s()
    told = subject.checker(_CODE, subject.pairs[:cases], mocks=mocks, times=times)
    assert told == [[True] * cases] * times
    return (family_cpu_s() - before_s) / times


@dataclass(frozen=True, slots=True)
class Rate:
    """What each of several programs took."""

    wall_s: float
    cpu_s: float

    @property
    def busy(self) -> float:
        """How much of all processors' time they took while they lasted."""
        return self.cpu_s / self.wall_s / _PROCESSORS


def rate_of(work: Callable[[], Awaitable[None]], programs: int) -> Rate:
    """Of that many programs, all judged in one event loop."""

    async def timed() -> Rate:
        before_s, started = family_cpu_s(), time.perf_counter()
        await work()
        wall_s = time.perf_counter() - started
        return Rate(wall_s / programs, (family_cpu_s() - before_s) / programs)

    return anyio.run(timed)


@contextmanager
def subjects() -> Iterator[Subject]:
    """Everything started, and ended in the end."""
    full = LocalSandbox()
    # "rlimits alone" is none of the levels that can be asked for, and is never to be: it is for measuring
    bare = LocalSandbox(require="none", namespaces=False, _without=("landlock", "seccomp"))
    with adopting_orphans(), tempfile.TemporaryDirectory() as folder, Forked() as checker:
        try:
            anyio.run(full.start)
            with warnings.catch_warnings(action="ignore", category=UserWarning):
                anyio.run(bare.start)
            yield Subject(Path(folder), full, bare, checker)
        finally:
            anyio.run(full.aclose)
            anyio.run(bare.aclose)


def main(rounds: int = 7, quick: bool = False) -> None:
    """Print every figure beside the most, or least, that it should be."""
    rounds, share = (1, 0.2) if quick else (rounds, 1.0)
    with subjects() as subject:
        subject.tell_apart()
        print(f"layers: {', '.join(subject.full.layers)}; of `rlimits alone`: {', '.join(subject.bare.layers)}")
        _print_alone(subject, rounds, share)
        for cases in CASES:
            _print_cases(subject, cases, rounds, share)
        for at_once in AT_ONCE:
            _print_rate(subject, 1, at_once, rounds, share)
        for cases in CASES[1:]:
            _print_rate(subject, cases, 8, max(1, rounds // 2), share)


def _print_alone(subject: Subject, rounds: int, share: float) -> None:
    """One program on one case."""
    ours = partial(subject.ours, subject.full, 1)
    measures: dict[str, Measure] = {
        "sandbox": partial(cpu_s_of, ours, _part(120, share)),
        "of which this process": partial(cpu_s_of, ours, _part(60, share), time.process_time),
        "rlimits alone": partial(cpu_s_of, partial(subject.ours, subject.bare, 1), _part(120, share)),
    }
    commands = {"python3 -I -S": python(subject.file, "-I", "-S"), "python3": subject.usual}
    if subject.bwrap:
        commands["bubblewrap + python3 -I -S"] = subject.bwrap
    for name, command in commands.items():
        work = partial(one_process_each, command, subject.pairs[:1])
        measures[name] = partial(cpu_s_of_plain, work, _part(25, share))
    taken = interleaved(measures, rounds=rounds)
    for name in ("rlimits alone", *commands):
        _print_most(taken, name, ALONE.get(name), f"CPU of one program on one case, against {name}")
    if not subject.bwrap:
        print(f"{'-':>8}   bubblewrap is not installed, or does not run here")
    _print_cpu(taken)


def _print_cases(subject: Subject, cases: int, rounds: int, share: float) -> None:
    """One program on several cases."""
    each = partial(one_process_each, python(subject.file, "-I", "-S"), subject.pairs[:cases])
    times = _part(max(2, 12 // cases), share)
    forked, lean, processes = "a forked checker", "it without its mocks", "python3 -I -S for each case"
    measures: dict[str, Measure] = {
        "sandbox": partial(cpu_s_of, partial(subject.ours, subject.full, cases), _part(80 // (1 + cases // 40), share)),
        forked: partial(cpu_s_of_checker, subject, cases, times, mocks=True),
        lean: partial(cpu_s_of_checker, subject, cases, times, mocks=False),
        processes: partial(cpu_s_of_plain, each, _part(12 // cases, share)),
    }
    taken = interleaved(measures, rounds=rounds)
    for name in (forked, lean, processes):
        most = FORKED[cases] if name == forked else None
        _print_most(taken, name, most, f"CPU of one program on {_counted(cases, 'case')}, against {name}")
    _print_cpu(taken)


def _print_rate(subject: Subject, cases: int, at_once: int, rounds: int, share: float) -> None:
    """Programs a second, of several at once."""
    programs = _part(160 if cases == 1 else 32, share)
    theirs = _part(max(1, max(at_once, 24) // cases), share)
    works: dict[str, Callable[[], Rate]] = {
        "ours": partial(rate_of, partial(subject.many, programs, cases, at_once=at_once), programs),
        "theirs": partial(rate_of, partial(subject.many_processes, theirs, cases, at_once=at_once), theirs),
        "few": partial(rate_of, partial(subject.many_processes, theirs, cases, at_once=_PROCESSORS), theirs),
    }
    rates: dict[str, list[Rate]] = {name: [] for name in works}

    def wall_s(name: str) -> float:
        rates[name].append(works[name]())
        return rates[name][-1].wall_s

    taken = interleaved({name: partial(wall_s, name) for name in works}, rounds=rounds)
    cpu = {name: [rate.cpu_s for rate in list_[1:]] for name, list_ in rates.items()}
    what = f"programs a second, {at_once} at once on {_counted(cases, 'case')}, against python3 -I -S"
    goal = f"(at least {LEAST_FASTER:g})" if at_once in FASTER_AT else ""
    print(f"{ratio(taken, 'theirs', 'ours'):8.2f} x {goal:<14} {_spread(taken, 'theirs', 'ours')}   {what}")
    few = f"the same with {_counted(_PROCESSORS, 'process')} at a time, as there are processors"
    print(f"{ratio(taken, 'few', 'ours'):8.2f} x {'':14} {_spread(taken, 'few', 'ours')}   {few}")
    each = f"programs a second of CPU, {at_once} at once on {_counted(cases, 'case')}"
    print(f"{ratio(cpu, 'theirs', 'ours'):8.2f} x {'':14} {_spread(cpu, 'theirs', 'ours')}   {each}")
    told = "; ".join(
        f"{name} {1 / median(taken[name]):.1f}/s, {median(cpu[name]) * 1e3:.2f} ms CPU each" for name in works
    )
    busy = median(rate.busy for rate in rates["ours"])
    print(f"{'':10} {told}; ours kept {busy:.0%} of {_counted(_PROCESSORS, 'processor')} busy")


def _print_most(taken: Mapping[str, list[float]], floor: str, most: float | None, what: str) -> None:
    goal = f"(at most {most:.2f})" if most is not None else ""
    print(f"{ratio(taken, 'sandbox', floor):8.3f} x {goal:<14} {_spread(taken, 'sandbox', floor)}   {what}")


def _print_cpu(taken: Mapping[str, list[float]]) -> None:
    print(f"{'':10} {', '.join(f'{name} {median(values) * 1e3:.2f} ms' for name, values in taken.items())}")


def _spread(taken: Mapping[str, list[float]], name: str, floor: str) -> str:
    """Between what the middle half of the rounds lies."""
    ratios = [value / base for value, base in zip(taken[name], taken[floor], strict=True)]
    low, _, high = quantiles(ratios, method="inclusive") if len(ratios) > 1 else ratios * 3
    return f"{low:7.3f} .. {high:<7.3f}"


def _part(times: int, share: float) -> int:
    """Less where all is to be quick, and never nothing."""
    return max(1, round(times * share))


def _counted(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}{'es' if noun.endswith('s') else 's'}"


def _parse() -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    arguments = _parse()
    main(arguments.rounds, arguments.quick)
