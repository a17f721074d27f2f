"""Puts bugs into programs and keeps those that show what they should."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import anyio
from pydantic import BaseModel, ConfigDict

from agentgym.errors import SandboxFault, UnknownNameError, UsageError, boundary, did_you_mean
from agentgym.seeds import checked_seed, derive_seed
from environments.programs.bugs.classes import BUG_CLASSES, UNPARSABLE, candidates
from environments.programs.bugs.source import Edit, Source
from environments.programs.observing import Observe, Observed
from environments.programs.parsing import parsed
from environments.programs.problem import Problem

MOST_TRIES = 20
"""How many edits in a row may fail before a program is taken to hold no further bug of a class."""
_PRICE = {"timeout": 2}
"""Half as many endless programs as others: each takes a whole CPU limit to see."""


class Bug(BaseModel):
    """A program with one bug, which was seen to do what its class says."""

    model_config = ConfigDict(frozen=True)

    query_id: str
    bug_class: str
    mutation: str
    line: int
    """Where the program was changed."""
    code: str
    """The program with the bug."""
    fixed: str
    """The program without it."""
    case: int
    """The first visible case that shows it, from 0."""
    error_type: str
    message: str
    error_line: int | None
    """Where the error was raised."""


@dataclass(slots=True)
class Injected:
    """What an injection gave."""

    bugs: list[Bug] = field(default_factory=list)
    unfit: dict[str, str] = field(default_factory=dict)
    """Problems no bug was put into, by id, and why."""

    @property
    def counts(self) -> dict[str, int]:
        """How many bugs there are of each class."""
        counts = dict.fromkeys(BUG_CLASSES, 0)
        for bug in self.bugs:
            counts[bug.bug_class] += 1
        return {bug_class: count for bug_class, count in counts.items() if count}


async def inject(
    problems: Iterable[Problem],
    *,
    observe: Observe,
    count: int,
    seed: int = 0,
    classes: Sequence[str] = BUG_CLASSES,
    concurrency: int = 2,
) -> Injected:
    """Put at most `count` bugs into solutions, evenly over the classes (timeouts: half as many).

    Equal arguments give equal bugs, whatever the concurrency. Fewer mean that the programs hold no more.
    """
    _check(count, seed, classes, concurrency)
    limiter = anyio.CapacityLimiter(concurrency)
    injected = Injected()
    fit = await _fit(list(problems), observe, limiter, injected)
    seams = {bug_class: [_Seam(p, bug_class, seed, observe) for p in fit] for bug_class in classes}
    for bug_class in classes:
        Random(derive_seed(seed, "order", bug_class)).shuffle(seams[bug_class])
    found: dict[str, list[Bug]] = {bug_class: [] for bug_class in classes}
    while any(seams.values()) and (missing := count - sum(map(len, found.values()))) > 0:
        wave = _wave(seams, found, missing)
        await _dig(wave, limiter)
        for seam in wave:
            if seam.last is None:
                seams[seam.bug_class].remove(seam)
            else:
                found[seam.bug_class].append(seam.last)
                seams[seam.bug_class].append(seams[seam.bug_class].pop(0))
    injected.bugs = [bug for bugs in found.values() for bug in bugs]
    return injected


async def passes(problem: Problem, code: str, observe: Observe) -> str | None:
    """None if the program passes all visible cases; else what keeps it from that."""
    for case, seen in enumerate(await observe(problem, code, problem.visible)):
        if seen.status != "passed":
            return f"fails the visible case {case}: {seen.outcome} {seen.message}".rstrip()
    return None


class _Seam:
    """The bugs of one class that one program holds, found one after the other."""

    def __init__(self, problem: Problem, bug_class: str, seed: int, observe: Observe) -> None:
        self.bug_class = bug_class
        self.last: Bug | None = None
        self._problem = problem
        self._observe = observe
        self._rng = Random(derive_seed(seed, problem.query_id, bug_class))
        self._programs: Iterator[tuple[Edit, str, str]] | None = None

    async def dig(self) -> None:
        """Find the next bug: `last` is it, or None if there is no more."""
        self.last = None
        if self._programs is None:
            self._programs = self._edited()
        for _ in range(MOST_TRIES):
            edited = next(self._programs, None)
            if edited is None:
                return
            self.last = await self._proven(*edited)
            if self.last is not None:
                return

    def _edited(self) -> Iterator[tuple[Edit, str, str]]:
        source = Source(self._problem.solution or "")
        known = {source.text}
        for edit in candidates(source, self.bug_class, self._rng):
            code = edit.applied(source.text)
            if code not in known and (parsed(code) is None) == (self.bug_class in UNPARSABLE):
                known.add(code)
                yield edit, code, source.text

    async def _proven(self, edit: Edit, code: str, fixed: str) -> Bug | None:
        shown = await self._shown(code)
        if shown is None:
            return None
        case, seen = shown
        if edit.raises_here and seen.line != edit.line:
            return None
        return Bug(
            query_id=self._problem.query_id,
            bug_class=self.bug_class,
            mutation=edit.mutation,
            line=edit.line,
            code=code,
            fixed=fixed,
            case=case,
            error_type=seen.error_type,
            message=seen.message,
            error_line=seen.line,
        )

    async def _shown(self, code: str) -> tuple[int, Observed] | None:
        """The first failing case, if every failing case fails as the class says; one endless case is enough."""
        shown: tuple[int, Observed] | None = None
        for number, case in enumerate(self._problem.visible):
            (seen,) = await self._observe(self._problem, code, [case])
            if seen.status == "sandbox_error":
                raise SandboxFault(f"{self._problem.query_id}: {seen.message}")
            if seen.status == "passed":
                continue
            if seen.outcome != self.bug_class:
                return None
            shown = shown or (number, seen)
            if self.bug_class in ("timeout", *UNPARSABLE):
                break
        return shown


def _check(count: int, seed: int, classes: Sequence[str], concurrency: int) -> None:
    checked_seed(seed)
    if count < 1 or concurrency < 1:
        raise UsageError(f"count={count}, concurrency={concurrency}: both are at least 1")
    if not classes or len(set(classes)) != len(classes):
        raise UsageError(f"classes={list(classes)}: name at least one class, and each once")
    for bug_class in classes:
        if bug_class not in BUG_CLASSES:
            raise UnknownNameError(f"no bug class {bug_class!r}; {did_you_mean(bug_class, BUG_CLASSES)}")


async def _fit(
    problems: list[Problem], observe: Observe, limiter: anyio.CapacityLimiter, injected: Injected
) -> list[Problem]:
    reasons: dict[str, str | None] = {}

    async def judge(problem: Problem) -> None:
        async with limiter:
            reasons[problem.query_id] = await _reason_against(problem, observe)

    with boundary(SandboxFault, "bugs"):
        async with anyio.create_task_group() as group:
            for problem in problems:
                group.start_soon(judge, problem)
    injected.unfit = {p.query_id: reason for p in problems if (reason := reasons[p.query_id]) is not None}
    return [problem for problem in problems if reasons[problem.query_id] is None]


async def _reason_against(problem: Problem, observe: Observe) -> str | None:
    if problem.solution is None:
        return "has no solution to put bugs into"
    if not problem.visible:
        return "has no visible case that could show a bug"
    if parsed(problem.solution) is None:
        return "its solution is not Python"
    failure = await passes(problem, problem.solution, observe)
    return f"its own solution {failure}" if failure else None


def _wave(seams: dict[str, list[_Seam]], found: dict[str, list[Bug]], missing: int) -> list[_Seam]:
    """Whose turn it is next: the classes with the fewest bugs, each program of a class once."""
    ahead = {bug_class: len(found[bug_class]) * _PRICE.get(bug_class, 1) for bug_class in seams}
    free = {bug_class: list(waiting) for bug_class, waiting in seams.items()}
    wave: list[_Seam] = []
    while len(wave) < missing and any(free.values()):
        bug_class = min((name for name in free if free[name]), key=lambda name: ahead[name])
        wave.append(free[bug_class].pop(0))
        ahead[bug_class] += _PRICE.get(bug_class, 1)
    return wave


async def _dig(wave: list[_Seam], limiter: anyio.CapacityLimiter) -> None:
    async def dig(seam: _Seam) -> None:
        async with limiter:
            await seam.dig()

    with boundary(SandboxFault, "bugs"):
        async with anyio.create_task_group() as group:
            for seam in wave:
                group.start_soon(dig, seam)
