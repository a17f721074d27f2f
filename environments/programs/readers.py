"""Problems from files: JSON, JSON Lines or parquet, in any of the known forms of a row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TextIO

from pydantic import JsonValue

from agentgym.errors import DataFileError
from agentgym.extras import require
from agentgym.jsontext import dump_json, parse_json
from environments.programs.livecodebench import is_livecodebench, of_livecodebench
from environments.programs.problem import Problem
from environments.programs.records import of_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which problems of a file are wanted."""

    since: date | None = None
    until: date | None = None
    """The days of `contest_date`, both included; with either, a problem without a date is left out."""
    difficulties: Collection[str] = ()
    """In any case of letters; none means all."""

    def wants(self, problem: Problem) -> bool:
        """Whether a problem is wanted; ValueError where its date cannot be read."""
        if self.difficulties and problem.difficulty.lower() not in {name.lower() for name in self.difficulties}:
            return False
        if self.since is None and self.until is None:
            return True
        day = _day((problem.model_extra or {}).get("contest_date"))
        return day is not None and (self.since or day) <= day <= (self.until or day)


EVERYTHING = Chosen()


def read_problems(
    path: str | Path, *, chosen: Chosen = EVERYTHING, visible_count: int = 3, remote: bool = True
) -> list[Problem]:
    """All problems of a file; the first fault is a DataFileError that names file and row."""
    problems = list(iterate_problems(path, chosen=chosen, visible_count=visible_count, remote=remote))
    if not problems:
        raise DataFileError(f"{path}: holds no problem that is wanted; look at its rows, or widen the choice")
    return problems


def iterate_problems(
    path: str | Path, *, chosen: Chosen = EVERYTHING, visible_count: int = 3, remote: bool = True
) -> Iterator[Problem]:
    """The problems of a file, one at a time; `remote=False` refuses rows that ask for a remote sandbox."""
    seen: dict[str, str] = {}
    for number, where, row in iterate_rows(path):
        try:
            problem = _problem(row, number, visible_count)
            wanted = chosen.wants(problem)
        except ValueError as error:
            raise DataFileError(f"{where}: {error}") from None
        if problem.remote and not remote:
            raise DataFileError(f"{where}: REMOTE_UNSUPPORTED: asks for a remote sandbox; choose one, or drop `remote`")
        if problem.query_id in seen:
            first = seen[problem.query_id]
            raise DataFileError(f"{where}: DUPLICATE_ID: {problem.query_id!r} stands at {first} too; ids must differ")
        seen[problem.query_id] = where
        if wanted:
            yield problem


def _problem(row: JsonValue, number: int, visible_count: int) -> Problem:
    if not isinstance(row, dict):
        raise ValueError("BAD_ROW: a problem is a JSON object")
    if is_livecodebench(row):
        return of_livecodebench(row)
    return of_record(row, number=number, visible_count=visible_count)


def iterate_rows(path: str | Path) -> Iterator[tuple[int, str, JsonValue]]:
    """The rows of a JSON, JSON Lines or parquet file: a number from 1, where it stands, and what it holds."""
    path = Path(path)
    if path.suffix.lower() == ".parquet":
        yield from _parquet_rows(path)
        return
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from _text_rows(path, file)
    except UnicodeDecodeError as error:
        raise DataFileError(f"{path}: is not UTF-8 text: {error.reason}; name a parquet file *.parquet") from None
    except OSError as error:
        raise DataFileError(f"{path}: cannot be read: {error.strerror or error}") from None


def _text_rows(path: Path, file: TextIO) -> Iterator[tuple[int, str, JsonValue]]:
    """JSON Lines a line at a time; a list, or one object over many lines, as a whole."""
    first = next((line for line in file if line.strip()), "")
    file.seek(0)
    if first.lstrip("\ufeff \t").startswith("[") or not _is_json(first):
        text = file.read()
        if text.lstrip().startswith("[") or _is_json(text):
            whole = _parsed(str(path), text)
            for number, row in enumerate(whole if isinstance(whole, list) else [whole], 1):
                yield number, f"{path}: row {number}", row
            return
        file.seek(0)
    for number, line in enumerate(file, 1):
        if line.strip():
            where = f"{path}:{number}"
            yield number, where, _parsed(where, line.removeprefix("\ufeff"))


def _is_json(text: str) -> bool:
    try:
        parse_json(text.removeprefix("\ufeff"))
    except ValueError:
        return False
    return True


def _parsed(where: str, text: str) -> JsonValue:
    try:
        return parse_json(text)
    except ValueError as error:
        raise DataFileError(f"{where}: BAD_JSON: {error}; write one JSON object a line, or a JSON list") from None


def _parquet_rows(path: Path) -> Iterator[tuple[int, str, JsonValue]]:
    if not path.is_file():
        raise DataFileError(f"{path}: cannot be read: no such file")
    pyarrow, parquet = require("pyarrow"), require("pyarrow.parquet")
    try:
        file = parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataFileError(f"{path}: is not a parquet file: {error}") from None
    number = 0
    with file:
        for batch in file.iter_batches(batch_size=64):
            for row in batch.to_pylist():
                number += 1
                yield number, f"{path}: row {number}", _plain(row)


def _plain(row: Mapping[str, object]) -> JsonValue:
    """The row without what other rows have and it has not, all of it as JSON."""
    kept = {key: value for key, value in row.items() if value is not None}
    return parse_json(dump_json(kept).decode())


def _day(written: object) -> date | None:
    if written is None or written == "":
        return None
    try:
        return datetime.fromisoformat(str(written)).date()
    except ValueError:
        raise ValueError(f"BAD_ROW: contest_date={written!r} is no date such as 2024-08-31T00:00:00") from None
