"""Figures of a run of special-tokens that no other environment has."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentgym.episode import Episode
from agentgym.errors import UsageError
from agentgym.folds import ExactSum
from agentgym.messages import JsonObject, Turn
from environments.special_tokens.keywords import keyword_mode
from environments.special_tokens.modes import AGENT, EDIT, STANDARD, Modes, read_modes
from environments.special_tokens.rules import codes_by_rule

NONE = "none"
"""What stands for no mode at all, in the confusion matrix."""
BINS = 10
"""Of the confidences, for the calibration error."""


def special_tokens(episodes: Iterator[Episode]) -> JsonObject:
    """Of the episodes that were answered; null where there is nothing to tell.

    `confusion` counts by right mode, then by chosen mode. `keywords_accuracy` is what a policy scores on the same
    requests that only looks for words such as "error". `calibration` needs the ids of the tokens (`token_ids`)
    and a policy that gives logprobs.
    """
    counts: _Counts | None = None
    for episode in episodes:
        if episode.outcome == "not_evaluable":
            continue
        counts = counts or _Counts(_modes_of(episode))
        counts.add(episode)
    return (counts or _Counts(STANDARD)).figures()


@dataclass(slots=True)
class _Counts:
    modes: Modes
    episodes: int = 0
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    in_form: int = 0
    valid_calls: int = 0
    fixed: int = 0
    explored: int = 0
    keywords_right: int = 0
    calibration: _Calibration = field(default_factory=lambda: _Calibration())

    def add(self, episode: Episode) -> None:
        """Count an episode; one that says nothing counts as an answer without a mode."""
        step = next((step for turn in episode.turns for step in turn.steps), None)
        judged: Mapping[str, Any] = {} if step is None else step.observation
        right = str(episode.task["mode"])
        chosen = judged.get("mode") or NONE
        chosen = chosen if chosen in self.modes.names else NONE
        codes = set(judged.get("codes", ("NO_THINK", "NO_TOKEN")))
        self.episodes += 1
        self.pairs[right, chosen] += 1
        self.codes.update(codes)
        called = step is not None and step.action.get("call") is not None
        # Where there is no mode or no call, no code tells of the tool or the arguments: nothing was kept to either.
        lacking = {"tool": chosen == NONE or not called, "call": not called}
        broken = {
            rule: lacking.get(rule, False) or not codes.isdisjoint(of_rule)
            for rule, of_rule in codes_by_rule(self.modes).items()
        }
        self.broken.update(rule for rule, is_broken in broken.items() if is_broken)
        self.in_form += not codes
        self.valid_calls += not (broken["tool"] or broken["call"])
        self.fixed += right == EDIT.name and judged.get("outcome") is True
        self.explored += right == AGENT.name and judged.get("outcome") is True
        self.keywords_right += keyword_mode(str(episode.task["request"])) == right
        if episode.turns:
            self.calibration.add(episode.turns[0].turn, self.modes, right)

    def figures(self) -> JsonObject:
        names = self.modes.names
        right = sum(count for (wanted, chosen), count in self.pairs.items() if wanted == chosen)
        asked = {name: sum(count for (wanted, _), count in self.pairs.items() if wanted == name) for name in names}
        return {
            "mode_accuracy": _share(right, self.episodes),
            "keywords_accuracy": _share(self.keywords_right, self.episodes),
            "modes": {name: self._of_mode(name, asked[name]) for name in names},
            "confusion": {
                wanted: {chosen: self.pairs[wanted, chosen] for chosen in (*names, NONE)} for wanted in names
            },
            "format_rate": _share(self.in_form, self.episodes),
            "format_rate_by_rule": {
                rule: _share(self.episodes - self.broken[rule], self.episodes) for rule in codes_by_rule(self.modes)
            },
            "codes": {code: count for code, count in sorted(self.codes.items())},
            "tool_call_validity": _share(self.valid_calls, self.episodes),
            "fix_rate": _share(self.fixed, asked.get(EDIT.name, 0)),
            "exploration_rate": _share(self.explored, asked.get(AGENT.name, 0)),
            "calibration": self.calibration.figures(),
        }

    def _of_mode(self, name: str, asked: int) -> JsonObject:
        hits = self.pairs[name, name]
        chosen = sum(count for (_, taken), count in self.pairs.items() if taken == name)
        precision, recall = _share(hits, chosen), _share(hits, asked)
        f1 = None if precision is None or recall is None else 2 * hits / (chosen + asked)
        return {"precision": precision, "recall": recall, "f1": f1, "asked": asked, "chosen": chosen}


@dataclass(slots=True)
class _Calibration:
    """How sure the policy was of the token it gave, and how often it was right."""

    count: int = 0
    squares: ExactSum = field(default_factory=ExactSum)
    bins: dict[int, tuple[int, float, int]] = field(default_factory=dict)

    def add(self, turn: Turn, modes: Modes, right: str) -> None:
        """Count a turn, if it tells what is needed."""
        found = token_confidence(turn, modes)
        if found is None:
            return
        chosen, confidence = found
        hit = chosen == right
        self.count += 1
        self.squares.add((confidence - hit) ** 2)
        place = min(int(confidence * BINS), BINS - 1)
        count, total, hits = self.bins.get(place, (0, 0.0, 0))
        self.bins[place] = (count + 1, total + confidence, hits + hit)

    def figures(self) -> JsonObject | None:
        """The expected calibration error over ten bins of equal width, and the Brier score."""
        if not self.count:
            return None
        error = math.fsum(abs(total - hits) for _, total, hits in self.bins.values()) / self.count
        return {"ece": error, "brier": self.squares.mean(self.count), "count": self.count}


def token_confidence(turn: Turn, modes: Modes) -> tuple[str, float] | None:
    """The mode whose token was sampled first, and its probability; None where that is not known."""
    span = turn.span
    if span is None or span.logprobs is None or len(span.logprobs) != len(span.completion_ids):
        return None
    ids = {mode.id: mode.name for mode in modes if mode.id is not None}
    for token, logprob in zip(span.completion_ids, span.logprobs, strict=True):
        if token in ids:
            return ids[token], min(1.0, math.exp(logprob))
    return None


def confusion(summary: JsonObject) -> bytes | None:
    """The confusion matrix of a run's summary, for its report."""
    figures: Any = summary["special_tokens"]
    return None if figures["mode_accuracy"] is None else draw_confusion(figures)


def draw_confusion(figures: Mapping[str, Any]) -> bytes:
    """The confusion matrix as a PNG. Needs the extra `viz`."""
    import io

    from agentgym.extras import require

    require("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows: Mapping[str, Mapping[str, int]] = figures["confusion"]
    right, chosen = list(rows), list(next(iter(rows.values())))
    figure = Figure(figsize=(1.6 + 1.1 * len(chosen), 1.4 + 0.9 * len(right)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    table = [[rows[wanted][taken] for taken in chosen] for wanted in right]
    axes.imshow(table, cmap="Blues", vmin=0)
    axes.set_xticks(range(len(chosen)), chosen)
    axes.set_yticks(range(len(right)), right)
    axes.set_xlabel("chosen")
    axes.set_ylabel("right")
    _write_counts(axes, table)
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=120)
    return held.getvalue()


def _write_counts(axes: Any, table: Sequence[Sequence[int]]) -> None:
    most = max((count for row in table for count in row), default=0)
    for y, row in enumerate(table):
        for x, count in enumerate(row):
            axes.text(x, y, str(count), ha="center", va="center", color="white" if 2 * count > most else "black")


def _modes_of(episode: Episode) -> Modes:
    """The modes the episode was played with."""
    settings: Mapping[str, Any] = episode.environment.config
    try:
        return read_modes(settings.get("modes"), settings.get("costs"), settings.get("token_ids"))
    except UsageError:
        return STANDARD


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
