"""`agentgym replay RUN`: recorded actions carried out again, to see whether everything comes out as it did."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import anyio

from agentgym.cli.options import whole_number
from agentgym.cli.output import align, write, write_json
from agentgym.cli.transcript import printable
from agentgym.env import Env
from agentgym.episode import Episode
from agentgym.errors import AgentGymError, RunFolderError, UnknownNameError
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.registry import make
from agentgym.replay import CONCURRENCY, Discrepancy, ReplayResult, replay_run
from agentgym.runs import RunInfo, read_info, written_whole
from agentgym.suite import load_suite
from agentgym.summary import EpisodeFacts, Summary

RESCORED = "rescored.jsonl"
_MOST_TOLD = 20
_LONGEST = 300
"""Characters of a value that a line shows."""
_HIDDEN = "[hidden]"
"""What records hold in place of a setting that looks like a secret."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Which run, and what for."""
    add = parser.add_argument
    add("run", metavar="RUN", type=Path, help="a run directory")
    add("--environment", metavar="ENV", help="what to replay it in, if not what it was played in; as `agentgym play`")
    add("--rescore", action="store_true", help=f"keep the records, as they are scored now, in RUN/{RESCORED}")
    add("--limit", metavar="N", type=whole_number, help="only the first N episodes")
    add("--concurrency", metavar="N", type=whole_number, default=CONCURRENCY, help="episodes at a time")
    add("--json", action="store_true", help="print what was found as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Replay and print; anything that differs, or breaks now, exits with 1."""
    info = read_info(args.run)
    make_env = _Maker(args.environment or _spec(info))
    found = _Found(info)
    with _rescored_file(args.run) if args.rescore else nullcontext() as file:
        tell = partial(found.add, rescored=file)
        play = partial(replay_run, on_result=tell, limit=args.limit, concurrency=args.concurrency)
        anyio.run(play, args.run, make_env)
    if args.json:
        write_json(found.to_json())
    else:
        write("\n".join(map(printable, found.lines(rescore=args.rescore))))
    if args.rescore:
        sys.stderr.write(f"{args.run / RESCORED} holds the records as they are scored now\n")
    return int(found.counts["different"] > 0 or found.broken > 0)


@contextmanager
def _rescored_file(folder: Path) -> Iterator[BinaryIO]:
    try:
        with written_whole(folder / RESCORED) as file:
            yield file
    except OSError as error:
        told = f"cannot write {folder / RESCORED}: {error.strerror}; without --rescore nothing is written"
        raise RunFolderError(told) from None


def _spec(info: RunInfo) -> str:
    """A suite knows its environment also where that has no id."""
    try:
        return info.environment.id if info.suite is None else load_suite(info.suite).environment
    except AgentGymError:
        return info.environment.id


class _Maker:
    """Makes the environment of a record, with the settings that the record tells."""

    def __init__(self, spec: str) -> None:
        self._spec = spec
        self._versions = set[str]()
        """Those that were told to differ."""

    def __call__(self, episode: Episode) -> Env[Any, Any, Any]:
        then = episode.environment
        try:
            env = make(self._spec, **{name: value for name, value in then.config.items() if value != _HIDDEN})
        except UnknownNameError as error:
            raise UnknownNameError(f"{error}; --environment names what to replay the run in") from None
        if env.version != then.version and then.version not in self._versions:
            self._versions.add(then.version)
            sys.stderr.write(f"recorded with version {then.version} of {then.id}, which is now {env.version}\n")
        return env


class _Found:
    """What replaying came to."""

    def __init__(self, info: RunInfo) -> None:
        self.counts = Counter[str]()
        self.broken = 0
        """How many broke now and had not when they were recorded."""
        self._kinds = Counter[str]()
        self._problems = Counter[str]()
        self._examples = dict[str, str]()
        self._first: list[JsonObject] = []
        self._recorded = Summary(planned=info.planned, trials=info.trials)
        self._rescored = Summary(planned=info.planned, trials=info.trials)

    def add(self, result: ReplayResult, *, rescored: BinaryIO | None) -> None:
        """Count a result, and keep its record where that is asked for."""
        self.counts[result.status] += 1
        self._recorded.add(EpisodeFacts.of(result.recorded))
        self._rescored.add(EpisodeFacts.of(result.rescored))
        if rescored is not None:
            rescored.write(result.rescored.to_json() + b"\n")
        self._kinds.update(found.what for found in result.discrepancies)
        if result.problem is not None:
            name = f"{result.problem.boundary} {result.problem.error}"
            self._problems[name] += 1
            self._examples.setdefault(name, result.problem.message)
            self.broken += bool(result.recorded.turns)
        if result.discrepancies and len(self._first) < _MOST_TOLD:
            self._first.append(_told(result.recorded, result.discrepancies[0]))

    def to_json(self) -> JsonObject:
        """All of it."""
        return {
            **self._counted(),
            "discrepancies": dict(sorted(self._kinds.items())),
            "not_replayable_because": dict(sorted(self._problems.items())),
            "examples": dict(sorted(self._examples.items())),
            "first": [*self._first],
            "recorded": _scores(self._recorded),
            "rescored": _scores(self._rescored),
        }

    def lines(self, *, rescore: bool) -> list[str]:
        """The same as text."""
        counted = self._counted()
        told = [", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counted.items())]
        told += [f"  {count} differ in their {kind}" for kind, count in sorted(self._kinds.items())]
        told += [f"  {count} x {name}: {self._examples[name]}" for name, count in sorted(self._problems.items())]
        for first in self._first:
            told += ["", f"{first['task_id']}, trial {first['trial']}: {first['what']}{_where(first)}"]
            told += [f"  {name:<10}{dump_json(first[name]).decode()[:_LONGEST]}" for name in ("recorded", "replayed")]
        if rescore:
            rows = [(name, *_figures(summary)) for name, summary in self._both()]
            told += ["", *align([("", "solved rate", "mean reward"), *rows], right=(1, 2))]
        return told

    def _counted(self) -> JsonObject:
        return {name: self.counts[name] for name in ("same", "different", "not_replayable")}

    def _both(self) -> tuple[tuple[str, Summary], ...]:
        return ("recorded", self._recorded), ("now", self._rescored)


def _told(episode: Episode, found: Discrepancy) -> JsonObject:
    return {
        "task_id": episode.task_id,
        "trial": episode.trial,
        "what": found.what,
        "turn": found.turn,
        "step": found.step,
        "recorded": found.recorded,
        "replayed": found.replayed,
    }


def _where(first: JsonObject) -> str:
    """Where in an episode, in words that count from one."""
    turn, step = first["turn"], first["step"]
    told = "" if not isinstance(turn, int) else f" of turn {turn + 1}"
    return f"{told}, step {step + 1}" if isinstance(step, int) else told


def _scores(summary: Summary) -> JsonObject:
    told = summary.to_json()
    return {name: told[name] for name in ("evaluable", "solved_rate", "mean_reward")}


def _figures(summary: Summary) -> Iterator[str]:
    for name in ("solved_rate", "mean_reward"):
        value = _scores(summary)[name]
        yield f"{value:.3f}" if isinstance(value, float) else "-"
