"""How a benchmark is getting on, on standard error: bars on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from agentgym.episode import Episode
from agentgym.suite import Tally

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

OnEpisode = Callable[[Episode, Tally], None]
EVERY_S = 10.0
"""How often a plain line says how far it is."""
_FAULTS_TOLD = 3
"""Of each suite and policy; the table counts them all."""


class Progress:
    """Is told of every suite, policy and episode, and says nothing."""

    def begin(self, label: str) -> OnEpisode:
        """What to call after each episode."""
        return lambda episode, tally: None

    def end(self, label: str, tally: Tally) -> None:
        """All its episodes have been played."""


class _Lines(Progress):
    """Says what broke, how far it is every few seconds, and how each suite and policy ended."""

    def __init__(self) -> None:
        self._next = monotonic() + EVERY_S

    def begin(self, label: str) -> OnEpisode:
        def told(episode: Episode, tally: Tally) -> None:
            _say(_fault(label, episode, tally))
            if monotonic() >= self._next:
                self._next = monotonic() + EVERY_S
                _say(f"{label}: {_state(tally)}")

        return told

    def end(self, label: str, tally: Tally) -> None:
        _say(f"{label}: {_state(tally)}")


class _Bars(Progress):
    """Draws a bar for each suite and policy, and says above them what broke."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars

    def begin(self, label: str) -> OnEpisode:
        bar = self._bars.add_task(label, total=None, state="")

        def told(episode: Episode, tally: Tally) -> None:
            fault = _fault(label, episode, tally)
            if fault:
                self._bars.console.print(fault, markup=False, highlight=False)
            self._bars.update(bar, completed=tally.episodes, total=tally.planned, state=_state(tally))

        return told


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


def _fault(label: str, episode: Episode, tally: Tally) -> str:
    """Why an episode is not evaluable, for the first few."""
    if episode.cause is None or tally.outcomes["not_evaluable"] > _FAULTS_TOLD:
        return ""
    return f"{label}: task {episode.task_id or '?'} is not evaluable: {episode.cause.message}"


def _state(tally: Tally) -> str:
    counts = (f"{count} {outcome.replace('_', ' ')}" for outcome, count in sorted(tally.outcomes.items()))
    rate = tally.episodes / tally.elapsed_s if tally.elapsed_s else 0.0
    return f"{tally.episodes} of {tally.planned}: {', '.join(counts)}; {rate:.0f}/s"


def _rich_progress() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    label, state = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[state]}", markup=False)
    return Progress(label, BarColumn(bar_width=12), state, TimeElapsedColumn(), console=Console(stderr=True))
