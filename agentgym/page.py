"""A run as one page to look at: self-contained, without scripts, and with nothing in it that was not escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

import orjson
from pydantic import JsonValue

from agentgym.jsontext import dump_json, mend_text
from agentgym.messages import JsonObject
from agentgym.runs import RunInfo

_MOST_ROWS = 200
"""Rows of one table; summary.json has them all."""
_OUTCOMES = {"solved": "#2a7", "failed": "#c44", "truncated": "#d92", "not_evaluable": "#999"}
_TOLD = {
    *("planned", "episodes", "tasks", "trials", "outcomes", "evaluable", "solved_rate", "solved_interval"),
    *("solved_rate_of_planned", "solved_rate_of_ended", "mean_reward", "reward_terms", "pass_at", "pass_hat"),
    *("limits", "causes", "cause_examples", "tool_errors", "turns", "usage", "tokens_per_episode", "tags"),
    *("divergences", "timings", "baseline", "suite", "environment", "policy", "seed"),
}
"""The figures that have a place of their own; what a suite adds follows them."""
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: .5em 0 1.5em } caption { text-align: left; color: #666 }
th, td { text-align: left; padding: .2em 1em .2em 0; border-bottom: 1px solid #ddd; vertical-align: top }
td { overflow-wrap: anywhere } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
pre { background: #f6f6f6; padding: 1em; white-space: pre-wrap; overflow-wrap: anywhere }
.bar { display: flex; height: 1.4em; border-radius: 3px; overflow: hidden; background: #eee }
.state { color: #666 } summary { cursor: pointer }
"""
Cell = str | int | float | None


def page(
    info: RunInfo, summary: JsonObject, *, state: str = "", unsolved: Iterable[tuple[str, str]] = (), more: int = 0
) -> bytes:
    """The page of a run; `unsolved` gives a title and a transcript of some episodes, and `more` have none."""
    return mend_text("\n".join(_lines(info, summary, state, unsolved, more))).encode()


def _lines(
    info: RunInfo, summary: dict[str, Any], state: str, unsolved: Iterable[tuple[str, str]], more: int
) -> Iterator[str]:
    title = _text(f"{info.suite or info.environment.id}: {info.policy.name}")
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>"
    done, planned = summary["episodes"], summary["planned"]
    yield f'<p class="state">{_text("; ".join(filter(None, (f"{done} of {planned} episodes", state))))}</p>'
    yield from _scores(summary)
    yield from _parts(summary)
    yield from _troubles(summary)
    yield from _spent(summary)
    yield from _asked(info)
    yield from _added(summary)
    yield from _episodes(unsolved, more)
    yield "</body>\n</html>\n"


def _scores(summary: dict[str, Any]) -> Iterator[str]:
    outcomes, idle = summary["outcomes"], summary.get("baseline") or {}
    yield "<h2>Scores</h2>"
    total = sum(outcomes.values())
    if total:
        pieces = (
            f'<div style="width:{100 * outcomes[name] / total:.3f}%;background:{colour}" title="{_text(name)}"></div>'
            for name, colour in _OUTCOMES.items()
        )
        yield f'<div class="bar">{"".join(pieces)}</div>'
    yield from _table(
        ("outcome", "episodes"), [(name.replace("_", " "), outcomes[name]) for name in _OUTCOMES], "Every episode"
    )
    low, high = summary["solved_interval"] or (None, None)
    interval = "" if low is None else f"{_figure(low)} to {_figure(high)}"
    idle_of = f"idle agent ({idle['episodes']} episodes)" if "episodes" in idle else "idle agent"
    rates = [
        ("solved, of those that can be judged", "solved_rate", summary["evaluable"], interval),
        ("solved, of all planned", "solved_rate_of_planned", summary["planned"], ""),
        ("solved, of those that came to their own end", "solved_rate_of_ended", _ended(outcomes), ""),
        ("mean reward", "mean_reward", summary["evaluable"], ""),
    ]
    yield from _table(
        ("figure", "value", "of episodes", "95% interval", idle_of),
        [(told, summary[name], of, bounds, idle.get(name)) for told, name, of, bounds in rates],
    )
    if not idle:
        yield "<p>What an agent that does nothing would score was not measured.</p>"
    if summary["trials"] != 1 and summary["pass_at"]:
        yield from _table(
            ("k", "pass@k", "pass^k"),
            [(k, value, summary["pass_hat"].get(k)) for k, value in summary["pass_at"].items()],
            "At least one of k trials solved, and all of k; means over tasks",
        )


def _ended(outcomes: Mapping[str, int]) -> int:
    return outcomes["solved"] + outcomes["failed"]


def _parts(summary: dict[str, Any]) -> Iterator[str]:
    if summary["reward_terms"]:
        yield "<h2>Reward terms</h2>"
        rows = [(name, term["mean"], term["episodes"]) for name, term in summary["reward_terms"].items()]
        yield from _table(("term", "mean", "episodes"), rows)
    if summary["tags"]:
        yield "<h2>By tag</h2>"
        yield from _table(
            ("tag", "episodes", "judged", "solved", "solved rate", "95% interval", "mean reward"),
            [(name, *_tag(scores)) for name, scores in summary["tags"].items()],
        )


def _tag(scores: dict[str, Any]) -> tuple[Cell, ...]:
    low, high = scores["solved_interval"] or (None, None)
    bounds = "" if low is None else f"{_figure(low)} to {_figure(high)}"
    counts = (scores["episodes"], scores["evaluable"], scores["solved"])
    return (*counts, scores["solved_rate"], bounds, scores["mean_reward"])


def _troubles(summary: dict[str, Any]) -> Iterator[str]:
    if summary["causes"]:
        yield "<h2>Why episodes cannot be judged</h2>"
        examples = summary["cause_examples"]
        rows = [(name, count, examples.get(name, "")) for name, count in summary["causes"].items()]
        yield from _table(("cause", "episodes", "for example"), rows)
    if summary["limits"]:
        yield "<h2>What cut episodes short</h2>"
        yield from _table(("limit", "episodes"), list(summary["limits"].items()))
    errors = summary["tool_errors"]
    if errors["total"]:
        yield "<h2>Wrong calls</h2>"
        yield from _table(
            ("kind", "calls"), [*errors["by_kind"].items()], f"{errors['total']} in {errors['episodes_with']} episodes"
        )
    if summary["divergences"]:
        yield f"<p>{summary['divergences']} steps showed something else when episodes were resumed.</p>"


def _spent(summary: dict[str, Any]) -> Iterator[str]:
    yield "<h2>Effort</h2>"
    yield from _table(("what", "in all"), list(summary["usage"].items()))
    timings = summary["timings"]
    spreads = {
        "turns per episode": summary["turns"],
        "tokens per episode": summary["tokens_per_episode"],
        "seconds per episode": timings["episode_s"],
        "seconds per model call": timings["call_latency_s"],
    }
    columns = ("mean", "p50", "p90", "p99", "max")
    rows = [(told, *(spread.get(column) for column in columns)) for told, spread in spreads.items()]
    yield from _table(("what", *columns), rows)
    yield from _table(("share of the time that the policy took",), [(timings["policy_share"],)])


def _asked(info: RunInfo) -> Iterator[str]:
    yield "<h2>What was asked</h2>"
    asked: dict[str, Any] = orjson.loads(info.to_json())
    yield from _table(("what", "value"), [(name, _plain(value)) for name, value in asked.items()])


def _added(summary: dict[str, Any]) -> Iterator[str]:
    added = {name: value for name, value in summary.items() if name not in _TOLD}
    if added:
        yield "<h2>More figures</h2>"
        yield from _table(("figure", "value"), [(name, _plain(value)) for name, value in added.items()])


def _episodes(unsolved: Iterable[tuple[str, str]], more: int) -> Iterator[str]:
    for number, (title, text) in enumerate(unsolved):
        if not number:
            yield "<h2>Episodes that were not solved</h2>"
        yield f"<details><summary>{_text(title)}</summary><pre>{_text(text)}</pre></details>"
    if more > 0:
        yield f"<p>{more} more are not shown here; see: agentgym show RUN --failed</p>"


def _table(header: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str = "") -> Iterator[str]:
    numbers = [all(not isinstance(row[place], str) for row in rows) for place in range(len(header))]
    yield "<table>"
    if caption:
        yield f"<caption>{_text(caption)}</caption>"
    yield f"<tr>{_cells('th', header, numbers)}</tr>"
    yield from (f"<tr>{_cells('td', row, numbers)}</tr>" for row in rows[:_MOST_ROWS])
    yield "</table>"
    if len(rows) > _MOST_ROWS:
        yield f"<p>{len(rows) - _MOST_ROWS} more rows are in summary.json.</p>"


def _cells(tag: str, cells: Sequence[Cell], numbers: Sequence[bool]) -> str:
    return "".join(
        f'<{tag} class="{"n" if number else "t"}">{_text(_figure(cell))}</{tag}>'
        for cell, number in zip(cells, numbers, strict=True)
    )


def _figure(value: Cell) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _plain(value: JsonValue) -> str:
    if value is None or value in ({}, []):
        return "-"
    return value if isinstance(value, str) else dump_json(value).decode()


def _text(value: str) -> str:
    """Text as HTML; what a page may not hold, or what would turn its words around, is replaced by U+FFFD."""
    kept = (char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in value)
    return escape("".join(kept))
