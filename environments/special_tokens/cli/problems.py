"""`agentgym tokens problems`: what data is made from."""

from __future__ import annotations

import argparse
from collections import Counter

from agentgym.cli.output import write, write_json, write_table
from environments.special_tokens.cli.options import add_problems


def configure(parser: argparse.ArgumentParser) -> None:
    """Which problems, and what of them."""
    add_problems(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--count", action="store_true", help="print how many there are")
    what.add_argument("--by-topic", action="store_true", help="print how many there are of each topic")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print them."""
    from environments.programs.library import bundled_problems
    from environments.programs.readers import read_problems

    problems = bundled_problems() if args.problems is None else read_problems(args.problems)
    if args.count:
        write_json({"count": len(problems)}) if args.json else write(str(len(problems)))
    elif args.by_topic:
        topics = Counter(problem.topic or "-" for problem in problems)
        rows = [(topic, str(count)) for topic, count in topics.items()]
        table = [*rows, ("all", str(topics.total()))]
        write_json(dict(topics)) if args.json else write_table(("topic", "problems"), table, right=("problems",))
    elif args.json:
        write_json([{"problem": problem.query_id, "topic": problem.topic} for problem in problems])
    else:
        write_table(("problem", "topic"), [(problem.query_id, problem.topic or "-") for problem in problems])
    return 0
