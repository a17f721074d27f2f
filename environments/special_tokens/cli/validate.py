"""`agentgym tokens validate FILE`: whether a file is fit to be trained on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agentgym.jsontext import dump_json
from environments.special_tokens.cli.options import add_problems, add_sandbox, sandbox_spec, writable, write_report

if TYPE_CHECKING:
    from environments.programs.problem import Problem
    from environments.special_tokens.rows import Row
    from environments.special_tokens.validating import Judgement


def configure(parser: argparse.ArgumentParser) -> None:
    """Which file, and where the reports go."""
    parser.add_argument("file", metavar="FILE", type=Path, help="rows as JSON or JSON Lines")
    add_problems(parser)
    add_sandbox(parser)
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path("outputs"),
        help="reports/ and validation/ are written in it (default: outputs)",
    )
    parser.add_argument("--json", action="store_true", help="print the report as one line")


def run(args: argparse.Namespace) -> int:
    """Write and print the report; 0 where the file passes."""
    import anyio

    from environments.special_tokens.rows import read_rows
    from environments.special_tokens.validating import analysis_of, report_on

    judged = anyio.run(_judge, list(read_rows(args.file)), known_problems(args.problems), sandbox_spec(args))
    report = report_on(str(args.file), judged)
    stem = args.file.stem
    valid = [judgement.row.alpaca() for judgement in judged if judgement.valid]
    rows = b"[\n" + b",\n".join(map(dump_json, valid)) + b"\n]\n"
    analysis = analysis_of(report)
    _write(args.out / "reports" / f"{stem}_report.json", dump_json(report) + b"\n")
    _write(args.out / "validation" / f"{stem}_alpaca.json", rows)
    _write(args.out / "validation" / f"{stem}_analysis.txt", f"{analysis}\n".encode())
    write_report(report, one_line=args.json)
    sys.stderr.write(f"{analysis}\n")
    return int(not report["passed"])


def known_problems(path: Path | None) -> dict[str, Problem]:
    """The problems that rows may be about, by id: the bundled ones, and those of a file."""
    from environments.programs.library import bundled_problems
    from environments.programs.readers import read_problems

    given = [] if path is None else read_problems(path)
    return {problem.query_id: problem for problem in (*bundled_problems(), *given)}


async def _judge(rows: list[Row], problems: dict[str, Problem], spec: str) -> list[Judgement]:
    from agentgym.sandbox.lending import lend
    from environments.special_tokens.validating import judge_rows

    sandbox = lend(spec)  # begins with the first fix that has to be run, if there is any
    try:
        return await judge_rows(rows, sandbox=sandbox, problems=problems)
    finally:
        await sandbox.aclose()


def _write(path: Path, data: bytes) -> None:
    with writable(path):
        path.write_bytes(data)
