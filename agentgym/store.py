"""A run directory, open for writing by one process: finished episodes, and the journal of those under way."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack, closing, suppress
from dataclasses import fields, replace
from functools import cache
from hashlib import blake2b
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

import orjson
from anyio import to_thread

from agentgym.appendfile import AppendFile, kept_synced
from agentgym.episode import SCHEMA_VERSION, EnvironmentInfo, Episode, refuse_later_version
from agentgym.errors import DataFileError, LaterVersionError, RunFolderError
from agentgym.events import EventLog
from agentgym.journal import Journal, line_prefix, prefix_of
from agentgym.jsontext import dump_json, dump_line, in_order
from agentgym.messages import NO_USAGE, JsonObject, Usage
from agentgym.runs import (
    BASELINE,
    CALLS,
    EPISODES,
    INFO,
    LOCK,
    PolicyInfo,
    RunInfo,
    key_of,
    read_info,
    whole_lines,
    write_whole,
    written_whole,
)

if TYPE_CHECKING:
    from pydantic import BaseModel, JsonValue

    from agentgym.jobs import Job

_LOG = EventLog(__name__)
_MAY_CHANGE = {"schema_version", "planned", "limit", "trials", "versions", "created_at"}
_MAY_CHANGE |= {"metrics", "pictures", "tag_fields"}  # what is told of the run


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
        """What all episodes that were found had used up."""
        self.fresh = True
        """Whether no record of any episode was found."""
        self._finished: dict[bytes, bytes] = {}
        """For each episode that need not be played again, a digest of its task, seed and limits."""
        self._played_in = defaultdict[str, set[str]](set)
        """The versions of each environment they were played in."""
        self._counted = set[bytes]()
        """Those that were not evaluable: what they had used up is in `spent`."""
        self._begun_here = False
        self._unfinished: dict[bytes, list[int]] = {}
        self._open = ExitStack()

    async def __aenter__(self) -> Self:
        await to_thread.run_sync(self._enter)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()
        if error is not None and self._begun_here and self._is_empty():
            self._discard()

    def is_finished(self, job: Job) -> bool:
        """Whether the episode need not be played again; one that was not evaluable is."""
        found = self._finished.get(line_prefix(job.task_id, job.trial)) if self._finished else None
        if found is None:
            return False
        if found != _digest(orjson.loads(dump_json([job.task.model_dump(mode="json"), job.seed, job.limits]))):
            raise self._another(job, "played")
        return True

    def was_recorded(self, job: Job) -> bool:
        """Whether there is a record of the episode that tells more than that it was not played now."""
        return bool(self._counted) and line_prefix(job.task_id, job.trial) in self._counted

    def journal(self, job: Job) -> Journal:
        """Where an episode writes down what it is told, with all it was told before."""
        name, trial = job.task_id, job.trial
        of = b"%08x" % _mark(job)
        if not self._unfinished and not self._counted:
            return Journal(name, trial, self._calls.write, of=of)
        prefix = line_prefix(name, trial)
        told = self._lines_at(self._unfinished.pop(prefix, []))
        try:
            return Journal(name, trial, self._calls.write, told, of=of, counted=prefix in self._counted)
        except ValueError:
            raise self._another(job, "begun") from None

    def refuse_other_version(self, environment: EnvironmentInfo) -> None:
        """Episodes that were played follow the rules of theirs."""
        before = self._played_in.get(environment.id)
        if before and environment.version not in before:
            raise _another_version(self.folder, replace(environment, version=max(before)), environment.version)

    def add(self, episode: Episode) -> None:
        """Keep a finished episode."""
        self._episodes.write(dump_line(episode))

    def _another(self, job: Job, done: str) -> RunFolderError:
        told = f"trial {job.trial} of the task {job.task_id!r} is not what it was when it was {done}"
        return RunFolderError(f"{self.folder}: {told}; begin another run with --out")

    def _enter(self) -> None:
        try:
            with ExitStack() as stack:
                self._refuse_what_is_no_run()
                self.folder.mkdir(parents=True, exist_ok=True)
                self._lock(stack)
                self._agree()
                self._find_finished()
                self._episodes = stack.enter_context(closing(AppendFile(self.folder / EPISODES)))
                self._calls = stack.enter_context(closing(AppendFile(self.folder / CALLS)))
                self.fresh = self._episodes.is_empty
                self._find_unfinished()
                # An episode that is lost is made again of its replies.
                stack.enter_context(kept_synced(often=self._calls, rarely=self._episodes))
                self._open = stack.pop_all()
            if self._finished or self._unfinished:
                kept, begun = len(self._finished), len(self._unfinished)
                _LOG.info("a run goes on", folder=str(self.folder), finished=kept, unfinished=begun)
        except OSError as error:
            raise RunFolderError(
                f"cannot write {self.folder}: {error.strerror}; begin another run with --out"
            ) from None

    def _lock(self, stack: ExitStack) -> None:
        """Only the kernel holds the lock, so that a process that is killed leaves none behind."""
        file = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        stack.callback(os.close, file)
        if not _locked(file):
            owner = os.read(file, 32).decode(errors="replace").strip() or "unknown"
            raise RunFolderError(
                f"{self.folder} is being written by process {owner}; wait for its end, or begin another run with --out"
            )
        os.ftruncate(file, 0)
        os.pwrite(file, b"%d\n" % os.getpid(), 0)

    def _refuse_what_is_no_run(self) -> None:
        if not self.folder.exists() or (self.folder / INFO).exists():
            return
        if any(entry.name not in (LOCK, BASELINE) and entry.name[0] != "." for entry in self.folder.iterdir()):
            raise RunFolderError(f"{self.folder} is not empty and holds no run; give another place with --out")

    def _agree(self) -> None:
        """Go on with the run that is here only if it is the one that is asked for."""
        if not (self.folder / INFO).exists() or self._is_empty():
            self._begun_here = True
            write_whole(self.folder / INFO, self.info.to_json())
            return
        before = read_info(self.folder)
        _check_same(before, self.info, self.folder)
        self.info = replace(self.info, created_at=before.created_at)
        if before != self.info:
            write_whole(self.folder / INFO, self.info.to_json())

    def _is_empty(self) -> bool:
        """Whether nothing was played here yet."""
        files = (self.folder / EPISODES, self.folder / CALLS)
        return not any(file.exists() and file.stat().st_size for file in files)

    def _discard(self) -> None:
        """Leave nothing behind of a run that never began."""
        with suppress(OSError):
            for name in (EPISODES, CALLS, BASELINE, INFO, LOCK):
                (self.folder / name).unlink(missing_ok=True)
            self.folder.rmdir()

    def _find_finished(self) -> None:
        path = self.folder / EPISODES
        damaged = 0
        used = dict[bytes, Usage]()
        for line in whole_lines(path) if path.exists() else ():
            try:
                record: dict[str, Any] = orjson.loads(line)
                refuse_later_version(f"{path}: an episode", record["schema_version"], SCHEMA_VERSION)
                prefix = line_prefix(record["task_id"], record["trial"])
                usage = Usage(**record["usage"]) + Usage(**record.get("others", {}))
                if record["outcome"] == "not_evaluable":
                    used[prefix] = usage  # of several records the last one counts
                    continue
                self._finished[prefix] = _digest([record["task"], record["seed"], record["limits"]])
                self._played_in[record["environment"]["id"]].add(record["environment"]["version"])
                self.spent += usage
                used.pop(prefix, None)
            except LaterVersionError:
                raise
            except (ValueError, KeyError, TypeError):
                damaged += 1
        self._counted = set(used)
        self.spent = sum(used.values(), self.spent)
        self.resumed = len(self._finished)
        if damaged:
            _LOG.warning("damaged records are taken out, and played again", file=str(path), records=damaged)
            _take_out_damaged(path)

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


def _digest(of: JsonValue) -> bytes:
    """Of what an episode is of, as its record holds it."""
    return blake2b(dump_json(in_order(of)), digest_size=8).digest()


def _mark(job: Job) -> int:
    """The same for the same task and seed; it costs next to nothing, for every episode has one."""
    task: JsonObject = job.task.model_dump(mode="json")
    return crc32(dump_json([in_order(task) if _holds_sets(type(job.task)) else task, job.seed]))


@cache
def _holds_sets(model: type[BaseModel]) -> bool:
    told = repr(model.__pydantic_core_schema__)
    return "'set'" in told or "'frozenset'" in told


def _take_out_damaged(path: Path) -> None:
    with written_whole(path) as file:
        for line in whole_lines(path):
            with suppress(DataFileError):
                key_of(line)
                file.write(line)


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
            raise _another_version(folder, old, asked.environment.version)
        raise RunFolderError(
            f"{folder} holds another run: its {name} is {dump_json(old).decode()}, not {dump_json(new).decode()}; "
            "give another place with --out"
        )
    fewer = (before.planned or 0) > (asked.planned or 0) and asked.planned is not None
    if fewer or before.trials > asked.trials:
        raise RunFolderError(
            f"{folder} was begun with more: {before.planned} episodes of {before.trials or 1} trials, not "
            f"{asked.planned} of {asked.trials or 1}; give another place with --out"
        )


def _another_version(folder: Path, before: EnvironmentInfo, now: str) -> RunFolderError:
    return RunFolderError(
        f"{folder} was begun with version {before.version} of {before.id}, which is now {now}: "
        "its episodes follow other rules; begin a new run with another --out"
    )


def _identity(info: RunInfo, name: str) -> object:
    value = getattr(info, name)
    return replace(value, base_url=None, prices={}) if isinstance(value, PolicyInfo) else value
