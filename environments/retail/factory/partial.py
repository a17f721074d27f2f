"""What is made so far, in files that survive any end of the process, for `--resume` to go on with."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import orjson

from agentgym.appendfile import AppendFile
from agentgym.errors import DataFileError, UsageError
from agentgym.journal import Journal, line_prefix, prefix_of
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject

_SOME = 1 << 20
"""Bytes, in which a settings line and more stand, if there is more."""
Record = dict[str, Any]
"""What became of a slot: see `pipeline`."""
ACCEPTED, REJECTED, BROKEN = "accepted", "rejected", "broken"
"""Outcomes: broken is what no author is to blame for, and is tried again by a run that goes on."""


class Keeper(Protocol):
    """Where what a pipeline makes is kept."""

    def begin(self, slot: int, scenario: str) -> None:
        """A slot is begun."""

    def add(self, record: Record) -> None:
        """A slot has come to its end."""

    def journal(self, slot: int, iteration: int) -> Journal | None:
        """Where the calls of an attempt are written down, with those an earlier run made."""


@dataclass(frozen=True, slots=True)
class Found:
    """A slot that an earlier run ended."""

    slot: int
    scenario: str
    outcome: str
    key: str
    place: int
    """In the file."""


class Kept:
    """`<stem>.partial.jsonl`: a line for each slot that was begun or ended; `<stem>.calls.jsonl`: model calls."""

    def __init__(self, output: Path, settings: JsonObject, *, resume: bool) -> None:
        self.path = partial_path(output)
        self._calls_path = calls_path(output)
        self.found: dict[int, Found] = {}
        """Slots that have come to an end, by their numbers."""
        self.begun: dict[int, str] = {}
        """The scenarios of slots that were begun and did not."""
        self._unfinished: dict[bytes, list[int]] = {}
        self.set_aside = False
        """Whether an earlier run was put out of the way."""
        with ExitStack() as stack:
            _lock(self.path, stack)
            if not resume:
                self.set_aside = self._begin_anew()
            self._file = stack.enter_context(closing(AppendFile(self.path)))
            self._calls = stack.enter_context(closing(AppendFile(self._calls_path)))
            self._read(settings)
            self._open = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go; of a run that never began nothing is left behind."""
        is_bare = not self.found and not self.begun
        if is_bare:
            self.path.unlink(missing_ok=True)
        if is_bare or self._calls.is_empty:
            self.forget_calls()
        self._open.close()

    def begin(self, slot: int, scenario: str) -> None:
        """Keep which scenario a slot is of, so that it is the same when it is begun again."""
        if self.begun.get(slot) != scenario:
            self.begun[slot] = scenario
            self._file.write(dump_json({"begun": slot, "scenario": scenario}) + b"\n")

    def add(self, record: Record) -> None:
        """Keep what became of a slot."""
        place = self.path.stat().st_size
        self._file.write(dump_json(record) + b"\n")
        self.found[record["slot"]] = _found(record, place)
        self.begun.pop(record["slot"], None)

    def journal(self, slot: int, iteration: int) -> Journal:
        """Where the calls of an attempt go, with those an earlier run made of it."""
        name = _name(slot)
        places = self._unfinished.pop(line_prefix(name, iteration), [])
        return Journal(name, iteration, self._calls.write, self._lines_at(places))

    def records(self, slots: int) -> Iterator[Record]:
        """The records of the first slots in their order, one at a time."""
        with self.path.open("rb") as file:
            for slot in range(slots):
                found = self.found.get(slot)
                if found is not None:
                    file.seek(found.place)
                    yield orjson.loads(file.readline())

    def is_broken(self, slots: int) -> bool:
        """Whether any of the first slots is to be tried again."""
        return any(found.outcome == BROKEN for slot, found in self.found.items() if slot < slots)

    def forget_calls(self) -> None:
        """All slots have come to an end: nothing will be asked for again."""
        with suppress(OSError):
            self._calls_path.unlink()

    def _begin_anew(self) -> bool:
        """Put what is there out of the way, so that forgetting `--resume` loses nothing that was paid for."""
        with self.path.open("rb") as file:
            held = len(file.readlines(_SOME)) > 1
        if held:
            before = self.path.with_name(f"{self.path.name}.before")
            shutil.copyfile(self.path, before)
        os.truncate(self.path, 0)
        with suppress(FileNotFoundError):
            self._calls_path.unlink()
        return held

    def _read(self, settings: JsonObject) -> None:
        if self._file.is_empty:
            self._file.write(dump_json({"settings": settings}) + b"\n")
        place = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file):
                try:
                    self._remember(orjson.loads(line), place, settings if number == 0 else None)
                except UsageError:
                    raise
                except (ValueError, KeyError, TypeError, AttributeError):
                    raise DataFileError(f"{self.path}:{number + 1}: no line of this command; take it out") from None
                place += len(line)
        for slot in self.found:
            self.begun.pop(slot, None)
        self._find_unfinished()

    def _remember(self, held: Record, place: int, settings: JsonObject | None) -> None:
        if settings is not None:
            _check_same(held.get("settings"), settings, self.path)
        elif "begun" in held:
            self.begun[held["begun"]] = held["scenario"]
        else:
            self.found[held["slot"]] = _found(held, place)

    def _find_unfinished(self) -> None:
        """Where in the journal the lines of unfinished slots begin."""
        places = defaultdict[bytes, list[int]](list)
        position = 0
        with self._calls_path.open("rb") as file:
            for line in file:
                places[prefix_of(line)].append(position)
                position += len(line)
        self._unfinished = dict(places)

    def _lines_at(self, places: list[int]) -> Iterator[bytes]:
        if not places:
            return
        with self._calls_path.open("rb") as file:
            for place in places:
                file.seek(place)
                yield file.readline()


class InMemory:
    """For programs that want the tasks and no file."""

    def __init__(self) -> None:
        self.records: dict[int, Record] = {}

    def begin(self, slot: int, scenario: str) -> None:
        """Nothing is to be gone on with."""

    def add(self, record: Record) -> None:
        """Keep what became of a slot."""
        self.records[record["slot"]] = record

    def journal(self, slot: int, iteration: int) -> None:
        """Calls are not written down."""


def partial_path(output: Path) -> Path:
    """Where tasks are kept while the file is not written yet."""
    return output.with_name(f"{output.stem}.partial.jsonl")


def calls_path(output: Path) -> Path:
    """Where model calls are kept while a run may have to be gone on with."""
    return output.with_name(f"{output.stem}.calls.jsonl")


def report_path(output: Path) -> Path:
    """Where everything goes that the file of tasks does not say."""
    return output.with_name(f"{output.stem}.report.json")


def _found(record: Record, place: int) -> Found:
    return Found(record["slot"], record["scenario"], record["outcome"], record["key"], place)


def _name(slot: int) -> str:
    return f"slot {slot}"


def _check_same(before: Any, settings: JsonObject, path: Path) -> None:
    # Through JSON, where lists and tuples are the same.
    other = [name for name, value in orjson.loads(dump_json(settings)).items() if before.get(name) != value]
    if other:
        raise UsageError(
            f"{path} was written with another {other[0]} ({dump_json(before.get(other[0])).decode()}); give the same, "
            "or begin anew without --resume"
        )


def _lock(path: Path, stack: ExitStack) -> None:
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
