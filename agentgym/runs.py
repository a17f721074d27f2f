"""Run directories, as they are read: what was asked, and the record of every episode. Everything streams.

runs/<name>/run.json         what was asked: suite, policy (no secrets), seed, limits, versions
            episodes.jsonl   one finished episode a line
            calls.jsonl      the journal: model calls and steps, each written before it was used
            summary.json ... made anew from episodes.jsonl by every report
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from pydantic import TypeAdapter, ValidationError

from agentgym.appendfile import whole_lines_end
from agentgym.episode import EnvironmentInfo, Episode, refuse_later_version
from agentgym.errors import DataFileError, LaterVersionError, UnknownNameError, one_line
from agentgym.jsontext import dump_json
from agentgym.limits import Limits
from agentgym.messages import JsonObject
from agentgym.prices import Price

SCHEMA_VERSION = 1
INFO, EPISODES, CALLS, LOCK, BASELINE = "run.json", "episodes.jsonl", "calls.jsonl", "lock", "baseline.json"


@dataclass(frozen=True, slots=True)
class PolicyInfo:
    """Who plays; no secret is in it."""

    name: str
    spec: str | None = None
    """What `make_policy` makes it of, where it was made so."""
    settings: JsonObject = field(default_factory=dict)
    base_url: str | None = None
    """Where it is served; a run may go on elsewhere."""
    prices: dict[str, Price] = field(default_factory=dict)
    """What its models' tokens cost, by the models' specs; who goes on may know better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """What was asked of a run."""

    schema_version: int = SCHEMA_VERSION
    suite: str | None = None
    """None where a program gave the episodes to play."""
    split: str | None = None
    """Of the suite's tasks."""
    environment: EnvironmentInfo
    policy: PolicyInfo
    seed: int | None = None
    trials: int = 1
    limit: int | None = None
    """Only that many of the first tasks."""
    planned: int | None = None
    """How many episodes were asked for; None where nobody counted."""
    limits: Limits = field(default_factory=Limits)
    tag_fields: tuple[str, ...] = ("tags",)
    """Fields of the tasks by which reports break the scores down."""
    metrics: tuple[str, ...] = ()
    """More figures: functions of the records, as `module:function`."""
    dry_run: bool = False
    """Whether the reference played, to try the tasks out; such a run is compared with none of an agent's."""
    pictures: tuple[str, ...] = ()
    """More pictures: functions of the summary, as `module:function`."""
    versions: dict[str, str] = field(default_factory=dict)
    created_at: str = ""

    def to_json(self) -> bytes:
        """As run.json holds it."""
        return orjson.dumps(self, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read_info(folder: str | Path) -> RunInfo:
    """What was asked of the run in a folder."""
    path = Path(folder) / INFO
    try:
        info = _info_adapter().validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UnknownNameError(f"no run in {folder}: it holds no {INFO}; see: agentgym runs") from None
    except OSError as error:
        raise DataFileError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise DataFileError(f"{path}: not the description of a run: {one_line(error)}") from None
    refuse_later_version(f"{path}: a run", info.schema_version, SCHEMA_VERSION)
    return info


def read_episodes(folder: str | Path) -> Iterator[Episode]:
    """The records of a run, in the order they were written; the last one of each task and trial."""
    for line in episode_lines(folder):
        yield read_episode(line, folder)


def read_episode(line: bytes, folder: str | Path) -> Episode:
    """A record of the run in a folder."""
    with naming_damaged(folder):
        return Episode.from_json(line)


@contextmanager
def naming_damaged(folder: str | Path) -> Iterator[None]:
    """A record that cannot be read is told with its file, and what mends it."""
    try:
        yield
    except LaterVersionError as error:
        raise LaterVersionError(f"{Path(folder) / EPISODES}: {error}") from None
    except DataFileError as error:
        told = f"a record is damaged: {error}; without its line `agentgym resume {folder}` plays the episode again"
        raise DataFileError(f"{Path(folder) / EPISODES}: {told}") from None


def episode_lines(folder: str | Path) -> Iterator[bytes]:
    """The same, as they stand in the file."""
    path = Path(folder) / EPISODES
    if not path.exists():
        return
    with naming_damaged(folder):
        again = _played_again(path)
    for line in whole_lines(path):
        if not again or not _is_superseded(line, again):
            yield line


def whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file without a torn last one; one that a power loss left blank is passed over."""
    return (line for _, line in placed_lines(path))


def placed_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The same, each with the place in the file where it begins."""
    place = 0
    try:
        opened = path.open("rb")
    except OSError as error:
        raise DataFileError(f"{path}: cannot be read: {error.strerror}") from None
    with opened as file:
        end = whole_lines_end(file.fileno())
        for line in file:
            if place + len(line) > end:
                return
            if line.startswith(b"{") and b"\0" not in line:  # JSON holds no such byte; a lost block is full of them
                yield place, line
            place += len(line)


def is_being_played(folder: str | Path) -> bool:
    """Whether a process has the run open for writing."""
    import fcntl

    try:
        file = os.open(Path(folder) / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    finally:
        os.close(file)
    return False


def key_of(line: bytes) -> tuple[bytes, str]:
    """Which episode a record is of, and its outcome."""
    try:
        record: dict[str, Any] = orjson.loads(line)
        return dump_json([record["task_id"], record["trial"]]), record["outcome"]
    except (ValueError, KeyError, TypeError):
        raise DataFileError(f"not an episode record: {line[:80]!r}") from None


def _played_again(path: Path) -> dict[bytes, int]:
    """How many records of the same episode follow the first, for those that have several: only what was not
    evaluable is played again, so that only such episodes need be remembered."""
    counts = dict[bytes, int]()
    for line in whole_lines(path):
        if counts or b'"not_evaluable"' in line:
            key, outcome = key_of(line)
            if key in counts:
                counts[key] += 1
            elif outcome == "not_evaluable":
                counts[key] = 0
    return {key: count for key, count in counts.items() if count}


def _is_superseded(line: bytes, again: dict[bytes, int]) -> bool:
    key, _ = key_of(line)
    left = again.get(key, 0)
    if left:
        again[key] = left - 1
    return left > 0


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    with written_whole(path) as file:
        file.write(content)


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """The same for a file that is written piece by piece."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


@cache
def _info_adapter() -> TypeAdapter[RunInfo]:
    return TypeAdapter(RunInfo)
