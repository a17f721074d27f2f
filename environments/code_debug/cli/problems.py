"""`agentgym code problems`: what problems there are."""

from __future__ import annotations

import argparse
from collections import Counter

from agentgym.cli.output import write, write_json, write_table
from environments.code_debug.cli.options import add_problems, chosen_problems, refuse_none
from environments.programs.problem import Problem


def configure(parser: argparse.ArgumentParser) -> None:
    """Which problems, and what of them."""
    add_problems(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--count", action="store_true", help="print how many there are")
    what.add_argument("--by-topic", action="store_true", help="print how many there are of each topic")
    parser.add_argument("--json", action="store_true", help="print each as one line of JSON, which every command reads")


def run(args: argparse.Namespace) -> int:
    """Print them."""
    if args.count:
        count = sum(1 for _ in chosen_problems(args))
        write_json({"count": count}) if args.json else write(str(count))
    elif args.by_topic:
        _by_topic(Counter(problem.topic for problem in chosen_problems(args)), as_json=args.json)
    elif args.json:
        for problem in chosen_problems(args):
            write_json(problem.model_dump(mode="json"))
    else:
        write_table(
            HEADER, [_row(problem) for problem in refuse_none(list(chosen_problems(args)), args)], right=NUMBERS
        )
    return 0


NUMBERS = ("visible", "hidden")
HEADER = ("problem", "topic", "difficulty", "kind", *NUMBERS)


def _row(problem: Problem) -> tuple[str, ...]:
    kind = "program" if problem.fn_name is None else f"function {problem.fn_name}"
    counts = (str(len(problem.visible)), str(len(problem.hidden)))
    return (problem.query_id, problem.topic or "-", problem.difficulty or "-", kind, *counts)


def _by_topic(topics: Counter[str], *, as_json: bool) -> None:
    if as_json:
        write_json(dict(topics))
        return
    rows = [(topic or "-", str(count)) for topic, count in topics.items()]
    write_table(("topic", "problems"), [*rows, ("all", str(topics.total()))], right=("problems",))
