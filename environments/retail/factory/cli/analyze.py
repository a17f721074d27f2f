"""`agentgym tasks analyze`: what tasks ask for, what they refer to, and how their tests went."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agentgym.cli.output import write, write_json, write_table
from agentgym.cli.transcript import printable
from agentgym.messages import JsonObject
from environments.retail.factory.cli.options import add_data, check_data, chosen_data, world_of, writable
from environments.retail.factory.cli.reading import Read, tasks_of

_ROWS = 10
"""So many groups of a kind are printed; the JSON has all."""


def configure(parser: argparse.ArgumentParser) -> None:
    """What of them."""
    kinds = parser.add_subparsers(metavar="WHAT", dest="what", required=True)
    stats = _kind(kinds, "stats", "what tasks ask for, by the calls of their references")
    stats.add_argument("file", metavar="FILE", type=Path, help="tasks")
    stats.add_argument(
        "--results", metavar="FILE", type=Path, help="results of their tests (default: as the file says)"
    )
    references = _kind(kinds, "references", "whether the ids that tasks name are there, and belong together")
    references.add_argument("file", metavar="FILE", type=Path, help="tasks")
    for name, told in (("successes", "what solved tasks have in common"), ("failures", "what the others have")):
        kind = _kind(kinds, name, told)
        kind.add_argument("--results", metavar="FILE", type=Path, required=True, help="a test_results_*.json")
        kind.add_argument("--tasks", metavar="FILE", type=Path, required=True, help="the tasks that were tested")


def run(args: argparse.Namespace) -> int:
    """Print and write the report; 1 where an entry of a file is no task."""
    check_data(args)
    read, report = _REPORTS[args.what](args)
    if args.output is not None:
        with writable(args.output):
            args.output.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", "utf-8", "replace")
        sys.stderr.write(f"{args.output}\n")
    if args.json:
        write_json(report)
    elif args.what == "references":
        _tell_references(report)
    else:
        _tell_groups(report)
    return int(bool(read.left_out))


def _kind(kinds: Any, name: str, told: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = kinds.add_parser(name, help=told, description=told)
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write the report as JSON")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    add_data(parser)
    return parser


def _stats(args: argparse.Namespace) -> tuple[Read, JsonObject]:
    from environments.retail.factory.analysis.results import as_told, join, read_results
    from environments.retail.factory.analysis.stats import stats

    read = tasks_of(args.file)
    tested = as_told(read.tasks) if args.results is None else join(read.pairs, read_results(args.results))
    return read, stats(tested)


def _references(args: argparse.Namespace) -> tuple[Read, JsonObject]:
    from environments.retail.factory.analysis.references import references

    db = world_of(chosen_data(args))
    read = tasks_of(args.file)
    return read, references(read.pairs, db)


def _outcomes(args: argparse.Namespace) -> tuple[Read, JsonObject]:
    from environments.retail.factory.analysis.results import join, read_results
    from environments.retail.factory.analysis.stats import outcomes

    read = tasks_of(args.tasks)
    return read, outcomes(join(read.pairs, read_results(args.results)), args.what)


_REPORTS: dict[str, Callable[[argparse.Namespace], tuple[Read, JsonObject]]] = {
    "stats": _stats,
    "references": _references,
    "successes": _outcomes,
    "failures": _outcomes,
}


def _tell_references(report: Any) -> None:
    rows = [(name, *_counts(kind)) for name, kind in report["details"].items()]
    write_table(
        ("reference", "total", "valid", "invalid", "valid %"), rows, right=("total", "valid", "invalid", "valid %")
    )
    for name, kind in report["details"].items():
        for sample in kind["invalid_samples"]:
            write(printable(f"{name}: {json.dumps(sample, ensure_ascii=False)}"))


def _counts(kind: Any) -> tuple[str, ...]:
    return (*(str(kind[name]) for name in ("total", "valid", "invalid")), f"{kind['valid_ratio']:.2f}")


def _tell_groups(report: Any) -> None:
    for name, value in report.items():
        if isinstance(value, (int, float)):
            write(f"{name}: {value:.2f}" if isinstance(value, float) else f"{name}: {value}")
    for name in ("by_action_count", "by_read_write", "by_action_sequence"):
        _tell_table(name, report[name])
    tops = [(top["action"], str(top["count"]), f"{top['share']:.2f}") for top in report["top_actions"]]
    _table("top_actions", tops, ("count", "share"))
    for name in ("missing_actions", "unexpected_actions", "errors"):
        _table(name, [(printable(key), str(count)) for key, count in report.get(name, {}).items()], ("count",))
    if report.get("task_ids"):
        write(printable(f"\ntask_ids: {' '.join(report['task_ids'])}"))


def _tell_table(name: str, groups: Any) -> None:
    columns = ("total", "success_count", "success_rate", "exact_match_count", "exact_match_rate")
    _table(
        name,
        [(kind or "none", *(_figure(held[column]) for column in columns)) for kind, held in groups.items()],
        columns,
    )


def _table(name: str, rows: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
    if rows:
        write("")
        write_table((name, *columns), rows[:_ROWS], right=columns)
    if len(rows) > _ROWS:
        write(f"and {len(rows) - _ROWS} more: --json has all")


def _figure(value: object) -> str:
    return "-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)
