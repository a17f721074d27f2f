"""Pictures of a run: its outcomes, rewards and latencies, drawn without any display. Needs the extra `viz`."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable
from typing import Any

from agentgym.extras import require
from agentgym.facts import EpisodeFacts

_OUTCOMES = {"solved": "#22aa77", "failed": "#cc4444", "truncated": "#dd9922", "not_evaluable": "#999999"}
_MOST_BINS = 40
_FARTHEST = 1e300


class Histogram:
    """Counts of values in bins of equal width, which doubles until they are few: constant memory, in any order."""

    def __init__(self, width: float) -> None:
        self.width = width
        self.bins: dict[int, int] = {}
        """How many, by the number of the bin, which begins at that many widths."""

    def add(self, value: float) -> None:
        """Count a value; what lies beyond any scale counts as its end."""
        place = math.floor(max(-_FARTHEST, min(value, _FARTHEST)) / self.width)
        self.bins[place] = self.bins.get(place, 0) + 1
        while max(self.bins) - min(self.bins) >= _MOST_BINS:
            self._widen()

    def _widen(self) -> None:
        before, self.bins, self.width = self.bins, {}, self.width * 2
        for place, count in before.items():
            self.bins[place // 2] = self.bins.get(place // 2, 0) + count


def draw(episodes: Iterable[EpisodeFacts]) -> dict[str, bytes]:
    """The pictures by file name, as PNG; one that would be empty is left out."""
    require("matplotlib")
    outcomes = dict.fromkeys(_OUTCOMES, 0)
    rewards, latencies = Histogram(0.0125), Histogram(1 / 32)
    for facts in episodes:
        outcomes[facts.outcome] += 1
        if facts.outcome != "not_evaluable":
            rewards.add(facts.reward)
            for latency_s in facts.latencies_s:
                latencies.add(math.log10(max(latency_s, 1e-6)))
    drawn: dict[str, bytes] = {}
    if any(outcomes.values()):
        drawn["outcomes.png"] = _picture("episodes by outcome", lambda axes: _draw_outcomes(axes, outcomes))
    if rewards.bins:
        drawn["rewards.png"] = _picture("episodes by reward", lambda axes: _draw_bins(axes, rewards))
    if latencies.bins:
        drawn["latency.png"] = _picture("model calls by seconds", lambda axes: _draw_latencies(axes, latencies))
    return drawn


def _picture(title: str, draw_on: Callable[[Any], None]) -> bytes:
    # The object interface: pyplot would keep every figure, and look for a display.
    figure = require("matplotlib.figure").Figure(figsize=(6, 3.5), dpi=120, layout="constrained")
    require("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title)
    draw_on(axes)
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _draw_outcomes(axes: Any, outcomes: dict[str, int]) -> None:
    names = [name.replace("_", " ") for name in outcomes]
    axes.bar_label(axes.bar(names, list(outcomes.values()), color=list(_OUTCOMES.values())))


def _draw_bins(axes: Any, histogram: Histogram) -> None:
    starts = [place * histogram.width for place in histogram.bins]
    axes.bar(starts, list(histogram.bins.values()), width=histogram.width, align="edge", color="#4477aa")


def _draw_latencies(axes: Any, histogram: Histogram) -> None:
    starts = [10 ** (place * histogram.width) for place in histogram.bins]
    widths = [start * (10**histogram.width - 1) for start in starts]
    axes.bar(starts, list(histogram.bins.values()), width=widths, align="edge", color="#4477aa")
    axes.set_xscale("log")
