"""`agentgym resume RUN`: a run that was cut goes on where it was, and pays for no call twice."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio

from agentgym.baseline import read_baseline
from agentgym.cli.progress import progress
from agentgym.cli.running import build_policy, play, resume_hint
from agentgym.cli.scores import Score, write_scores
from agentgym.cli.settings import MODEL, PACE, add_settings, settle
from agentgym.errors import Interrupted, UnknownNameError, UsageError
from agentgym.policies.endpoint import without_query
from agentgym.policies.wishes import HIDDEN
from agentgym.policy import Policy
from agentgym.runner import RunResult
from agentgym.runs import RunInfo, read_info
from agentgym.suite import Suite, load_suite

SETTINGS = (*MODEL, *PACE)


def configure(parser: argparse.ArgumentParser) -> None:
    """Which run, and how fast."""
    parser.add_argument("run", metavar="RUN", type=Path, help="its directory")
    add_settings(parser, SETTINGS)
    parser.add_argument("--api-key", metavar="KEY", help="the endpoint's key (default: OPENAI_API_KEY)")
    parser.add_argument("--stream", action="store_true", help="have the model's answers streamed")
    parser.add_argument("--no-preflight", action="store_true", help="do not look at the endpoint first")
    parser.add_argument("--json", action="store_true", help="print the scores as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(args: argparse.Namespace) -> int:
    """Play what is missing and print the row; an episode that is not evaluable exits with 1."""
    settle(args, SETTINGS)
    info = read_info(args.run)
    suite, policy = _suite(info, args.run), _policy(info, args)
    result = anyio.run(partial(_play, suite, policy, info, args))
    idle = read_baseline(args.run)
    reward = idle["mean_reward"] if idle is not None else None
    assert isinstance(reward, float | None)
    score = Score(suite.id, policy.name, result.summary, run=str(args.run), idle_reward=reward)
    write_scores([score], seed=info.seed, as_json=args.json)
    if result.stopped is None:
        return int(result.summary["evaluable"] != result.summary["planned"])
    sys.stderr.write(f"{result.stopped}; {resume_hint(args.run, args, result.stopped)}\n")
    return 130 if isinstance(result.stopped, Interrupted) else 1


async def _play(suite: Suite, policy: Policy, info: RunInfo, args: argparse.Namespace) -> RunResult:
    with progress(quiet=args.quiet) as shown:
        return await play(
            suite,
            policy,
            args.run,
            args,
            shown,
            spec=info.policy.spec or "",
            seed=info.seed or 0,
            limit=info.limit,
            trials=info.trials,
        )


def _suite(info: RunInfo, folder: Path) -> Suite:
    if info.suite is None:
        raise UsageError(f"{folder} was begun by a program, which knows what it plays: run that program again")
    try:
        suite = load_suite(info.suite)
    except UnknownNameError as error:
        raise UsageError(f"{error}; where another command began {folder}, give that command again") from None
    return replace(suite, settings=info.environment.config, split=info.split)


def _policy(info: RunInfo, args: argparse.Namespace) -> Policy:
    spec, settings = info.policy.spec, info.policy.settings
    if spec is None:
        raise UsageError(f"{args.run} was begun by a program with a policy of its own: run that program again")
    if HIDDEN in str(settings):
        raise UsageError(f"{args.run} was begun with a secret in extra_body, which is not kept: run that program again")
    args.base_url = args.base_url or _address(info.policy.base_url)
    args.known_prices = info.policy.prices
    return build_policy(spec, args, **settings)


def _address(recorded: str | None) -> str | None:
    """Where the run was begun; a query, which may hold a key and is not kept, is that of the variable if it fits."""
    told = os.environ.get("OPENAI_BASE_URL", "")
    return told if recorded and without_query(told).rstrip("/") == recorded.rstrip("/") else recorded
