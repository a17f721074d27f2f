"""Programs to be judged, from files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from agentgym.errors import DataFileError
from agentgym.jsontext import mend_text
from environments.programs.readers import iterate_rows


@dataclass(frozen=True, slots=True)
class Submission:
    """A program that is meant to solve a problem."""

    query_id: str
    code: str
    language: str = "python"
    where: str = ""
    """The file and the row it stands in."""


def iterate_submissions(path: str | Path) -> Iterator[Submission]:
    """The programs of a JSON, JSON Lines or parquet file, one at a time; the first fault names its row."""
    for _, where, row in iterate_rows(path):
        try:
            yield _submission(row, where)
        except ValueError as error:
            raise DataFileError(f"{where}: {error}") from None


def _submission(row: JsonValue, where: str) -> Submission:
    if not isinstance(row, Mapping):
        raise ValueError("BAD_ROW: a program is a JSON object {query_id, code}")
    return Submission(
        _text(row, "query_id", "question_id", "task_id", "id"),
        mend_text(_text(row, "code")),
        _text(row, "language") if "language" in row else "python",
        where,
    )


def _text(row: Mapping[str, JsonValue], *keys: str) -> str:
    for key in keys:
        found = row.get(key)
        if isinstance(found, str) or (type(found) is int and key != "code"):
            return str(found)
        if found is not None:
            raise ValueError(f"BAD_ROW: `{key}` is a text, not {type(found).__name__}")
    raise ValueError(f"BAD_ROW: needs `{keys[0]}`, a text")
