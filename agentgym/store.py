"""A run directory, open for writing by one process: finished episodes, and the journal of those under way."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack, closing, suppress
from dataclasses import fields, replace
from itertools import count
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import Any, Self

import anyio
import orjson
from anyio import to_thread

from agentgym.appendfile import AppendFile
from agentgym.episode import EnvironmentInfo, Episode
from agentgym.errors import RunFolderError
from agentgym.events import EventLog
from agentgym.journal import Journal, line_prefix, prefix_of
from agentgym.jsontext import dump_json
from agentgym.messages import NO_USAGE, Usage
from agentgym.runs import (
    BASELINE,
    CALLS,
    EPISODES,
    INFO,
    LOCK,
    PolicyInfo,
    RunInfo,
    read_info,
    whole_lines,
    write_whole,
)

_LOG = EventLog(__name__)
SYNC_S = 0.15
"""How long a reply that was written may wait for the disk."""
_EPISODES_EVERY = 7
"""Episodes wait so many times as long: one that is lost is made again of its replies."""
_MAY_CHANGE = {"schema_version", "planned", "limit", "trials", "versions", "created_at", "metrics", "tag_fields"}


class RunStore:
    """`async with RunStore("runs/mine", info) as store`: begins a run directory, or goes on with the one that is there.

    A directory that holds another run, or one that another process is writing, is refused.
    """

    def __init__(self, folder: str | Path, info: RunInfo) -> None:
        self.folder = Path(folder)
        self.info = info
        self.resumed = 0
        """How many finished episodes were found."""
        self.spent: Usage = NO_USAGE
        """What they had used up."""
        self.fresh = True
        """Whether no record of any episode was found."""
        self._finished = set[bytes]()
        self._unfinished: dict[bytes, list[int]] = {}
        self._open = ExitStack()

    async def __aenter__(self) -> Self:
        await to_thread.run_sync(self._enter)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()

    def is_finished(self, task_id: str, trial: int) -> bool:
        """Whether the episode need not be played again; one that was not evaluable is."""
        return bool(self._finished) and line_prefix(task_id, trial) in self._finished

    def journal(self, task_id: str, trial: int) -> Journal:
        """Where an episode writes down what it is told, with all it was told before."""
        places = self._unfinished.pop(line_prefix(task_id, trial), [])
        return Journal(task_id, trial, self._calls.write, self._lines_at(places))

    def add(self, episode: Episode) -> None:
        """Keep a finished episode."""
        self._episodes.write(episode.to_json() + b"\n")

    async def keep_synced(self) -> None:
        """Hand to the disk what was written, every now and then, for ever."""
        for turn in count(1):
            await anyio.sleep(SYNC_S)
            await to_thread.run_sync(self._calls.sync)
            if turn % _EPISODES_EVERY == 0:
                await to_thread.run_sync(self._episodes.sync)

    def _enter(self) -> None:
        try:
            with ExitStack() as stack:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._lock(stack)
                self._agree()
                self._episodes = stack.enter_context(closing(AppendFile(self.folder / EPISODES)))
                self._calls = stack.enter_context(closing(AppendFile(self.folder / CALLS)))
                self.fresh = self._episodes.is_empty
                self._find_finished()
                self._find_unfinished()
                self._open = stack.pop_all()
            if self._finished or self._unfinished:
                kept, begun = len(self._finished), len(self._unfinished)
                _LOG.info("a run goes on", folder=str(self.folder), finished=kept, unfinished=begun)
        except OSError as error:
            raise RunFolderError(
                f"cannot write {self.folder}: {error.strerror}; give another place with --out"
            ) from None

    def _lock(self, stack: ExitStack) -> None:
        """Only the kernel holds the lock, so that a process that is killed leaves none behind."""
        file = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        stack.callback(os.close, file)
        if not _locked(file):
            owner = os.read(file, 32).decode(errors="replace").strip() or "unknown"
            raise RunFolderError(
                f"{self.folder} is being written by process {owner}; wait for its end, or give another place with --out"
            )
        os.ftruncate(file, 0)
        os.pwrite(file, b"%d\n" % os.getpid(), 0)

    def _agree(self) -> None:
        """Go on with the run that is here only if it is the one that is asked for."""
        if not (self.folder / INFO).exists():
            if any(entry.name not in (LOCK, BASELINE) and entry.name[0] != "." for entry in self.folder.iterdir()):
                raise RunFolderError(f"{self.folder} is not empty and holds no run; give another place with --out")
            write_whole(self.folder / INFO, self.info.to_json())
            return
        before = read_info(self.folder)
        _check_same(before, self.info, self.folder)
        self.info = replace(self.info, created_at=before.created_at)
        if before != self.info:
            write_whole(self.folder / INFO, self.info.to_json())

    def _find_finished(self) -> None:
        for line in whole_lines(self.folder / EPISODES):
            with suppress(ValueError, KeyError, TypeError):  # what cannot be read is played again
                record: dict[str, Any] = orjson.loads(line)
                prefix = line_prefix(record["task_id"], record["trial"])
                if record["outcome"] == "not_evaluable":
                    continue
                self.spent += Usage(**record["usage"])
                self._finished.add(prefix)
        self.resumed = len(self._finished)

    def _find_unfinished(self) -> None:
        """Where in the journal the lines of unfinished episodes begin."""
        places = defaultdict[bytes, list[int]](list)
        position = 0
        with (self.folder / CALLS).open("rb") as file:
            for line in file:
                prefix = prefix_of(line)
                if prefix not in self._finished and b"\0" not in line:
                    places[prefix].append(position)
                position += len(line)
        self._unfinished = dict(places)

    def _lines_at(self, places: list[int]) -> Iterable[bytes]:
        if not places:
            return
        with (self.folder / CALLS).open("rb") as file:
            for place in places:
                file.seek(place)
                yield file.readline()


def _locked(file: int) -> bool:
    """Whether the lock could be had; who only looks whether a run is being played has it for a moment."""
    import fcntl

    for wait_s in (0.001, 0.01, 0.1, 0.0):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sleep(wait_s)
        else:
            return True
    return False


def _check_same(before: RunInfo, asked: RunInfo, folder: Path) -> None:
    for name in (field.name for field in fields(RunInfo) if field.name not in _MAY_CHANGE):
        old, new = _identity(before, name), _identity(asked, name)
        if old == new:
            continue
        if isinstance(old, EnvironmentInfo) and replace(old, version=asked.environment.version) == new:
            raise RunFolderError(
                f"{folder} was begun with version {old.version} of {old.id}, which is now {asked.environment.version}: "
                "its episodes follow other rules; begin a new run with another --out"
            )
        raise RunFolderError(
            f"{folder} holds another run: its {name} is {dump_json(old).decode()}, not {dump_json(new).decode()}; "
            "give another place with --out"
        )


def _identity(info: RunInfo, name: str) -> object:
    value = getattr(info, name)
    return replace(value, base_url=None) if isinstance(value, PolicyInfo) else value
