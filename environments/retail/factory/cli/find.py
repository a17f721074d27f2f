"""`agentgym tasks find FILE`: tasks by their ids, by what is wrong with them, or by how their tests went."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agentgym.cli.output import write, write_json
from agentgym.cli.transcript import printable
from agentgym.errors import UsageError
from environments.retail.factory.cli.options import add_data, check_data, chosen_data, names, world_of, writable
from environments.retail.factory.cli.reading import tasks_of

if TYPE_CHECKING:
    from environments.retail.factory.files import StoredTask
    from environments.retail.factory.filtering import Found


def configure(parser: argparse.ArgumentParser) -> None:
    """What is looked for."""
    add = parser.add_argument
    add("file", metavar="FILE", type=Path, help="tasks")
    add("--ids", metavar="A,B", type=names, help="the tasks of these ids")
    add("--code", metavar="CODE", type=names, help="those in which the checks find this; POLICY* for all of a kind")
    add("--failed", action="store_true", help="those that a test of --results did not solve")
    add("--results", metavar="FILE", type=Path, help="a test_results_*.json, whose rows are shown with the tasks")
    add("-o", "--output", metavar="FILE", type=Path, help="write the tasks that were found, as they stand in FILE")
    add("--json", action="store_true", help="print one JSON list")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Print them; 1 where there is none."""
    from environments.retail.factory.files import write_tasks

    check_data(args)
    if not (args.ids or args.code or args.failed):
        raise UsageError("say what is looked for: --ids A,B, --code CODE, or --failed with --results FILE")
    if args.failed and args.results is None:
        raise UsageError("--failed goes by results; name them with --results FILE")
    found = list(_found(args))
    if args.output is not None and found:
        with writable(args.output):
            write_tasks(args.output, (each.task.entry for each in found))
        sys.stderr.write(f"{args.output}\n")
    if args.json:
        write_json([each.to_json() for each in found])
    else:
        for each in found:
            _tell(each)
    sys.stderr.write(f"{len(found)} found\n")
    return int(not found)


def _found(args: argparse.Namespace) -> Iterable[Found]:
    """What fits all that is asked for."""
    from environments.retail.factory.analysis.results import read_results
    from environments.retail.factory.filtering import Found, by_id, failed_only, find_by_codes, find_by_ids

    tasks: list[StoredTask] = list(tasks_of(args.file).tasks)
    tasks = find_by_ids(tasks, args.ids) if args.ids else tasks
    results = by_id(read_results(args.results)) if args.results is not None else {}
    if args.failed:
        tasks = [each.task for each in failed_only(tasks, results)]
    found = find_by_codes(tasks, args.code, world_of(chosen_data(args))) if args.code else map(Found, tasks)
    return (Found(each.task, results.get(each.task.id, ()), each.entries) for each in found)


def _tell(found: Found) -> None:
    write(f"# {printable(found.task.id)}")
    write("\n".join(map(printable, json.dumps(found.task.entry, ensure_ascii=False, indent=2).split("\n"))))
    for row in found.results:
        solved = {True: "solved", False: "not solved", None: "not evaluable"}[row.success]
        write(printable(f"{solved}{f': {row.error}' if row.error else ''}"))
    for entry in found.entries:
        write(printable(f"{entry.level}: {entry}"))
