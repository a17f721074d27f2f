"""What a run came to; but for a run that was played in one go made anew from its records, so that cuts do not show."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from agentgym.episode import Episode
from agentgym.errors import EnvironmentFault, boundary
from agentgym.facts import EpisodeFacts
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.registry import load_target
from agentgym.runs import BASELINE, RunInfo, episode_lines, naming_damaged, read_episodes, read_info, write_whole
from agentgym.summary import Summary, read_facts

SUMMARY, TABLE = "summary.json", "summary.csv"
Metric = Callable[[Iterator[Episode]], JsonObject]
"""More figures of a suite's own, from its records."""
Picture = Callable[[JsonObject], bytes | None]
"""A PNG of a suite's own, from its summary; None where there is nothing to see."""


def summarise(folder: str | Path, summed: Summary | None = None) -> JsonObject:
    """Sum a run up, and keep the summary beside its records; `summed` are all of them, where they need not be read."""
    summary = figures_of(folder, summed)
    write_summary(folder, summary)
    return summary


def figures_of(folder: str | Path, summed: Summary | None = None) -> JsonObject:
    """Sum a run up as it stands, be it finished or not."""
    folder = Path(folder)
    info = read_info(folder)
    summary = _figures(folder, info, summed or _summed(folder, info))
    with suppress(OSError, ValueError, TypeError):  # what cannot be read is none
        summary["baseline"] = dict(orjson.loads((folder / BASELINE).read_bytes()))
    return summary


def write_summary(folder: str | Path, summary: JsonObject) -> None:
    """Keep a summary beside the records it is of."""
    write_whole(Path(folder) / SUMMARY, dump_json(summary) + b"\n")
    write_whole(Path(folder) / TABLE, _table(summary))


def pictures_of(info: RunInfo, summary: JsonObject) -> Iterator[tuple[str, bytes]]:
    """The pictures that the suite itself has drawn of a summary, each with the name of its file."""
    for name in info.pictures:
        picture: Picture = load_target(name, name)
        with boundary(EnvironmentFault, name):
            drawn = picture(summary)
        if drawn is not None:
            yield f"{name.rpartition(':')[2]}.png", drawn


def _summed(folder: Path, info: RunInfo) -> Summary:
    summary = Summary(planned=info.planned, trials=info.trials, tag_fields=info.tag_fields)
    for facts in facts_of(folder):
        summary.add(facts)
    return summary


def facts_of(folder: str | Path) -> Iterator[EpisodeFacts]:
    """What summaries and comparisons need of each record, in the order they were written."""
    for line in episode_lines(folder):
        with naming_damaged(folder):
            facts = read_facts(line)
        yield facts


def _figures(folder: Path, info: RunInfo, summary: Summary) -> JsonObject:
    figures: JsonObject = {
        "suite": info.suite,
        "environment": info.environment.id,
        "policy": info.policy.name,
        "seed": info.seed,
        **summary.to_json(),
    }
    for name in info.metrics:
        metric: Metric = load_target(name, name)
        with boundary(EnvironmentFault, name):
            figures[name.rpartition(":")[2]] = metric(read_episodes(folder))
    return figures


def _table(summary: JsonObject) -> bytes:
    """The summary with a figure a line: its path, joined by dots, and its value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("figure", "value"))
    writer.writerows(_flat(summary, ""))
    return text.getvalue().encode()


def _flat(value: Any, path: str) -> Iterator[tuple[str, object]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if entries is None:
        yield path, "" if value is None else value
        return
    for key, inner in entries:
        yield from _flat(inner, f"{path}.{key}" if path else str(key))
