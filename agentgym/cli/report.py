"""`agentgym report RUN ...`: runs summed up again from their records, with a page and pictures to look at."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from agentgym.cli.scores import Score, write_scores
from agentgym.cli.transcript import transcript
from agentgym.episode import Episode
from agentgym.errors import MissingExtraError
from agentgym.extras import require
from agentgym.messages import JsonObject
from agentgym.page import page
from agentgym.plots import draw
from agentgym.report import figures_of, pictures_of, write_summary
from agentgym.runs import RunInfo, episode_lines, is_being_played, read_episode, read_info, write_whole
from agentgym.summary import read_facts

PAGE = "report.html"
_MOST_TRANSCRIPTS = 50
_UNSOLVED = (b'"outcome":"failed"', b'"outcome":"truncated"')


def configure(parser: argparse.ArgumentParser) -> None:
    """Which runs, and how their figures are printed."""
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="a run directory")
    parser.add_argument("--json", action="store_true", help="print the scores as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Sum up, keep it beside the records where that can be, and print the scores."""
    infos = [read_info(folder) for folder in args.runs]
    draws = _can_draw()
    scores = [_reported(folder, info, draws=draws) for folder, info in zip(args.runs, infos, strict=True)]
    write_scores(scores, as_json=args.json)
    return 0


def _can_draw() -> bool:
    try:
        require("matplotlib")
    except MissingExtraError as error:
        sys.stderr.write(f"no pictures are drawn: {error}\n")
        return False
    return True


def _reported(folder: Path, info: RunInfo, *, draws: bool) -> Score:
    summary = figures_of(folder)
    try:
        write_summary(folder, summary)
        write_whole(folder / PAGE, _page(folder, info, summary))
        for name, content in _drawn(folder, info, summary) if draws else ():
            write_whole(folder / name, content)
    except OSError as error:
        told = error.strerror or str(error)
        sys.stderr.write(f"{folder} cannot be written ({told}): the figures are printed, and not all kept\n")
    return Score(
        info.suite or info.environment.id, info.policy.name, summary, run=str(folder), idle_reward=_idle(info, summary)
    )


def _drawn(folder: Path, info: RunInfo, summary: JsonObject) -> Iterator[tuple[str, bytes]]:
    yield from draw(map(read_facts, episode_lines(folder))).items()
    yield from pictures_of(info, summary)


def _idle(info: RunInfo, summary: dict[str, Any]) -> float | None:
    if info.policy.name == "idle":
        reward: float | None = summary["mean_reward"]
    else:
        reward = summary.get("baseline", {}).get("mean_reward")
    return reward


def _page(folder: Path, info: RunInfo, summary: dict[str, Any]) -> bytes:
    outcomes = summary["outcomes"]
    unsolved = outcomes["failed"] + outcomes["truncated"]
    first = islice(_unsolved(folder), _MOST_TRANSCRIPTS)
    told = ((_title(episode), transcript(episode, shorten=True)) for episode in first)
    return page(info, summary, state=_state(folder, summary), unsolved=told, more=unsolved - _MOST_TRANSCRIPTS)


def _unsolved(folder: Path) -> Iterator[Episode]:
    """The episodes that came to no good end by the agent's own doing."""
    for line in episode_lines(folder):
        if any(marker in line for marker in _UNSOLVED):
            episode = read_episode(line, folder)
            if episode.outcome in ("failed", "truncated"):
                yield episode


def _title(episode: Episode) -> str:
    trial = f", trial {episode.trial}" if episode.trial else ""
    cut = f" by {episode.limit}" if episode.limit else ""
    return f"{episode.task_id}{trial}: {episode.outcome}{cut}, reward {episode.reward:g}"


def _state(folder: Path, summary: JsonObject) -> str:
    if is_being_played(folder):
        return "the run is being played"
    return "" if summary["episodes"] == summary["planned"] else "the run is not finished"
