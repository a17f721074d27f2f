"""`agentgym code inject`: bugs put into solutions, each seen to do what its class says."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import anyio

from agentgym.cli.options import whole_number
from agentgym.cli.output import write
from agentgym.cli.settings import seed
from agentgym.errors import UsageError
from agentgym.jsontext import dump_json
from agentgym.runs import write_whole
from agentgym.sandbox.specs import make_sandbox
from environments.code_debug.cli.options import (
    add_problems,
    add_sandbox,
    chosen_problems,
    refuse_none,
    sandbox_spec,
)
from environments.programs.bugs.classes import BUG_CLASSES
from environments.programs.bugs.inject import Injected, inject
from environments.programs.observing import is_remote, observe_in
from environments.programs.problem import Problem


def configure(parser: argparse.ArgumentParser) -> None:
    """Into what, how many, and of which classes."""
    add_problems(parser)
    add = parser.add_argument
    add("--output", metavar="FILE", type=Path, help="where the bugs go, one a line as JSON (default: standard output)")
    add("--count", metavar="N", type=whole_number, default=100, help="the most bugs (default: 100)")
    add("--class", dest="classes", metavar="NAME", action="append", help=f"of which class: {', '.join(BUG_CLASSES)}")
    add("--seed", metavar="N", type=seed, default=0, help="equal seeds give equal bugs (default: 0)")
    add("--concurrency", metavar="N", type=whole_number, default=2, help="programs at a time (default: 2)")
    add_sandbox(parser, cpu_s=0.5)


def run(args: argparse.Namespace) -> int:
    """Inject and write; fewer bugs than asked for exit with 1."""
    spec = sandbox_spec(args)
    problems = refuse_none(list(chosen_problems(args, remote=is_remote(spec))), args)
    injected = anyio.run(_inject, spec, problems, args)
    lines = b"".join(dump_json(bug.model_dump(mode="json")) + b"\n" for bug in injected.bugs)
    if args.output is None:
        write(lines.decode().removesuffix("\n")) if lines else None
    else:
        _write(args.output, lines)
    for query_id, reason in injected.unfit.items():
        sys.stderr.write(f"{query_id}: left out: {reason}\n")
    counts = ", ".join(f"{count} x {name}" for name, count in injected.counts.items())
    sys.stderr.write(f"{len(injected.bugs)} of {args.count} bugs{': ' if counts else ''}{counts}\n")
    return int(len(injected.bugs) < args.count)


async def _inject(spec: str, problems: list[Problem], args: argparse.Namespace) -> Injected:
    async with make_sandbox(spec) as sandbox:
        return await inject(
            problems,
            observe=observe_in(sandbox, cpu_s=args.cpu_s),
            count=args.count,
            seed=args.seed,
            classes=args.classes or BUG_CLASSES,
            concurrency=args.concurrency,
        )


def _write(path: Path, lines: bytes) -> None:
    try:
        write_whole(path, lines)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
