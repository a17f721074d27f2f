"""`agentgym show RUN [TASK]`: episodes of a run, as transcripts or as their records."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import orjson

from agentgym.cli.options import whole_number
from agentgym.cli.output import write
from agentgym.cli.transcript import printable, transcript
from agentgym.errors import UnknownNameError, did_you_mean
from agentgym.runs import episode_lines, key_of, read_episode, read_info

_FIRST = 10
_MANY = 20
"""Names that one line may list."""
_RULE = "-" * 72


def configure(parser: argparse.ArgumentParser) -> None:
    """Which episodes, and how many of them."""
    add = parser.add_argument
    add("run", metavar="RUN", type=Path, help="a run directory")
    add("task", metavar="TASK", nargs="?", help="only episodes of this task")
    add("--trial", metavar="N", type=int, help="only this trial (the first is 0)")
    add("--failed", action="store_true", help="only episodes that were not solved")
    add("--limit", metavar="N", type=whole_number, help=f"at most so many (default: {_FIRST}, or all of a task)")
    add("--json", action="store_true", help="print the records, one line of JSON each")


def run(args: argparse.Namespace) -> int:
    """Print them in the order in which they ended."""
    read_info(args.run)
    limit = args.limit or (_FIRST if args.task is None else None)
    wanted = _wanted(args)
    shown = 0
    for shown, line in enumerate(islice(wanted, limit), 1):
        if args.json:
            write(line.decode().rstrip("\n"))
        else:
            write(("" if shown == 1 else f"\n{_RULE}\n\n") + transcript(read_episode(line, args.run)))
    if not shown:
        return _explain_nothing(args)
    if next(wanted, None) is not None:
        sys.stderr.write(f"these are the first {shown}; more with --limit N, or one with: agentgym show RUN TASK\n")
    return 0


def _wanted(args: argparse.Namespace) -> Iterator[bytes]:
    for line in episode_lines(args.run):
        task_id, trial, outcome = _which(line)
        if args.task in (None, task_id) and args.trial in (None, trial) and not (args.failed and outcome == "solved"):
            yield line


def _which(line: bytes) -> tuple[str, int, str]:
    key, outcome = key_of(line)
    task_id, trial = orjson.loads(key)
    return task_id, trial, outcome


def _explain_nothing(args: argparse.Namespace) -> int:
    """Say why there is nothing to show; a task or trial that never was is wrong use."""
    trials: dict[str, list[int]] = {}
    for line in episode_lines(args.run):
        task_id, trial, _ = _which(line)
        trials.setdefault(task_id, []).append(trial)
    if args.task is not None and args.task not in trials and trials:
        raise UnknownNameError(printable(f"{args.run} holds no task {args.task!r}; {_told(args.task, list(trials))}"))
    there = {trial for task_id in ([args.task] if args.task in trials else trials) for trial in trials[task_id]}
    if args.trial is not None and args.trial not in there and there:
        listed = ", ".join(map(str, sorted(there)[:_MANY]))
        raise UnknownNameError(f"there is no trial {args.trial}; there are: {listed}")
    sys.stderr.write("no episode that was not solved\n" if trials else f"{args.run} holds no episode yet\n")
    return 0


def _told(name: str, known: list[str]) -> str:
    told = did_you_mean(name, known)
    if told.startswith("there are") and len(known) > _MANY:
        return f"there are {len(known)}, such as: {', '.join(known[:_MANY])}"
    return told
