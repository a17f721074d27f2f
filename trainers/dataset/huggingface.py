"""Token rows as a `datasets.Dataset` and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from agentgym.extras import require
from trainers.dataset.columns import columns_of, row_of
from trainers.dataset.parquet import batches, schema
from trainers.dataset.rows import TokenRow


def as_dataset(rows: Iterable[TokenRow]) -> Any:
    """A `datasets.Dataset` in memory, with the columns that files of rows have."""
    datasets = require("datasets")
    table = require("pyarrow").Table.from_batches(batches(map(columns_of, rows)), schema=schema())
    return datasets.Dataset(table)


def from_dataset(dataset: Iterable[dict[str, Any]]) -> Iterator[TokenRow]:
    """The rows of a dataset, of ours or with `input_ids` and `labels`."""
    for place, columns in enumerate(dataset, 1):
        yield row_of(columns, source="dataset", place=place)
