"""`agentgym envs`: the installed environments; `agentgym envs describe ENV`: all about one."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from agentgym.cli.description import describe_env, description_text
from agentgym.cli.options import add_environment
from agentgym.cli.output import write, write_json, write_table
from agentgym.errors import AgentGymError
from agentgym.registry import env_ids, load_env


@dataclass(frozen=True, slots=True)
class Row:
    """An installed environment, or why it cannot be used."""

    id: str
    description: str | None = None
    problem: str | None = None


def configure(parser: argparse.ArgumentParser) -> None:
    """List them, or describe one."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    actions = parser.add_subparsers(title="more", metavar="ACTION", dest="action")
    describe = actions.add_parser("describe", help="show tasks, tools, metrics and an example of one environment")
    parser.usage = "%(prog)s [--help] [--json] [describe ENV]"
    add_environment(describe)
    # Left unset, it does not undo a --json that stands before the word `describe`.
    describe.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the list, or the description."""
    if args.action == "describe":
        description = describe_env(args)
        write_json(description) if args.json else write(description_text(description))
        return 0
    rows = [_row(name) for name in env_ids()]
    if args.json:
        write_json(rows)
    else:
        write_table(
            ("environment", "description"),
            [(row.id, row.description or f"not available: {row.problem}") for row in rows],
        )
    return 0


def _row(name: str) -> Row:
    try:
        cls = load_env(name)
    except AgentGymError as error:
        return Row(name, problem=str(error))
    lines = (cls.__doc__ or "").strip().splitlines()
    return Row(name, lines[0] if lines else "")
