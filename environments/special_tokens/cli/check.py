"""`agentgym tokens check FILE`: whether answers keep to the rules of their form."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from environments.special_tokens.cli.options import write_report


def configure(parser: argparse.ArgumentParser) -> None:
    """Which file."""
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="JSON or JSON Lines; rows with `output`, `Output` or `messages`"
    )
    parser.add_argument("--json", action="store_true", help="print the report as one line")


def run(args: argparse.Namespace) -> int:
    """Print the report; 1 where any row fails, or there is none."""
    from environments.special_tokens.checking import check_file

    report = check_file(args.file)
    write_report(report, one_line=args.json)
    codes = report["by_rule"]
    assert isinstance(codes, dict)
    told = ", ".join(f"{count} x {code}" for code, count in codes.items())
    sys.stderr.write(f"{report['passed']} of {report['total']} rows pass{': ' if told else ''}{told}\n")
    return int(bool(report["failed"]) or not report["total"])
