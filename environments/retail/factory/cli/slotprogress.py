"""How the making of tasks is getting on: on standard error every few seconds, and slot by slot in a log."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from agentgym.cli.transcript import printable
from agentgym.logs import scrub
from environments.retail.factory.partial import ACCEPTED, Record

LOG = "task_generator.log"
_EVERY_S = 5.0


class SlotProgress:
    """Is told of each slot as it ends."""

    def __init__(self, wanted: int, found: int, *, log: Path | None = None) -> None:
        self._wanted = wanted
        self._ended = found
        self._accepted = 0
        self._log = log
        self._told = monotonic()
        if found:
            sys.stderr.write(f"{found} of {wanted} tasks are there already\n")
        self._waiting = [f"{wanted} tasks are wanted, {found} are there"]
        """Of a run that cannot begin nothing is left behind."""

    def __call__(self, record: Record) -> None:
        """A slot has ended."""
        self._ended += 1
        self._accepted += record["outcome"] == ACCEPTED
        self._write(_told(record))
        if monotonic() - self._told > _EVERY_S:
            self._told = monotonic()
            sys.stderr.write(f"{self._ended} of {self._wanted} tasks have ended; {self._accepted} were accepted now\n")

    def _write(self, line: str) -> None:
        if self._log is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        lines, self._waiting = [*self._waiting, line], []
        with self._log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(f"{now} {scrub(printable(each))}\n" for each in lines)


def _told(record: Record) -> str:
    """One line: outcome, and what was wrong with each attempt that failed."""
    failed = [", ".join(attempt["codes"]) for attempt in record["attempts"] if attempt["codes"]]
    problems = [attempt["problem"] for attempt in record["attempts"] if attempt.get("problem")]
    why = "; ".join((*failed, *problems))
    taken = f"{record['iterations']} iterations, {record['duration_s']:.2f} s"
    return f"slot {record['slot']} ({record['scenario']}): {record['outcome']}, {taken}" + (f": {why}" if why else "")
