"""Files of token rows: JSON Lines or parquet, as the name says; whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from agentgym.errors import DataFileError, UsageError
from agentgym.exports.jsonrows import iterate_rows
from agentgym.exports.writing import opened
from agentgym.extras import require
from agentgym.jsontext import dump_json
from trainers.dataset.columns import Columns, columns_of, row_of
from trainers.dataset.parquet import TOGETHER, batches, column_names, is_parquet, read_parquet, schema
from trainers.dataset.rows import TokenRow


def holds_token_rows(path: Path) -> bool:
    """Whether a file's rows are tokens already."""
    if is_parquet(path):
        return "input_ids" in column_names(path)
    first = next(iter(iterate_rows(path)), None)
    return first is not None and isinstance(first[1], dict) and "input_ids" in first[1]


def read_rows(source: str | Path) -> Iterator[TokenRow]:
    """The token rows of a file, one at a time; the first fault is a DataFileError that names file and row."""
    path = Path(source)
    rows = read_parquet(path) if is_parquet(path) else (row for _, row in iterate_rows(path))
    for place, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise DataFileError(f"{path}: row {place}: not a row; write one JSON object a line")
        yield row_of(row, source=str(path), place=place)


def write_rows(path: str | Path, rows: Iterable[TokenRow]) -> int:
    """Write token rows, and count them."""
    with RowWriter(path) as writer:
        for row in rows:
            writer.write(row)
        return writer.count


class RowWriter:
    """`with RowWriter("rows.parquet") as writer: writer.write(row)`: the file is there once the block ends well."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.count = 0
        self._held: list[Columns] = []
        self._open = ExitStack()
        check_writable(self.path)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._file: BinaryIO = stack.enter_context(opened(self.path))
            self._parquet: Any = None
            if is_parquet(self.path):
                self._parquet = stack.enter_context(require("pyarrow.parquet").ParquetWriter(self._file, schema()))
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._let_go()
        except BaseException as fault:
            self._open.__exit__(type(fault), fault, fault.__traceback__)
            raise
        self._open.__exit__(kind, error, traceback)

    def write(self, row: TokenRow) -> None:
        """Add a row."""
        self.count += 1
        self._held.append(columns_of(row))
        if len(self._held) >= TOGETHER:
            self._let_go()

    def _let_go(self) -> None:
        if self._parquet is None:
            self._file.writelines(dump_json(columns) + b"\n" for columns in self._held)
        else:
            for batch in batches(self._held):
                self._parquet.write_batch(batch)
        self._held.clear()


def check_writable(path: Path) -> None:
    """UsageError where the name tells of no form we write."""
    if not is_parquet(path) and path.suffix.lower() != ".jsonl":
        raise UsageError(f"{path}: token rows are written as *.jsonl or *.parquet; give such a name")
