"""`agentgym tasks normalize FILE`: the arguments of calls in one form, without changing what they say."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from agentgym.cli.output import write, write_json
from agentgym.cli.transcript import printable
from environments.retail.factory.cli.options import add_data, check_data, writable
from environments.retail.factory.cli.reading import tasks_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Which tasks."""
    add = parser.add_argument
    add("file", metavar="FILE", type=Path, help="tasks in any form")
    add("-o", "--output", metavar="FILE", type=Path, help="what to write (default: nothing but the changes are shown)")
    add("--drop-unknown", action="store_true", help="leave out arguments that the tool does not take")
    add("--json", action="store_true", help="print the changes as one JSON object")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Print the changes, and write the tasks; 1 where an entry is no task."""
    from environments.retail.factory.files import write_tasks
    from environments.retail.factory.normalising import normalise_entry

    check_data(args)
    read = tasks_of(args.file)
    done = [normalise_entry(task, drop_unknown=args.drop_unknown) for task in read.tasks]
    changes = [(task.id, change) for task, (_, found) in zip(read.tasks, done, strict=True) for change in found]
    if args.output is not None:
        with writable(args.output):
            write_tasks(args.output, (entry for entry, _ in done))
    rules = Counter(change.rule for _, change in changes)
    if args.json:
        listed = [{"task_id": task_id, **change.to_json()} for task_id, change in changes]
        write_json({"tasks": len(done), "changes": listed, "rules": dict(rules.most_common())})
    else:
        for task_id, change in changes:
            write(printable(f"{task_id}: {change}"))
    told = ", ".join(f"{count} x {rule}" for rule, count in rules.most_common()) or "nothing to change"
    sys.stderr.write(f"{len(done)} tasks: {told}\n")
    if args.output is not None:
        sys.stderr.write(f"{args.output}\n")
    return int(bool(read.left_out))
