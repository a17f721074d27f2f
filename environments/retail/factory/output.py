"""The files that come of a run: the tasks, and beside them everything that their file does not say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import JsonValue

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.runs import written_whole
from environments.retail.factory.files import write_tasks
from environments.retail.factory.partial import Record, report_path
from environments.retail.factory.statistics import Statistics

_IN_THE_OTHER = ("envelope", "key")
"""Of a record; not told again in the report."""


def write_output(output: Path, records: Iterable[Record], statistics: Statistics) -> None:
    """Write both, each whole or not at all; of the records one is in memory at a time."""
    draft = report_path(output)
    with written_whole(draft) as report:
        report.write(b'{"slots":[')

        def envelopes() -> Iterator[JsonValue]:
            for number, record in enumerate(records):
                statistics.add(record)
                report.write((b",\n" if number else b"\n") + dump_json(_told(record)))
                yield record["envelope"]

        write_tasks(output, envelopes())
        report.write(b"\n],\n" + dump_json(statistics.to_json())[1:] + b"\n")


def _told(record: Record) -> JsonObject:
    return {name: value for name, value in record.items() if name not in _IN_THE_OTHER}
