"""What the verbs of `agentgym train` take in common: where the data is, and what of it is learnt from."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import get_args

from agentgym.episode import Outcome
from trainers.dataset.wanted import Wanted

_OUTCOMES = tuple(outcome for outcome in get_args(Outcome) if outcome != "not_evaluable")


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Let a command choose among rollouts."""
    add = parser.add_argument
    add("--outcome", choices=_OUTCOMES, action="append", help="only episodes that ended so; may be repeated")
    add("--min-reward", metavar="R", type=finite, help="only episodes with at least this reward")
    add("--max-reward", metavar="R", type=finite, help="only episodes with at most this reward")
    add("--suite", metavar="NAME", action="append", help="only runs of this suite; may be repeated")
    told = "only what this part of an agent said trains, such as planner; may be repeated"
    add("--role", metavar="NAME", action="append", help=told)


def add_tokenizer(parser: argparse.ArgumentParser) -> None:
    """Let a command tokenise what no engine told the tokens of."""
    told = "a checkpoint's folder; tokenises replies of which no engine told the token ids"
    parser.add_argument("--tokenizer", metavar="DIR", type=Path, help=told)


def wanted(args: argparse.Namespace) -> Wanted:
    """What was chosen."""
    return Wanted(
        outcomes=frozenset(args.outcome) if args.outcome else None,
        suites=frozenset(args.suite) if args.suite else None,
        min_reward=args.min_reward,
        max_reward=args.max_reward,
        roles=frozenset(args.role) if args.role else None,
    )


def finite(text: str) -> float:
    """Read a number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value
