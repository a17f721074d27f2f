"""The tasks of a file checked, and none played."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from agentgym.cli.output import write, write_json, write_table
from agentgym.cli.transcript import printable
from agentgym.errors import DataFileError, UsageError
from agentgym.messages import JsonObject
from agentgym.runs import write_whole
from environments.retail.database import RetailDB
from environments.retail.factory.checks import canonical_key, check_blueprint
from environments.retail.factory.checks.entries import Entry
from environments.retail.factory.envelope import ValidationReport
from environments.retail.factory.files import read_each
from environments.retail.factory.reporting import indented, stamp

_MOST_TOLD = 200


@dataclass(frozen=True, slots=True)
class Validated:
    """One task, and what is wrong with it."""

    task_id: str
    entries: tuple[Entry, ...]
    report: ValidationReport

    @property
    def valid(self) -> bool:
        """Whether nothing is."""
        return not any(entry.level == "error" for entry in self.entries)

    def to_json(self) -> JsonObject:
        """As the report has it."""
        codes = list(dict.fromkeys(entry.code for entry in self.entries))
        report = {**self.report.model_dump(mode="json"), "valid": self.valid}
        return {"task_id": self.task_id, "valid": self.valid, "codes": [*codes], "validation_report": report}


def validate(args: argparse.Namespace, db: RetailDB) -> int:
    """Check, print and keep what is asked for; 1 where a task is not valid."""
    found = list(islice(validated(args.tasks, db), args.limit))
    invalid = sum(not task.valid for task in found)
    report: JsonObject = {"total": len(found), "valid": len(found) - invalid, "invalid": invalid}
    report["tasks"] = [task.to_json() for task in found]
    if args.json:
        write_json(report)
    else:
        _tell(found, invalid)
    if args.save_results:
        path = args.output_dir / f"validation_{stamp(datetime.now())}.json"
        _write(path, indented(report))
    return int(invalid > 0)


def validated(path: Path, db: RetailDB) -> Iterator[Validated]:
    """Each task of a file with what the checks say; one that stands there twice is wrong the second time.

    What cannot be read is one of them, unless nothing in the file can.
    """
    known: dict[str, str] = {}
    everything = list(read_each(path))
    if isinstance(everything[0], DataFileError) and all(isinstance(read, DataFileError) for read in everything):
        raise everything[0]
    for number, read in enumerate(everything, 1):
        if isinstance(read, DataFileError):
            entry = Entry("FORMAT_TASK", "error", str(read))
            yield Validated(f"task_{number:03d}", (entry,), ValidationReport(valid=False))
            continue
        checked = check_blueprint(read.given, db)
        entries, report = checked.entries, checked.report
        key = canonical_key(checked.blueprint, user_id=checked.user_id)
        if checked.blueprint.agt and known.setdefault(key, read.id) != read.id:
            entries += (Entry("DUPLICATE", "error", f"the same calls for the same customer as {known[key]}"),)
        yield Validated(read.id, entries, report)


def _tell(found: list[Validated], invalid: int) -> None:
    rows = [
        (task.task_id, entry.level, entry.code, printable(_where(entry) + entry.message))
        for task in found
        for entry in task.entries
    ]
    if rows:
        write_table(("task", "level", "code", "what"), rows[:_MOST_TOLD])
    if len(rows) > _MOST_TOLD:
        write(f"and {len(rows) - _MOST_TOLD} more")
    write(f"{len(found)} tasks, {invalid} not valid")


def _where(entry: Entry) -> str:
    return "" if entry.index is None else f"action {entry.index} ({entry.action}): "


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; name another --output-dir") from None
    sys.stderr.write(f"written: {path}\n")
