"""`agentgym code judge`: programs graded by the cases of their problems."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import anyio

from agentgym.cli.options import whole_number
from agentgym.cli.output import write, write_json
from agentgym.errors import DataFileError
from agentgym.sandbox.contract import Allowance
from agentgym.sandbox.specs import make_sandbox
from environments.code_debug.cli.options import add_problems, add_sandbox, chosen_problems, sandbox_spec
from environments.programs.judge import CONCURRENCY, Verdict, judge_programs, problem_of
from environments.programs.observing import is_remote
from environments.programs.problem import Problem
from environments.programs.submissions import iterate_submissions

_FAULTS_TOLD = 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Which programs, and by which problems."""
    add = parser.add_argument
    add_problems(parser, "--problems")
    add(
        "--programs",
        metavar="FILE",
        type=Path,
        required=True,
        help="the programs, {query_id, code} each, as JSON, JSON Lines or parquet",
    )
    add("--memory-mb", metavar="N", type=whole_number, default=256, help="memory of a program (default: 256)")
    add("--concurrency", metavar="N", type=whole_number, default=CONCURRENCY, help="programs under way at a time")
    add("--json", action="store_true", help="print a line of JSON for each program: verdict, and status of each case")
    add_sandbox(parser, cpu_s=6.0)


def run(args: argparse.Namespace) -> int:
    """Judge and print, in the order of the programs; what is not evaluable exits with 1."""
    spec = sandbox_spec(args)
    problems = _problems_of(args, remote=is_remote(spec))
    told = _Told(as_json=args.json)
    anyio.run(partial(_judge, spec, problems, args, told))
    sys.stderr.write(f"{told.summary()}\n")
    return int(told.counts["not_evaluable"] > 0)


async def _judge(spec: str, problems: dict[str, Problem], args: argparse.Namespace, told: _Told) -> None:
    async with make_sandbox(spec) as sandbox:
        await judge_programs(
            problems,
            iterate_submissions(args.programs),
            sandbox=sandbox,
            on_verdict=told.tell,
            allowance=Allowance(cpu_s=args.cpu_s, memory_mb=args.memory_mb),
            concurrency=args.concurrency,
        )


def _problems_of(args: argparse.Namespace, *, remote: bool) -> dict[str, Problem]:
    """The problems that programs are there for; both files are looked through before anything is run."""
    wanted = {submission.query_id for submission in iterate_submissions(args.programs)}
    if not wanted:
        raise DataFileError(f"{args.programs}: holds no program; write one a line, as {{query_id, code}}")
    found = (problem for problem in chosen_problems(args, remote=remote) if problem.query_id in wanted)
    problems = {problem.query_id: problem for problem in found}
    if len(problems) < len(wanted):
        for submission in iterate_submissions(args.programs):
            problem_of(submission, problems)
    return problems


class _Told:
    """Prints verdicts as they come, and counts them."""

    def __init__(self, *, as_json: bool) -> None:
        self.counts = Counter[str]()
        self._as_json = as_json

    def tell(self, verdict: Verdict) -> None:
        """Print one."""
        self.counts[verdict.verdict] += 1
        if self._as_json:
            write_json(verdict.to_json())
        else:
            write(f"{verdict.query_id}  {verdict.verdict}  {verdict.passed} of {len(verdict.statuses)}")
        sys.stdout.flush()  # who reads it reads along
        if verdict.fault and self.counts["not_evaluable"] <= _FAULTS_TOLD:
            sys.stderr.write(f"{verdict.query_id}: not evaluable: {verdict.fault}\n")

    def summary(self) -> str:
        """All of them in one line."""
        return ", ".join(
            f"{self.counts[name]} {name.replace('_', ' ')}" for name in ("passed", "failed", "not_evaluable")
        )
