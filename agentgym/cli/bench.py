"""`agentgym bench [SUITE ...]`: suites played by policies, with the score of doing nothing beside every score."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import anyio

from agentgym.baseline import play_baseline
from agentgym.cli.output import write_json, write_table
from agentgym.cli.progress import Progress, progress
from agentgym.cli.running import build_policy, play, resume_hint
from agentgym.cli.scores import Score, write_scores
from agentgym.cli.settings import MODEL, PACE, WHAT, add_settings, settle
from agentgym.errors import (
    AgentGymError,
    Interrupted,
    RunFolderError,
    RunStopped,
    StoreError,
    UsageError,
)
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.policies.specs import AGENTFLOW, asks_a_model
from agentgym.policy import Policy
from agentgym.runs import INFO
from agentgym.suite import Suite, load_suite, suite_ids

SETTINGS = (*WHAT, *MODEL, *PACE)
OF_ENVIRONMENT = ("user", "data", "sandbox", "tool_config")
"""Settings with flags of their own that are the environment's."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Which suites, who plays them, and how much of them."""
    parser.add_argument(
        "suites",
        metavar="SUITE",
        nargs="*",
        help="a suite that --list names, an environment (its id, or FILE.py:CLASS), or all (default: all)",
    )
    add_settings(parser, SETTINGS)
    parser.add_argument("--api-key", metavar="KEY", help="the endpoint's key (default: OPENAI_API_KEY)")
    parser.add_argument("--stream", action="store_true", help="have the model's answers streamed")
    parser.add_argument(
        "--token-ids", action="store_true", help="ask for token ids and log-probabilities, to train on what is recorded"
    )
    parser.add_argument("--no-preflight", action="store_true", help="do not look at the endpoint first")
    parser.add_argument("--new", action="store_true", help="begin a run of its own, though the same one is there")
    parser.add_argument("--json", action="store_true", help="print the scores as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument("--list", action="store_true", help="list the suites and play none")


def run(args: argparse.Namespace) -> int:
    """Play and print; an episode that is not evaluable, or a suite asked for and skipped, exits with 1."""
    names = _names(args.suites)
    if args.list:
        return _list(names, as_json=args.json)
    settle(args, SETTINGS)
    specs = [*(args.policy or []), *([] if args.model is None else [f"openai:{args.model}"])]
    if args.role and not any(spec.startswith(f"{AGENTFLOW}:") for spec in specs):
        raise UsageError("--role is for an agent built of policies: give --policy agentflow:POLICY too")
    for spec in specs:
        build_policy(spec, args)  # finds wrong use before anything is played
    bench = Bench(names, specs, args)
    try:
        anyio.run(bench.play)
    except AgentGymError:
        if any(score.run for score in bench.scores):
            bench.tell()  # what was played before it
        raise
    return bench.tell()


class Bench:
    """All that one command plays."""

    def __init__(self, names: list[str], specs: list[str], args: argparse.Namespace) -> None:
        self.scores: list[Score] = []
        self._names = names
        self._specs = specs
        self._args = args
        self._stopped: RunStopped | None = None

    async def play(self) -> None:
        """Each suite with each policy, until the end or until somebody stops it."""
        with progress(quiet=self._args.quiet) as shown:
            for name in self._names:
                async for score in self._play_suite(name, shown):
                    self.scores.append(score)
                if isinstance(self._stopped, Interrupted):
                    return

    def tell(self) -> int:
        """Print the scores and give the exit code; where something is left to do, what to do is said."""
        write_scores(self.scores, seed=self._args.seed, as_json=self._args.json)
        if self._stopped is not None:
            left = [score.run for score in self.scores if score.run is not None and not _is_whole(score.summary)]
            told = "" if isinstance(self._stopped, Interrupted) else f"{self._stopped}; "
            for folder in left or [""]:
                what = resume_hint(folder, self._args, self._stopped) if folder else "stopped"
                sys.stderr.write(f"{told}{what}\n")
            return 130 if isinstance(self._stopped, Interrupted) else 1
        asked = bool(self._args.suites) and "all" not in self._args.suites
        if asked and any(score.problem for score in self.scores):
            return 1
        return int(any(not _is_whole(score.summary) for score in self.scores if not score.problem))

    async def _play_suite(self, name: str, shown: Progress) -> AsyncIterator[Score]:
        """A score per policy, the idle one first, or the one problem that keeps the suite from being played."""
        try:
            suite = _as_asked(load_suite(name), self._args)
            suite.first_tasks(self._args.limit)
            specs = list(dict.fromkeys(self._specs or suite.policies))
            idle = await play_baseline(suite, seed=self._args.seed, limit=self._args.limit, trials=self._args.trials)
        except AgentGymError as error:
            if len(self._names) == 1 and isinstance(error, UsageError):
                raise  # there is nothing else to play
            yield Score(name, problem=str(error))
            return
        reward = None if idle is None else idle["mean_reward"]
        assert isinstance(reward, float | None)
        if idle is not None and "idle" not in specs:
            yield Score(suite.id, "idle", idle, idle_reward=reward)
        for spec in specs:
            alone = len(self._names) * len(specs) == 1
            try:
                score = await self._play_policy(suite, spec, alone, idle, shown)
            except AgentGymError as error:
                if asks_a_model(spec) or isinstance(error, (RunFolderError, StoreError)):
                    raise  # what is wrong with an endpoint, or a disk, is wrong for all
                score = Score(suite.id, spec, problem=str(error))
            yield replace(score, idle_reward=reward)
            if isinstance(self._stopped, Interrupted):
                return

    async def _play_policy(
        self, suite: Suite, spec: str, alone: bool, idle: JsonObject | None, shown: Progress
    ) -> Score:
        args = self._args
        policy = build_policy(spec, args)
        folder = _folder(_Asked(suite, spec, policy), args, alone=alone)
        found = (folder / INFO).exists()
        what = {"seed": args.seed, "limit": args.limit, "trials": args.trials, "idle": idle}
        result = await play(suite, policy, folder, args, shown, spec=spec, **what)
        if found and not shown.played and result.stopped is None and not args.quiet:
            sys.stderr.write(f"{folder}: all episodes are there; --new plays it again\n")
        self._stopped = self._stopped or result.stopped
        return Score(suite.id, policy.name, result.summary, run=str(folder))


def _is_whole(summary: JsonObject) -> bool:
    """Whether all was played, and says something about the agent."""
    return bool(summary) and summary["evaluable"] == summary["planned"]


def _as_asked(suite: Suite, args: argparse.Namespace) -> Suite:
    """The suite with other settings of its environment, or another part of the tasks."""
    given = {name: getattr(args, name) for name in OF_ENVIRONMENT if getattr(args, name) is not None}
    return replace(suite, settings={**suite.settings, **dict(args.set or []), **given}, split=args.split or suite.split)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a run directory is named after."""

    suite: Suite
    spec: str
    policy: Policy


def _folder(asked: _Asked, args: argparse.Namespace, *, alone: bool) -> Path:
    """Where the run is kept: the same for the same question, so that asked again it goes on."""
    name = f"{_slug(asked.suite.id)}--{_slug(asked.spec)}"
    if args.out is not None:
        out: Path = args.out
        return _free(out if alone else out / name) if args.new else (out if alone else out / name)
    policy = asked.policy
    question = [
        *(asked.suite.id, asked.suite.settings, policy.name, asked.spec, policy.settings, policy.base_url),
        *(args.seed, args.limit, args.trials),
        *([] if args.split is None else [args.split]),
    ]
    folder = Path("runs") / f"{name}--{blake2b(dump_json(question), digest_size=4).hexdigest()}"
    return _free(folder) if args.new else folder


def _free(folder: Path) -> Path:
    names: Iterator[Path] = (folder.with_name(f"{folder.name}-{number}") for number in range(2, 10_000))
    return folder if not folder.exists() else next(name for name in names if not name.exists())


def _slug(text: str) -> str:
    """Letters, digits and dots of it: a name that is safe on every disk."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:60] or "x"


def _names(asked: list[str]) -> list[str]:
    if not asked or "all" in asked:
        return suite_ids()
    known = suite_ids()
    for name in asked:
        if name not in known:
            load_suite(name)  # an environment, or nothing: told before anything is played
    return list(dict.fromkeys(asked))


def _list(names: list[str], *, as_json: bool) -> int:
    rows = [_listed(name) for name in names]
    if as_json:
        write_json([dict(zip(("suite", "environment", "policies", "description"), row, strict=True)) for row in rows])
    else:
        write_table(("suite", "environment", "policies", "description"), rows)
    return 0


def _listed(name: str) -> tuple[str, str, str, str]:
    try:
        suite = load_suite(name)
    except AgentGymError as error:
        return name, "", "", f"not available: {error}"
    return name, suite.environment, " ".join(suite.policies), suite.description
