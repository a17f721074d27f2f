"""Parquet: token rows written and read a few at a time, and dialogues read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agentgym.errors import DataFileError, UsageError, boundary, one_line
from agentgym.exports import openai
from agentgym.exports.dialogue import Dialogue
from agentgym.extras import require
from agentgym.messages import JsonObject
from trainers.dataset.columns import Columns

TOGETHER = 64
"""Rows that are held at a time; one may have a hundred thousand tokens."""


def is_parquet(path: Path) -> bool:
    """Whether the file's name says so."""
    return path.suffix.lower() == ".parquet"


def schema() -> Any:
    """The types of the columns of token rows."""
    pa = require("pyarrow")
    sample = {"begin": pa.int32(), "end": pa.int32(), "turn": pa.int32(), "role": pa.string()}
    sample |= {"temperature": pa.float64(), "model_version": pa.string(), "finish_reason": pa.string()}
    texts = dict.fromkeys(("source", "environment", "suite", "policy", "task_id"), pa.string())
    columns = {
        "input_ids": pa.list_(pa.int32()),
        "labels": pa.list_(pa.int32()),
        "logprobs": pa.list_(pa.float64()),
        "samples": pa.list_(pa.struct(list(sample.items()))),
        "exact": pa.bool_(),
        "number": pa.int32(),
        **texts,
        "trial": pa.int64(),
        "outcome": pa.string(),
        "reward": pa.float64(),
        "terms": pa.string(),
    }
    return pa.schema(list(columns.items()))


def batches(rows: Iterable[Columns]) -> Iterator[Any]:
    """The rows as record batches."""
    pa = require("pyarrow")
    left, types = iter(rows), schema()
    while some := list(islice(left, TOGETHER)):
        yield pa.RecordBatch.from_pylist(some, schema=types)


def read_parquet(path: Path) -> Iterator[Columns]:
    """The rows of a file, whatever its columns."""
    parquet = require("pyarrow.parquet")
    if not path.is_file():
        raise DataFileError(f"{path}: no such file; give a data file or the directory of a run")
    with boundary(UsageError, f"{path}: cannot be read as parquet"):
        file = parquet.ParquetFile(path)
    with file:
        for batch in file.iter_batches(batch_size=TOGETHER):
            yield from batch.to_pylist()


def column_names(path: Path) -> list[str]:
    """The columns of a file."""
    parquet = require("pyarrow.parquet")
    if not path.is_file():
        return []
    with boundary(UsageError, f"{path}: cannot be read as parquet"):
        return list(parquet.read_schema(path).names)


def read_parquet_dialogues(path: Path) -> Iterator[tuple[JsonObject, Dialogue]]:
    """Rows with `messages`, each with the dialogue that it holds."""
    for number, row in enumerate(read_parquet(path), 1):
        where = f"{path}: row {number}"
        if not row.get("messages"):
            raise DataFileError(f"{where}: no `messages`; of parquet, rows with them or with `input_ids` are read")
        try:
            dialogue = openai.read(row)
        except ValidationError as error:
            raise DataFileError(f"{where}: {one_line(error)}; mend the row, or take it out") from None
        except ValueError as error:
            raise DataFileError(f"{where}: {error}") from None
        yield row, dialogue
