"""`agentgym check ENV`: proof, by playing it, that an environment keeps its contract."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from functools import partial
from pathlib import Path

import anyio

from agentgym.cli.options import add_environment, make_env, tasks_from
from agentgym.cli.output import write, write_json
from agentgym.testing.check import check_env


def configure(parser: argparse.ArgumentParser) -> None:
    """Which environment, on which tasks."""
    add_environment(parser)
    parser.add_argument("--tasks", metavar="FILE", type=Path, help="check it on the tasks of this JSONL file")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the report; a broken contract exits with 1."""
    tasks = tasks_from(args.tasks, make_env(args))
    report = anyio.run(partial(check_env, partial(make_env, args), tasks=tasks))
    if args.json:
        write_json({"ok": report.ok, **asdict(report)})
    else:
        write(str(report))
    return int(not report.ok)
