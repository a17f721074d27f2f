"""How a trial is getting on, on standard error and in the log beside its records."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from agentgym.cli.progress import Progress
from agentgym.cli.transcript import printable
from agentgym.episode import Episode
from agentgym.lines import Lines
from agentgym.logs import scrub
from agentgym.runner import RunResult

LOG = "task_tester.log"


class TrialProgress(Progress):
    """Passes on all that it is told, and writes it down; with `verbose` it tells of each task."""

    def __init__(self, shown: Progress, folder: Path, *, verbose: bool) -> None:
        self._shown = shown
        self._path = folder / LOG
        self._verbose = verbose
        self._log: TextIO | None = None
        self._first = ""
        """Waits for the second: of a run that cannot begin nothing is left behind."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._log is not None:
            self._log.close()

    def begin(self, label: str, lines: Lines, planned: int | None, found: int) -> None:
        """The run begins, and its folder is there."""
        super().begin(label, lines, planned, found)
        self._shown.begin(label, lines, planned, found)
        self._first = f"{label}: {planned} episodes are planned, {found} are there"

    def episode(self, episode: Episode) -> None:
        """An episode has ended."""
        super().episode(episode)
        self._shown.episode(episode)
        told = _told(episode)
        self._write(told)
        if self._verbose:
            sys.stderr.write(f"{printable(told)}\n")

    def end(self, result: RunResult) -> None:
        """The run has ended."""
        self._shown.end(result)
        self._write(self.state() if result.stopped is None else f"{result.stopped}: {self.state()}")

    def _write(self, line: str) -> None:
        lines = [line]
        if self._log is None:
            self._log = self._path.open("a", encoding="utf-8", errors="backslashreplace")
            lines = [self._first, line]
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._log.writelines(f"{now} {scrub(printable(each))}\n" for each in lines)
        self._log.flush()


def _told(episode: Episode) -> str:
    tries = f" (trial {episode.trial})" if episode.trial else ""
    why = "" if episode.cause is None else f": {episode.cause.message}"
    limit = "" if episode.limit is None else f" by {episode.limit}"
    turns, elapsed_s = len(episode.turns), episode.timings.elapsed_s
    outcome = episode.outcome.replace("_", " ")
    return (
        f"{episode.task_id}{tries}: {outcome}{limit}, reward {episode.reward:g}, {turns} turns, {elapsed_s:.2f} s{why}"
    )
