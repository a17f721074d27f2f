"""`agentgym train data SOURCE ...`: runs and data files as rows of tokens, and what is in them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from pydantic import JsonValue

from agentgym.cli.options import whole_number
from agentgym.cli.output import write_json, write_table
from agentgym.cli.settings import seed
from agentgym.cli.transcript import printable
from trainers.cli.options import add_filters, add_tokenizer, finite, wanted
from trainers.dataset.chaining import place_of
from trainers.dataset.distinct import Distinct
from trainers.dataset.figures import Figures
from trainers.dataset.files import RowWriter, check_writable
from trainers.dataset.reading import Reader
from trainers.dataset.rows import Trajectory
from trainers.dataset.splits import SEED, SHARES, Splits, plan_splits
from trainers.dataset.tokenizing import load_tokenizer


def configure(parser: argparse.ArgumentParser) -> None:
    """What is read, what of it, and where to."""
    add = parser.add_argument
    told = "a run directory, a file of dialogues (as `agentgym export` writes them), or one of token rows"
    add("sources", metavar="SOURCE", nargs="+", type=Path, help=told)
    add("--out", metavar="FILE", type=Path, help="write token rows, to *.jsonl or *.parquet")
    add("--stats", action="store_true", help="print what is there, in figures; without --out that is all that is done")
    add("--json", action="store_true", help="print the figures as one line of JSON")
    add_filters(parser)
    add_tokenizer(parser)
    told = "leave longer rows out, which a trainer would cut or refuse"
    add("--max-tokens", metavar="N", type=whole_number, help=told)
    add("--distinct", action="store_true", help="write equal rows once: for imitation, not for groups")
    told = "shares such as 70/15/15: FILE becomes FILE.train, .validation and .test, tasks stay whole"
    add("--split", metavar="SHARES", type=_shares, help=told)
    told = (
        "a field of the tasks, such as user_id or actions.kwargs.order_id: tasks with a value in common stay together"
    )
    add("--split-by", metavar="FIELD", action="append", default=[], help=f"{told}; A+B: with both; may be repeated")
    add("--seed", metavar="N", type=seed, default=SEED, help=f"of the splits (default: {SEED})")


def run(args: argparse.Namespace) -> int:
    """Write the rows and print the figures; no row to write, or nothing to count, is a negative result."""
    if args.out is not None:
        check_writable(args.out)
    tokenizer = load_tokenizer(args.tokenizer) if args.tokenizer is not None else None
    reader = Reader(wanted=wanted(args), tokenizer=tokenizer)
    splits = None if args.split is None else _planned(args)
    figures = Figures()
    with ExitStack() as stack:
        writers: dict[Path, RowWriter] = {}
        for trajectory in _trajectories(args, reader):
            figures.add(trajectory)
            for row in trajectory.rows if args.out is not None else ():
                path = _path(args.out, splits, trajectory)
                if path not in writers:
                    writers[path] = stack.enter_context(RowWriter(path))
                writers[path].write(row)
    _tell(args, reader, figures, writers)
    return int(not (figures.trajectories if args.out is None else figures.rows))


def _trajectories(args: argparse.Namespace, reader: Reader) -> Iterator[Trajectory]:
    distinct = Distinct()
    for trajectory in reader.read(*args.sources, by_task=args.out is not None):
        kept = trajectory
        if args.max_tokens is not None:
            rows = tuple(row for row in trajectory.rows if len(row) <= args.max_tokens)
            told = f"rows left out that are longer than {args.max_tokens} tokens"
            reader.notices.add(told, place_of(trajectory.origin), times=len(trajectory.rows) - len(rows))
            kept = Trajectory(trajectory.origin, rows, trajectory.fields)
        yield distinct.of(kept) if args.distinct else kept
    if distinct.dropped:
        reader.notices.add(
            "rows left out that had come before", ", ".join(map(str, args.sources)), times=distinct.dropped
        )


def _planned(args: argparse.Namespace) -> Splits:
    """By a first reading, for which nothing is tokenised."""
    trajectories = Reader(wanted=wanted(args)).read(*args.sources)
    return plan_splits(trajectories, shares=args.split, seed=args.seed, by=args.split_by)


def _path(out: Path, splits: Splits | None, trajectory: Trajectory) -> Path:
    return out if splits is None else out.with_suffix(f".{splits.of(trajectory)}{out.suffix}")


def _tell(args: argparse.Namespace, reader: Reader, figures: Figures, writers: dict[Path, RowWriter]) -> None:
    if args.json:
        write_json(figures.as_json())
    elif args.stats or args.out is None:
        write_table(("figure", "value"), list(_flat("", figures.as_json())), right=("value",))
    for line in reader.notices.lines():
        sys.stderr.write(f"{printable(line)}\n")
    for path, writer in writers.items():
        sys.stderr.write(printable(f"{writer.count} {'row' if writer.count == 1 else 'rows'} in {path}") + "\n")
    if not figures.rows:
        mend = "" if args.tokenizer else "; give a --tokenizer where no engine told the token ids"
        written = "" if args.out is None else "; nothing is written"
        sys.stderr.write(f"no row to train on{mend}{written}\n")


def _flat(name: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value.keys() == {"count", "mean", "std", "min", "max"}:
        mean, std, least, most = (f"{value[key]:.4g}" for key in ("mean", "std", "min", "max"))
        yield printable(name), f"{mean} (std {std}, {least} to {most}, of {value['count']})"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else key, inner)
    elif value is not None:
        yield printable(name), f"{value:.4g}" if isinstance(value, float) else str(value)


def _shares(text: str) -> dict[str, float]:
    parts = text.split("/")
    if len(parts) not in (2, 3):
        raise argparse.ArgumentTypeError(f"{text!r} is not TRAIN/VALIDATION/TEST, such as 70/15/15")
    shares = [finite(part) for part in parts]
    if min(shares) < 0 or not sum(shares):
        raise argparse.ArgumentTypeError(f"{text!r}: give numbers of at least 0, not all of them 0")
    return dict(zip(SHARES, shares, strict=False))
