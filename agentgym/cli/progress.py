"""How a run is getting on, on standard error: a bar on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from agentgym.episode import Episode
from agentgym.lines import Lines
from agentgym.messages import NO_USAGE, Usage
from agentgym.runner import RunResult

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

EVERY_S = 10.0
"""How often a plain line says how far it is."""
_FAULTS_TOLD = 3
"""Of each run; the table counts them all."""


class Progress:
    """Is told of every run and episode, and says nothing; the others count by what it keeps."""

    def begin(self, label: str, lines: Lines, planned: int | None, found: int) -> None:
        """A run begins, of which some episodes were found finished."""
        self.label, self.lines = label, lines
        self.planned, self.found, self.played = planned, found, 0
        self.outcomes = Counter[str]()
        self.usage: Usage = NO_USAGE
        self.started = monotonic()

    def episode(self, episode: Episode) -> None:
        """An episode has ended."""
        self.played += 1
        self.outcomes[episode.outcome] += 1
        self.usage += episode.usage

    def end(self, result: RunResult) -> None:
        """The run has ended."""

    def state(self) -> str:
        """All of it in one line."""
        done = self.found + self.played
        parts = [f"{done} of {self.planned}" if self.planned is not None else str(done)]
        parts += [f"{count} {outcome.replace('_', ' ')}" for outcome, count in sorted(self.outcomes.items())]
        if self.found:
            parts.append(f"{self.found} found")
        rate = self.played / max(monotonic() - self.started, 1e-3)
        parts.append(f"{rate:.1f}/s")
        if self.planned is not None and rate and done < self.planned:
            parts.append(f"{_duration((self.planned - done) / rate)} left")
        if self.usage.tokens:
            parts.append(f"{self.usage.tokens} tokens")
        if self.usage.cost_usd:
            parts.append(f"${self.usage.cost_usd:.2f}")
        for limit in self.lines.limits.values():
            parts.append(f"{self.lines.in_flight} of {limit} calls at a time")
        return ", ".join(parts)

    def fault(self, episode: Episode) -> str:
        """Why an episode is not evaluable, for the first few."""
        if episode.cause is None or self.outcomes["not_evaluable"] > _FAULTS_TOLD:
            return ""
        return f"{self.label}: task {episode.task_id or '?'} is not evaluable: {episode.cause.message}"


class _Lines(Progress):
    """Says what broke, how far it is every few seconds, and how each run ended."""

    def begin(self, label: str, lines: Lines, planned: int | None, found: int) -> None:
        super().begin(label, lines, planned, found)
        self._next = monotonic() + EVERY_S

    def episode(self, episode: Episode) -> None:
        super().episode(episode)
        _say(self.fault(episode))
        if monotonic() >= self._next:
            self._next = monotonic() + EVERY_S
            _say(f"{self.label}: {self.state()}")

    def end(self, result: RunResult) -> None:
        if self.played or not self.found:
            _say(f"{self.label}: {self.state()}")


class _Bars(Progress):
    """Draws a bar for each run, and says above them what broke."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._bar: TaskID | None = None

    def begin(self, label: str, lines: Lines, planned: int | None, found: int) -> None:
        super().begin(label, lines, planned, found)
        self._bar = self._bars.add_task(label, total=planned, completed=found, state="")

    def episode(self, episode: Episode) -> None:
        super().episode(episode)
        fault = self.fault(episode)
        if fault:
            self._bars.console.print(fault, markup=False, highlight=False)
        self._draw()

    def end(self, result: RunResult) -> None:
        self._draw()

    def _draw(self) -> None:
        if self._bar is not None:
            self._bars.update(self._bar, completed=self.found + self.played, state=self.state())


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress]:
    """What suits standard error."""
    if quiet:
        yield Progress()
    elif sys.stderr.isatty():
        with _rich_progress() as bars:
            yield _Bars(bars)
    else:
        yield _Lines()


def _say(line: str) -> None:
    if line:
        sys.stderr.write(f"{line}\n")


def _duration(seconds: float) -> str:
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def _rich_progress() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    label, state = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[state]}", markup=False)
    return Progress(label, BarColumn(bar_width=12), state, TimeElapsedColumn(), console=Console(stderr=True))
