"""`agentgym bench [SUITE ...]`: suites played by policies, with the score of doing nothing beside every score."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from functools import partial

import anyio

from agentgym.cli.options import whole_number
from agentgym.cli.output import write_json, write_table
from agentgym.cli.progress import Progress, progress
from agentgym.cli.scores import Score, write_scores
from agentgym.errors import AgentGymError, UnknownNameError, UsageError, did_you_mean
from agentgym.policies.specs import make_policy
from agentgym.suite import Suite, load_suite, play_suite, suite_ids


def configure(parser: argparse.ArgumentParser) -> None:
    """Which suites, who plays them, and how much of them."""
    add = parser.add_argument
    add("suites", metavar="SUITE", nargs="*", help="a suite that --list names, or all (default: all)")
    add("--policy", metavar="SPEC", action="append", default=[], help="who plays (default: those of the suite)")
    add("--base-url", metavar="URL", help="the endpoint of a model, where it is not the usual one")
    add("--limit", metavar="N", type=whole_number, help="only the first N tasks of each suite")
    add("--trials", metavar="N", type=whole_number, help="how often each task is played (default: as the suite says)")
    add("--concurrency", metavar="N", type=whole_number, default=64, help="episodes at a time (default: 64)")
    add("--seed", metavar="N", type=int, default=0, help="what all chance comes from (default: 0)")
    add("--json", action="store_true", help="print the scores as one JSON object")
    add("--quiet", action="store_true", help="show no progress")
    add("--list", action="store_true", help="list the suites and play none")


def run(args: argparse.Namespace) -> int:
    """Play and print; an episode that is not evaluable, or a suite asked for and skipped, exits with 1."""
    names = _names(args.suites)
    if args.list:
        return _list(names, as_json=args.json)
    _check_policies(args.policy, args.base_url)
    scores = anyio.run(partial(_play_all, names, args))
    write_scores(scores, seed=args.seed, as_json=args.json)
    skipped = bool(args.suites) and "all" not in args.suites and any(score.problem for score in scores)
    return int(skipped or any(score.tally.outcomes["not_evaluable"] for score in scores))


def _names(asked: list[str]) -> list[str]:
    if not asked or "all" in asked:
        asked = suite_ids()
    known = suite_ids()
    for name in asked:
        if name not in known:
            raise UnknownNameError(f"no suite {name!r}; {did_you_mean(name, known)}")
    return list(dict.fromkeys(asked))


def _check_policies(specs: Iterable[str], base_url: str | None) -> None:
    """Find wrong use before anything is played."""
    for spec in specs:
        make_policy(spec, base_url=base_url)
        if spec == "human":
            raise UsageError("a person plays one episode at a time: agentgym play ENV --policy human")


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


async def _play_all(names: list[str], args: argparse.Namespace) -> list[Score]:
    with progress(quiet=args.quiet) as shown:
        return [score for name in names async for score in _play_named(name, args, shown)]


async def _play_named(name: str, args: argparse.Namespace, shown: Progress) -> AsyncIterator[Score]:
    """A score per policy, the idle one first, or the one problem that keeps the suite from being played."""
    try:
        suite = load_suite(name)
        suite.tasks()
    except AgentGymError as error:
        yield Score(name, problem=str(error))
        return
    for spec in dict.fromkeys(("idle", *(args.policy or suite.policies))):
        yield await _play(suite, spec, args, shown)


async def _play(suite: Suite, spec: str, args: argparse.Namespace, shown: Progress) -> Score:
    label = f"{suite.id} / {spec}"
    try:
        async with aclosing(make_policy(spec, base_url=args.base_url)) as policy:
            tally = await play_suite(
                suite,
                policy,
                seed=args.seed,
                limit=args.limit,
                trials=args.trials,
                concurrency=args.concurrency,
                on_episode=shown.begin(label),
            )
    except AgentGymError as error:
        return Score(suite.id, spec, problem=str(error))
    shown.end(label, tally)
    return Score(suite.id, spec, tally)
