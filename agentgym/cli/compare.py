"""`agentgym compare RUN_A RUN_B`: how much better one run did than another, on the tasks that both played."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from agentgym.cli.output import align, write, write_json
from agentgym.cli.transcript import printable
from agentgym.comparison import Comparison, Contrast, compare
from agentgym.errors import UsageError
from agentgym.jsontext import dump_json
from agentgym.report import facts_of
from agentgym.runs import RunInfo, read_info

_MOST_NAMES = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Which two runs."""
    parser.add_argument("a", metavar="RUN_A", type=Path, help="the run to compare with")
    parser.add_argument("b", metavar="RUN_B", type=Path, help="the run that may be better, or worse")
    parser.add_argument("--force", action="store_true", help="compare runs of different suites or environments too")
    parser.add_argument("--json", action="store_true", help="print the comparison as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Compare and print; with no pair to compare it exits with 1."""
    a, b = read_info(args.a), read_info(args.b)
    _check_both_real(a, b, args)
    if not args.force:
        _check_alike(a, b)
    by_trial = a.seed == b.seed
    if not by_trial:
        sys.stderr.write("the seeds of the runs differ: the means of each task's trials are compared\n")
    found = compare(facts_of(args.a), facts_of(args.b), by_trial=by_trial)
    if found.changed:
        sys.stderr.write(f"{found.changed} tasks are not the same in both runs, though their ids are\n")
    if args.json:
        write_json({"a": str(args.a), "b": str(args.b), "comparison": found})
    else:
        write("\n".join(map(printable, _told(args, a, b, found))))
    return int(not found.pairs)


def _check_both_real(a: RunInfo, b: RunInfo, args: argparse.Namespace) -> None:
    """Only the reference plays a dry run, which no agent can be better or worse than."""
    if a.dry_run != b.dry_run:
        dry, other = (args.a, args.b) if a.dry_run else (args.b, args.a)
        raise UsageError(f"{dry} is a dry run, in which no agent played, and {other} is none; compare runs of agents")


def _check_alike(a: RunInfo, b: RunInfo) -> None:
    """Only what was asked of both can be compared."""
    asked = {
        "suite": (a.suite, b.suite),
        "environment": (a.environment.id, b.environment.id),
        "version of the environment": (a.environment.version, b.environment.version),
        "configuration of the environment": (a.environment.config, b.environment.config),
    }
    for name, (first, second) in asked.items():
        if first != second:
            told = " and ".join(dump_json(value).decode() for value in (first, second))
            raise UsageError(f"the {name} of the runs differs: {told}; compare them all the same with --force")


def _told(args: argparse.Namespace, a: RunInfo, b: RunInfo, found: Comparison) -> list[str]:
    contrasts = (("solved rate", found.solved_rate), ("mean reward", found.mean_reward))
    header = ("", "A", "B", "B - A", "95% interval")
    return [
        f"A  {args.a}  {_who(a)}",
        f"B  {args.b}  {_who(b)}",
        "",
        *align([header, *((name, *_numbers(contrast)) for name, contrast in contrasts)], right=range(1, 5)),
        "",
        f"{found.pairs} pairs of {found.tasks} tasks; left out: {found.not_evaluable} not evaluable, "
        f"{found.only_in_a} only in A, {found.only_in_b} only in B",
        f"better in A: {_names(found.lost)}",
        f"better in B: {_names(found.gained)}",
        f"so lopsided by chance: {found.sign_test:.3g} (sign test)",
    ]


def _who(info: RunInfo) -> str:
    return f"{info.suite or info.environment.id}, {info.policy.name}"


def _numbers(contrast: Contrast | None) -> tuple[str, ...]:
    if contrast is None:
        return ("-",) * 4
    change = contrast.difference
    return f"{contrast.a:.3f}", f"{contrast.b:.3f}", f"{change.mean:+.3f}", f"{change.low:+.3f} to {change.high:+.3f}"


def _names(tasks: Sequence[str]) -> str:
    more = f", and {len(tasks) - _MOST_NAMES} more" if len(tasks) > _MOST_NAMES else ""
    return f"{len(tasks)} tasks" + (f": {', '.join(tasks[:_MOST_NAMES])}{more}" if tasks else "")
