"""The picture of a test, in four panels, drawn without any display. Needs the extra `viz`."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

from agentgym.extras import require
from environments.retail.factory.reporting import Report

_GOOD, _BAD, _NONE, _PLAIN = "#22aa77", "#cc4444", "#999999", "#4477aa"
_FEW_CELLS = 400
"""Up to so many the counts are written into them."""
_LONGEST = 32
"""Letters of a name."""


def check_can_draw() -> None:
    """Find out before anything is paid for."""
    require("matplotlib")


def draw(report: Report) -> bytes:
    """The picture as PNG."""
    # The object interface: pyplot would keep every figure, and look for a display.
    figure = require("matplotlib.figure").Figure(figsize=(13, 10), dpi=100, layout="constrained")
    require("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2)
    setting = report.setting
    figure.suptitle(f"{_plain(setting.model)}, {setting.mode}: {report.summary['total_tasks']} tasks")
    _draw_success(panels[0, 0], report)
    _draw_actions(panels[0, 1], report)
    _draw_times(panels[1, 0], report)
    _draw_tools(panels[1, 1], report.pairs)
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _draw_success(axes: Any, report: Report) -> None:
    axes.set_title("success")
    counts = Counter(result.success for result in report.results)
    parts = [("success", counts[True], _GOOD), ("failure", counts[False], _BAD), ("not evaluable", counts[None], _NONE)]
    shown = [part for part in parts if part[1]]
    if not shown:
        return _say_nothing(axes)
    labels = [f"{name} ({count})" for name, count, _ in shown]
    colours = [colour for _, _, colour in shown]
    axes.pie([count for _, count, _ in shown], labels=labels, colors=colours, autopct="%1.1f%%")


def _draw_actions(axes: Any, report: Report) -> None:
    axes.set_title("actions, mean over tasks")
    summary: dict[str, Any] = report.summary
    names = ("precision", "recall", "f1")
    values = [summary[f"avg_action_{name}"] or 0.0 for name in names]
    axes.bar_label(axes.bar(("precision", "recall", "F1"), values, color=_PLAIN), fmt="%.2f")
    axes.set_ylim(0, 1.1)


def _draw_times(axes: Any, report: Report) -> None:
    axes.set_title("execution time")
    axes.set_xlabel("seconds")
    axes.set_ylabel("tasks")
    times = [result.execution_time for result in report.results if result.evaluable]
    if not times:
        return _say_nothing(axes)
    low, high = min(times), max(times)
    spread = (low, high) if high - low > 1e-9 * max(high, 1.0) else (low - 0.5, high + 0.5)
    axes.hist(times, bins=min(30, max(5, len(times) // 4)), range=spread, color=_PLAIN)


def _draw_tools(axes: Any, pairs: Counter[tuple[str | None, str | None]]) -> None:
    axes.set_title("tools: expected by called")
    if not pairs:
        return _say_nothing(axes)
    tools = sorted({name for pair in pairs for name in pair if name is not None})
    rows = [*tools, *([None] if any(expected is None for expected, _ in pairs) else [])]
    columns = [*tools, *([None] if any(called is None for _, called in pairs) else [])]
    counts = [[pairs[expected, called] for called in columns] for expected in rows]
    axes.imshow(counts, cmap="Blues", aspect="auto")
    axes.set_xticks(range(len(columns)), map(_short, columns), rotation=60, ha="right", fontsize=7)
    axes.set_yticks(range(len(rows)), map(_short, rows), fontsize=7)
    axes.set_xlabel("called")
    axes.set_ylabel("expected")
    if len(rows) * len(columns) <= _FEW_CELLS:
        _write_counts(axes, counts)


def _write_counts(axes: Any, counts: list[list[int]]) -> None:
    most = max(map(max, counts))
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            if count:
                colour = "white" if 2 * count > most else "black"
                axes.text(column, row, str(count), ha="center", va="center", fontsize=6, color=colour)


def _say_nothing(axes: Any) -> None:
    axes.text(0.5, 0.5, "nothing to show", ha="center", va="center", transform=axes.transAxes)
    axes.set_axis_off()


def _short(name: str | None) -> str:
    return "(none)" if name is None else _plain(name[:_LONGEST])


def _plain(text: str) -> str:
    """Text that no formula is seen in, and that every font can draw."""
    return text.replace("$", "").encode("ascii", "replace").decode()
