"""A picture of a training's figures, step by step."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentgym.extras import require
from agentgym.messages import JsonObject

_PANELS = (("loss", "validation_loss"), ("reward", "reward_mean", "solved"))


def draw(rows: Sequence[JsonObject]) -> bytes | None:
    """Losses, and rewards where there are any, as PNG; None where there is nothing to draw."""
    series = {name: points for panel in _PANELS for name in panel if (points := _points(rows, name))}
    panels = [drawn for panel in _PANELS if (drawn := [name for name in panel if name in series])]
    if not panels:
        return None
    figure = require("matplotlib.figure").Figure(figsize=(7, 3.5 * len(panels)), dpi=120, layout="constrained")
    require("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    for place, names in enumerate(panels, 1):
        axes = figure.add_subplot(len(panels), 1, place)
        _draw_panel(axes, {name: series[name] for name in names})
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _draw_panel(axes: Any, series: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    for name, points in series.items():
        axes.plot(*zip(*points, strict=True), label=name.replace("_", " "), marker="o" if len(points) < 30 else None)
    axes.set_xlabel("step")
    axes.legend()
    axes.grid(visible=True, alpha=0.3)


def _points(rows: Iterable[JsonObject], name: str) -> list[tuple[float, float]]:
    return [
        (float(step), float(value))
        for row in rows
        if isinstance(value := row.get(name), int | float) and isinstance(step := row.get("step"), int)
    ]
