"""Records what a teacher says: python -m benchmarks.learning.record SUITE --out RUN [--noise SHARE]."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio

from agentgym.cli.options import setting, whole_number
from agentgym.cli.output import write
from agentgym.errors import AgentGymError
from agentgym.runner import run
from agentgym.suite import load_suite
from benchmarks.learning.teachers import SAYS, Teacher


def main(argv: Sequence[str] | None = None) -> int:
    """Play the suite with the teacher, into a run directory."""
    parser = argparse.ArgumentParser(prog="benchmarks.learning.record", description=__doc__)
    add = parser.add_argument
    add("suite", metavar="SUITE", choices=SAYS, help=", ".join(SAYS))
    add("--out", metavar="RUN", type=Path, required=True, help="the run directory")
    add("--noise", metavar="SHARE", type=float, default=0.0, help="of the episodes with a mistake (default: 0)")
    add("--split", metavar="NAME", help="which part of the tasks")
    add("--set", metavar="KEY=VALUE", type=setting, action="append", default=[], help="a setting of the environment")
    add("--trials", metavar="N", type=whole_number, help="how often each task is played")
    add("--seed", metavar="N", type=int, default=0)
    args = parser.parse_args(argv)
    try:
        suite = load_suite(args.suite)
        suite = replace(suite, settings={**suite.settings, **dict(args.set)}, split=args.split)
        teacher = Teacher(args.suite, noise=args.noise)
        result = anyio.run(lambda: run(suite, teacher, args.out, seed=args.seed, trials=args.trials))
    except AgentGymError as error:
        sys.stderr.write(f"record: {error}\n")
        return 2
    summary = result.summary
    write(f"{args.out}: {summary['episodes']} episodes, mean reward {summary['mean_reward']:.3f}")
    return int(summary["evaluable"] != summary["planned"])


if __name__ == "__main__":
    sys.exit(main())
