"""`generate`: rows by quota, written side by side, each kept as soon as it is there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import anyio
from anyio.lowlevel import checkpoint

from agentgym.ambient import LINES
from agentgym.appendfile import AppendFile
from agentgym.errors import Fault, PolicyFault, RunStopped, UsageError, boundary
from agentgym.jsontext import dump_json, parse_json
from agentgym.lines import Lines
from agentgym.messages import JsonObject
from agentgym.runs import write_whole
from environments.programs.problem import Problem
from environments.special_tokens.assignments import Assignment, assign
from environments.special_tokens.defects import Defect
from environments.special_tokens.frames.frame import LANGUAGES
from environments.special_tokens.modes import AGENT, EDIT
from environments.special_tokens.writers import Writer, Written

MODES = (AGENT.name, EDIT.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How many rows are wanted, and of what kind."""

    samples: int
    seed: int = 0
    threads: int = 32
    """How many rows are written at a time, and how many calls an endpoint gets at a time."""
    languages: Sequence[str] = LANGUAGES

    def __post_init__(self) -> None:
        if self.samples < 1 or self.threads < 1:
            raise UsageError(f"samples={self.samples}, threads={self.threads}: both are at least 1")
        if not self.languages or any(language not in LANGUAGES for language in self.languages):
            raise UsageError(f"languages={list(self.languages)}: choose from {', '.join(LANGUAGES)}")

    @property
    def quotas(self) -> dict[str, int]:
        """How many rows of each mode: equal numbers, or one more to mend."""
        return {AGENT.name: self.samples // 2, EDIT.name: self.samples - self.samples // 2}


@dataclass(slots=True)
class Generated:
    """What came of an order."""

    rows: list[JsonObject] = field(default_factory=list)
    wanted: int = 0
    found: int = 0
    """Rows that an earlier run had written."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Rows that were given up, by the last thing that was wrong with them."""
    retried: int = 0
    stopped: Fault | None = None
    """What ended it before its time."""

    @property
    def is_whole(self) -> bool:
        """Whether all rows are there."""
        return len(self.rows) == self.wanted


class Kept:
    """The rows that are written so far, in a file that survives any end of the process."""

    def __init__(self, path: Path, settings: JsonObject, *, overwrite: bool = False) -> None:
        self.rows: dict[str, JsonObject] = {}
        self.solutions: dict[str, str | None] = {}
        """By problem: what a model wrote for it, or None where that never passed."""
        with ExitStack() as stack:
            _lock(path, stack, empty=overwrite)
            self._file = AppendFile(path)
            stack.callback(self._file.close)
            self._read(path, settings)
            self._open = stack.pop_all()

    def add(self, key: str, row: JsonObject) -> None:
        """Keep a row."""
        self._file.write(dump_json({"key": key, "row": row}) + b"\n")
        self.rows[key] = row

    def add_solution(self, problem_id: str, code: str | None) -> None:
        """Keep the solution of a problem, or that there is none."""
        self._file.write(dump_json({"problem": problem_id, "solution": code}) + b"\n")
        self.solutions[problem_id] = code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _read(self, path: Path, settings: JsonObject) -> None:
        if self._file.is_empty:
            self._file.write(dump_json({"settings": settings}) + b"\n")
            return
        with path.open(encoding="utf-8") as file:
            first = parse_json(next(file))
            if first != {"settings": settings}:
                raise UsageError(
                    f"{path} holds rows that were written with other settings; "
                    "begin anew with --overwrite, or name another --output"
                )
            for line in file:
                match parse_json(line):
                    case {"key": str(key), "row": dict(row)}:
                        self.rows[key] = row
                    case {"problem": str(problem_id), "solution": str() | None as code}:
                        self.solutions[problem_id] = code


def _lock(path: Path, stack: ExitStack, *, empty: bool) -> None:
    """One process writes at a time; only the kernel holds the lock, so that one that is killed leaves none behind."""
    import fcntl

    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    stack.callback(os.close, file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"{path} is being written by another process; wait for its end, or name another --output"
        ) from None
    if empty:
        os.ftruncate(file, 0)


async def generate(
    order: Order,
    defects: Sequence[Defect],
    problems: Mapping[str, Problem],
    *,
    writer: Writer,
    kept: Kept,
    on_row: Callable[[Generated], None] = lambda _: None,
    lines: Lines | None = None,
) -> Generated:
    """Write what is missing of an order; what an endpoint breaks for good ends it, and what is written stays."""
    generated = Generated(wanted=order.samples)
    desk = _Desk(order, defects, problems, writer, kept, generated, on_row)
    generated.found = desk.take_kept()
    token = LINES.set(lines or Lines(pinned=order.threads))
    try:
        with boundary(PolicyFault, writer.name):
            async with anyio.create_task_group() as group:
                for _ in range(min(order.threads, max(1, desk.missing))):
                    group.start_soon(desk.work)
    except (RunStopped, PolicyFault) as fault:
        generated.stopped = fault
    finally:
        LINES.reset(token)
    generated.rows = desk.in_order()
    return generated


class _Desk:
    """Hands out assignments until the quotas are met."""

    def __init__(
        self,
        order: Order,
        defects: Sequence[Defect],
        problems: Mapping[str, Problem],
        writer: Writer,
        kept: Kept,
        generated: Generated,
        on_row: Callable[[Generated], None],
    ) -> None:
        self._order = order
        self._writer = writer
        self._kept = kept
        self._generated = generated
        self._on_row = on_row
        self._left = dict(order.quotas)
        """How many rows of each mode are neither written nor being written."""
        self._listed: dict[str, list[Assignment]] = {
            mode: list(assign(defects, problems, mode, seed=order.seed, languages=order.languages)) for mode in MODES
        }
        self._waiting: dict[str, Iterator[Assignment]] = {}
        self._taken: dict[str, list[Assignment]] = {mode: [] for mode in MODES}

    @property
    def missing(self) -> int:
        """How many rows are still to be written."""
        return sum(self._left.values())

    def take_kept(self) -> int:
        """Take the rows that are kept, as far as they are wanted; gives how many."""
        for mode, listed in self._listed.items():
            known = [assignment for assignment in listed if assignment.key in self._kept.rows]
            self._taken[mode] = known[: self._left[mode]]
            self._left[mode] -= len(self._taken[mode])
            self._waiting[mode] = iter([entry for entry in listed if entry.key not in self._kept.rows])
        return sum(map(len, self._taken.values()))

    async def work(self) -> None:
        """Write one row after the other, while there are any to write."""
        while (assignment := self._next()) is not None:
            written = await self._writer.write(assignment)
            self._end(assignment, written)
            await checkpoint()

    def in_order(self) -> list[JsonObject]:
        """The rows, the modes in turn, in an order that does not depend on who was faster."""
        sides = [sorted(self._taken[mode], key=lambda entry: entry.rank) for mode in MODES]
        longest = max(map(len, sides))
        listed = [side[place] for place in range(longest) for side in sides if place < len(side)]
        return [self._kept.rows[assignment.key] for assignment in listed]

    def _next(self) -> Assignment | None:
        for mode in sorted(MODES, key=lambda mode: -self._left[mode]):
            if self._left[mode] > 0:
                assignment = next(self._waiting[mode], None)
                if assignment is not None:
                    self._left[mode] -= 1
                    return assignment
        return None

    def _end(self, assignment: Assignment, written: Written) -> None:
        if written.row is None:
            self._left[assignment.mode] += 1  # another one in its place
            self._generated.dropped[written.problems[-1]] += 1
            return
        self._generated.retried += len(written.problems)
        row: JsonObject = {**written.row.alpaca(), "metadata": written.row.metadata}
        self._kept.add(assignment.key, row)
        self._taken[assignment.mode].append(assignment)
        self._generated.rows.append(row)
        self._on_row(self._generated)


def partial_path(output: Path) -> Path:
    """Where rows are kept while the file is not written yet."""
    return output.with_name(f"{output.stem}.partial.jsonl")


def write_rows(path: Path, rows: Sequence[JsonObject]) -> None:
    """Write the file as a whole: a JSON list with a row a line."""
    write_whole(path, b"[\n" + b",\n".join(map(dump_json, rows)) + b"\n]\n")
