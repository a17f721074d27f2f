"""`agentgym runs [DIR ...]`: the runs that are there, and how far they got."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from agentgym.cli.output import write_json, write_table
from agentgym.cli.transcript import printable
from agentgym.errors import AgentGymError, UnknownNameError
from agentgym.report import SUMMARY
from agentgym.runs import EPISODES, INFO, RunInfo, episode_lines, is_being_played, key_of, read_info

_PLACE = Path("runs")
_DEEPEST = 3
_HEADER = ("run", "suite", "policy", "episodes", "solved rate", "state", "when")


@dataclass(frozen=True, slots=True)
class Row:
    """A run, or why it cannot be read."""

    run: str
    suite: str | None = None
    policy: str = "-"
    planned: int | None = None
    episodes: int = 0
    solved_rate: float | None = None
    state: str = "unreadable"
    created_at: str = ""
    problem: str | None = None


def configure(parser: argparse.ArgumentParser) -> None:
    """Where to look."""
    parser.add_argument(
        "places", metavar="DIR", nargs="*", type=Path, help="a folder of runs, or a run (default: runs)"
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")


def run(args: argparse.Namespace) -> int:
    """Print them, the newest first."""
    for place in args.places:
        if not place.is_dir():
            raise UnknownNameError(f"no folder {place}; give a folder of runs")
    places = args.places or [_PLACE]
    found = {folder.resolve(): folder for place in places for folder in _runs_in(place, _DEEPEST)}
    rows = sorted(map(_row, found.values()), key=lambda row: row.run)
    rows.sort(key=lambda row: row.created_at, reverse=True)
    if args.json:
        write_json(rows)
    elif rows:
        write_table(_HEADER, [_cells(row) for row in rows], right=("episodes", "solved rate"))
    else:
        sys.stderr.write(f"no runs in {', '.join(map(str, places))}; `agentgym bench` makes them\n")
    return 0


def _runs_in(place: Path, deep: int) -> Iterator[Path]:
    if (place / INFO).exists():
        yield place
    elif deep:
        with suppress(OSError):  # a folder one may not look into, or none
            for entry in sorted(entry for entry in place.iterdir() if entry.is_dir()):
                yield from _runs_in(entry, deep - 1)


def _row(folder: Path) -> Row:
    try:
        info = read_info(folder)
        outcomes = _kept_outcomes(folder) or _counted_outcomes(folder)
    except (AgentGymError, OSError) as error:
        return Row(str(folder), problem=str(error))
    judged = outcomes.total() - outcomes["not_evaluable"]
    return Row(
        str(folder),
        info.suite or info.environment.id,
        info.policy.name,
        info.planned,
        outcomes.total(),
        outcomes["solved"] / judged if judged else None,
        _state(folder, info, outcomes),
        info.created_at,
    )


def _kept_outcomes(folder: Path) -> Counter[str] | None:
    """As the summary has them, where nothing was recorded since."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        written_at = (folder / SUMMARY).stat().st_mtime_ns
        if written_at > (folder / EPISODES).stat().st_mtime_ns:
            return Counter({str(name): int(count) for name, count in _summary(folder)["outcomes"].items()})
    return None


def _summary(folder: Path) -> dict[str, dict[str, int]]:
    summary: dict[str, dict[str, int]] = orjson.loads((folder / SUMMARY).read_bytes())
    return summary


def _counted_outcomes(folder: Path) -> Counter[str]:
    return Counter(key_of(line)[1] for line in episode_lines(folder))


def _state(folder: Path, info: RunInfo, outcomes: Counter[str]) -> str:
    if is_being_played(folder):
        return "being played"
    # Where nobody counted: only a run that came to its end, or was reported, is summed up.
    whole = (folder / SUMMARY).exists() if info.planned is None else outcomes.total() >= info.planned
    if whole and outcomes["not_evaluable"]:
        return f"finished, {outcomes['not_evaluable']} not evaluable"
    return "finished" if whole else "unfinished"


def _cells(row: Row) -> tuple[str, ...]:
    if row.problem is not None:
        return printable(row.run), "-", "-", "-", "-", printable(f"{row.state}: {row.problem}"), "-"
    planned = row.planned is None or row.episodes == row.planned
    episodes = str(row.episodes) if planned else f"{row.episodes} of {row.planned}"
    rate = "-" if row.solved_rate is None else f"{row.solved_rate:.3f}"
    names = map(printable, (row.run, row.suite or "-", row.policy))
    return (*names, episodes, rate, row.state, printable(row.created_at))
