"""`agentgym tasks compare`: tasks that a model writes directly beside those that an agent plans."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import redirect_stdout
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agentgym.cli.options import whole_number
from agentgym.cli.output import write, write_json, write_table
from agentgym.cli.settings import seed
from agentgym.errors import UsageError
from environments.retail.factory.cli.options import (
    add_data,
    add_model,
    chosen_data,
    committee_size,
    names,
    world_of,
    writable,
)

FOLDER = Path("generated_tasks")
_TOLD = (
    *("count", "format_valid_fraction", "user_id_consistent_fraction", "avg_actions", "median_actions"),
    *("avg_outputs", "validator_valid_count", "executable_fraction"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """How many tasks, where they lie, and who writes them where they are not there."""
    add = parser.add_argument
    add("--num-tasks", metavar="N", type=whole_number, default=10, help="how many of each (default: 10)")
    for flag, name in (("--direct-out", "test_direct.json"), ("--agent-out", "test_agentflow.json")):
        add(flag, metavar="FILE", type=Path, default=FOLDER / name, help=f"(default: {FOLDER / name})")
    add("--agentflow-turns", metavar="N", type=whole_number, default=5, help="of the agent (default: 5)")
    add("--force-generate", action="store_true", help="make the tasks anew, though the files are there")
    add("--output-dir", metavar="DIR", type=Path, help="of the report (default: where --direct-out lies)")
    add("--json", action="store_true", help="print the report as one JSON object")
    add("--max-iterations", metavar="N", type=whole_number, default=3, help="candidates of one task (default: 3)")
    add("--committee-size", metavar="N", type=committee_size, default=3, help="reviewers, 0 for none (default: 3)")
    add("--reviewer-models", metavar="LIST", type=names, default=(), help="who reviews (default: the heuristic)")
    add("--role", metavar="ROLE=SPEC", action="append", default=[], help="who plays a part of the agent")
    add("--concurrency", metavar="N", type=whole_number, help="tasks in the making at a time (default: 2)")
    add("--seed", metavar="N", type=seed, default=0, help="what all chance comes from (default: 0)")
    add_data(parser)
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Make what is missing, write the report, and print it; 1 where a maker made nothing that holds."""
    from environments.retail.factory.compare import comparison

    if args.direct_out.absolute() == args.agent_out.absolute():
        raise UsageError("--direct-out and --agent-out are the same file; name two")
    args.data = chosen_data(args)
    for path, agentflow in ((args.direct_out, False), (args.agent_out, True)):
        if args.force_generate or not path.exists():
            code = _generate(args, path, agentflow=agentflow)
            if code not in (0, 1):
                return code
        else:
            sys.stderr.write(f"{path} is there, and is taken as it is; --force-generate makes it anew\n")
    report = comparison(args.direct_out, args.agent_out, world_of(args.data), num_tasks=args.num_tasks)
    path = _report_path(args.output_dir or args.direct_out.parent)
    with writable(path):
        path.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", "utf-8", "replace")
    if args.json:
        write_json(report)
    else:
        _tell(report)
        write(f"\n{path}")
    summaries: Any = (report["direct_summary"], report["agent_summary"])
    return int(any(not summary["validator_valid_count"] for summary in summaries))


def _generate(args: argparse.Namespace, path: Path, *, agentflow: bool) -> int:
    """Make the tasks of one file, as `agentgym tasks generate` does; what it prints is progress here."""
    from environments.retail.factory.cli import generate

    if args.model is None:
        raise UsageError(f"{path} is not there, and nobody is named who writes it; name a model with --model")
    asked = argparse.ArgumentParser()
    generate.configure(asked)
    shared = {name: value for name, value in vars(args).items() if name not in ("model", "output_dir", "json")}
    given = {"output": path, "agentflow": agentflow, "resume": not args.force_generate, "generator": None}
    if not agentflow:
        given["role"] = []
    defaults = vars(asked.parse_args([]))
    merged = {**defaults, **shared, **given, "model": args.model}
    sys.stderr.write(f"{path}: {'agentflow' if agentflow else 'direct'}\n")
    with redirect_stdout(sys.stderr):
        return generate.run(argparse.Namespace(**merged))


def _report_path(folder: Path) -> Path:
    """A name with the time now, or with the next second that none has yet."""
    moment = datetime.now()
    while (path := folder / f"comparison_report_{moment:%Y%m%d_%H%M%S}.json").exists():
        moment += timedelta(seconds=1)
    return path


def _tell(report: Any) -> None:
    makers = (report["direct_summary"], report["agent_summary"])
    rows = [(name, *(_text(maker[name]) for maker in makers)) for name in _TOLD]
    found = [maker["real_data_reference"] for maker in makers]
    rows += [(f"{name} (%)", *(_text(each[name]) for each in found)) for name in _RATIOS]
    write_table(("figure", "direct", "agentflow"), rows, right=("direct", "agentflow"))


_RATIOS = ("reference_ratio", "order_user_match_ratio")


def _text(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
