"""What the commands about programs share: which problems, and where programs run."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from agentgym.cli.options import whole_number
from agentgym.errors import UsageError
from environments.programs.library import bundled_problems
from environments.programs.problem import Problem
from environments.programs.readers import Chosen, iterate_problems

VARIABLE = "AGENTGYM_SANDBOX"


def add_problems(parser: argparse.ArgumentParser, flag: str = "--input") -> None:
    """Let a command take problems: the bundled ones, or those of a file, and which of them."""
    add = parser.add_argument
    add(
        flag,
        dest="problems",
        metavar="FILE",
        type=Path,
        help="problems as JSON, JSON Lines or parquet, also rows of LiveCodeBench (default: the bundled ones)",
    )
    add("--topic", metavar="NAME", help="only the problems of this topic")
    add("--difficulty", metavar="NAME", action="append", default=[], help="only these; may be repeated")
    add("--since", metavar="DATE", type=_day, help="only problems of contests from this day on")
    add("--until", metavar="DATE", type=_day, help="only problems of contests up to this day")
    add("--limit", metavar="N", type=whole_number, help="only the first N problems")


def add_sandbox(parser: argparse.ArgumentParser, *, cpu_s: float) -> None:
    """Let a command take a sandbox, and what a program may take in it."""
    parser.add_argument(
        "--sandbox", metavar="SPEC", help=f"where programs run (default: {VARIABLE}, or local): local, fusion:URL, ..."
    )
    parser.add_argument(
        "--cpu-s",
        metavar="S",
        type=_seconds,
        default=cpu_s,
        help=f"CPU seconds of a program on each case (default: {cpu_s:g})",
    )


def sandbox_spec(args: argparse.Namespace) -> str:
    """Flag, then environment variable, then the default."""
    return args.sandbox or os.environ.get(VARIABLE) or "local"


def chosen_problems(args: argparse.Namespace, *, remote: bool = True) -> Iterator[Problem]:
    """The problems that were asked for, one at a time; `remote=False` refuses those that ask for another sandbox."""
    left = args.limit
    for problem in _all_problems(args, remote):
        if args.topic is not None and problem.topic != args.topic:
            continue
        if left == 0:
            return
        left = None if left is None else left - 1
        yield problem


def _all_problems(args: argparse.Namespace, remote: bool) -> Iterator[Problem]:
    chosen = Chosen(since=args.since, until=args.until, difficulties=tuple(args.difficulty))
    if args.problems is not None:
        yield from iterate_problems(args.problems, chosen=chosen, remote=remote)
        return
    yield from (problem for problem in bundled_problems(args.topic) if chosen.wants(problem))


def refuse_none(problems: list[Problem], args: argparse.Namespace) -> list[Problem]:
    """The problems, of which there must be some."""
    if not problems:
        where = "the bundled problems" if args.problems is None else args.problems
        raise UsageError(f"{where}: no problem is wanted; widen --topic, --difficulty, --since or --until")
    return problems


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2025-01-31") from None


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value
