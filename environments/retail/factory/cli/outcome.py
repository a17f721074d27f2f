"""What is told at the end, when tasks were made."""

from __future__ import annotations

import argparse
import sys

from agentgym.cli.output import write, write_table
from agentgym.errors import RunStopped
from environments.retail.factory.statistics import Statistics

_USED = ("calls", "prompt_tokens", "completion_tokens")


def tell_outcome(statistics: Statistics, args: argparse.Namespace, stopped: RunStopped | None) -> None:
    """The statistics as tables, and where they are written."""
    from environments.retail.factory.partial import report_path

    told = statistics.to_json()
    counts, reasons = told.pop("scenario_counts"), told.pop("failure_reasons")
    usage, _ = told.pop("usage"), told.pop("config")
    write_table(("figure", "value"), [(name, _text(value)) for name, value in told.items()], right=("value",))
    for name, held in (("scenario", counts), ("failure", reasons)):
        if isinstance(held, dict) and held:
            write("")
            write_table((name, "tasks"), [(key, str(value)) for key, value in held.items()], right=("tasks",))
    if isinstance(usage, dict) and usage:
        write("")
        rows = [(role, *(str(held[key]) for key in _USED)) for role, held in usage.items() if isinstance(held, dict)]
        write_table(("role", *_USED), rows, right=_USED)
    write("")
    made = f"{statistics.successful} of {args.num_tasks} tasks"
    write(f"{args.output}: {made}; how they were made is told in {report_path(args.output)}")
    if stopped is not None:
        sys.stderr.write(f"stopped: {stopped}; the same command with --resume goes on with what is written\n")


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {held}" for key, held in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)
