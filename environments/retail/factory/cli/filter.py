"""`agentgym tasks filter`: the tasks that were solved in one file, the others in another."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from agentgym.cli.output import write, write_json
from environments.retail.factory.cli.options import add_data, check_data, writable
from environments.retail.factory.cli.reading import tasks_of

SUCCESSFUL, FAILED, SUMMARY = "successful_tasks.json", "failed_tasks.json", "filtering_summary.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Which tasks, and by which results."""
    add = parser.add_argument
    add("--tasks", metavar="FILE", type=Path, required=True, help="the tasks")
    add("--results", metavar="FILE", type=Path, help="a test_results_*.json (default: as the tasks' envelopes say)")
    add("--output-dir", metavar="DIR", type=Path, default=Path("results"), help="where to write (default: results)")
    add("--json", action="store_true", help="print the summary as one JSON object")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Write them; 1 where none was solved, or an entry is no task."""
    from environments.retail.factory.analysis.results import read_results
    from environments.retail.factory.files import write_tasks
    from environments.retail.factory.filtering import part

    check_data(args)
    read = tasks_of(args.tasks)
    parted = part(read.tasks, None if args.results is None else read_results(args.results))
    files = {SUCCESSFUL: parted.successful, FAILED: parted.failed}
    summary = {
        "tasks_file": str(args.tasks),
        "results_file": None if args.results is None else str(args.results),
        **parted.summary(),
        "left_out": read.left_out,
        "files": [str(args.output_dir / name) for name in files],
    }
    with writable(args.output_dir / SUMMARY):
        for name, tasks in files.items():
            write_tasks(args.output_dir / name, (task.entry for task in tasks))
        (args.output_dir / SUMMARY).write_text(
            json.dumps(summary, ensure_ascii=False, indent=2) + "\n", "utf-8", "replace"
        )
    if args.json:
        write_json(summary)
    else:
        for name, tasks in files.items():
            write(f"{args.output_dir / name}: {len(tasks)} tasks")
        left = {"not evaluable": parted.not_evaluable, "not tested": parted.untested}
        write("; ".join(f"{len(tasks)} {name}" for name, tasks in left.items()) + f"; {args.output_dir / SUMMARY}")
    return int(not parted.successful or bool(read.left_out))
