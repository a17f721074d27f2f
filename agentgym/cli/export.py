"""`agentgym export SOURCE ... --format NAME`: runs and data files as rows to train on."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from agentgym.cli.options import whole_number
from agentgym.cli.transcript import printable
from agentgym.exports.notices import Notices
from agentgym.exports.reading import Wanted, read_dialogues
from agentgym.exports.reasoning import REASONING
from agentgym.exports.writing import FORMATS, export_rows, is_list, opened, write_rows
from agentgym.messages import JsonObject


def configure(parser: argparse.ArgumentParser) -> None:
    """What is exported, how, and where to."""
    add = parser.add_argument
    told = "a run directory, or a JSON or JSONL file of rows in one of the formats"
    add("sources", metavar="SOURCE", nargs="+", type=Path, help=told)
    add("--format", metavar="NAME", required=True, choices=FORMATS, help=f"one of: {', '.join(FORMATS)}")
    told = "the file to write, *.json as one list, *.jsonl as lines (default: standard output)"
    add("--out", metavar="FILE", type=Path, help=told)
    told = "where thoughts stand: field, inline in the text as <think>, or drop (default: where they are)"
    add("--reasoning", metavar="WHERE", choices=REASONING, help=told)
    add("--end-on-reply", action="store_true", help="leave out what follows the last reply of a dialogue")
    add("--solved-only", action="store_true", help="only episodes that were solved")
    add("--min-reward", metavar="R", type=_reward, help="only episodes with at least this reward")
    add("--no-tool-errors", action="store_true", help="only episodes in which no call went wrong")
    add("--limit", metavar="N", type=whole_number, help="at most so many rows")


def run(args: argparse.Namespace) -> int:
    """Write the rows, and tell how many there are and what was left out; none is a negative result."""
    notices = Notices()
    rows = islice(_rows(args, notices), args.limit)
    first = next(rows, None)
    count = 0 if first is None else _written(args, chain([first], rows))
    for line in notices.lines():
        sys.stderr.write(f"{printable(line)}\n")
    sources = ", ".join(map(str, args.sources))
    if first is None:
        told = f"nothing to export in {sources}: no dialogue is there, or none is wanted; nothing is written"
        sys.stderr.write(f"{printable(told)}\n")
        return 1
    place = f" in {args.out}" if args.out is not None else ""
    sys.stderr.write(f"{count} {'row' if count == 1 else 'rows'}{printable(place)}, as {args.format}\n")
    return 0


def _rows(args: argparse.Namespace, notices: Notices) -> Iterator[JsonObject]:
    wanted = Wanted(solved=args.solved_only, min_reward=args.min_reward, tool_errors=not args.no_tool_errors)
    dialogues = chain.from_iterable(read_dialogues(source, wanted=wanted) for source in args.sources)
    return export_rows(
        dialogues, args.format, reasoning=args.reasoning, end_on_reply=args.end_on_reply, notices=notices
    )


def _written(args: argparse.Namespace, rows: Iterator[JsonObject]) -> int:
    as_list = is_list(args.format, args.out)
    if args.out is None:
        sys.stdout.flush()
        return write_rows(sys.stdout.buffer, rows, as_list=as_list)
    with opened(args.out) as file:
        return write_rows(file, rows, as_list=as_list)


def _reward(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value
