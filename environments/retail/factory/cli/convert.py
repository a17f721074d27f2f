"""`agentgym tasks convert FILE`: tasks in another form, also as rows to train on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from agentgym.cli.output import write
from agentgym.cli.settings import seed
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from environments.retail.factory.cli.options import add_data, check_data, chosen_data, world_of, writable
from environments.retail.factory.cli.reading import tasks_of

FORMS = ("dataset-jsonl", "sft", "tasks")
SEED = 3407


def configure(parser: argparse.ArgumentParser) -> None:
    """Which tasks, and what is made of them."""
    add = parser.add_argument
    add("file", metavar="FILE", type=Path, help="tasks in any form")
    told = "rows of query, gold_actions and gold_final; conversations whose answer is the list of calls; bare tasks"
    add("--to", metavar="FORM", choices=FORMS, required=True, help=f"{', '.join(FORMS)}: {told}")
    add("-o", "--output", metavar="FILE", type=Path, help="what to write, as JSON Lines (default: FILE_FORM.jsonl)")
    add("--split", metavar="A/B/C", help="write three files that share no customer and no order, such as 70/15/15")
    add("--seed", metavar="N", type=seed, default=SEED, help=f"what the parts are drawn by (default: {SEED})")
    add("--all", action="store_true", help="also tasks that their envelopes call failed")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Write the rows; 1 where there is none, or an entry is no task."""
    from environments.retail.factory.converting import ROWS
    from environments.retail.factory.splitting import PARTS, read_shares, split

    shares = None if args.split is None else read_shares(args.split)
    check_data(args)
    read = tasks_of(args.file)
    tasks = [(task.id, task.blueprint) for task in read.tasks if args.all or task.accepted]
    if len(tasks) < len(read.tasks):
        sys.stderr.write(
            f"left out: {len(read.tasks) - len(tasks)} that their envelopes call failed; --all keeps them\n"
        )
    output = args.output or args.file.with_name(f"{args.file.stem}_{args.to.replace('-', '_')}.jsonl")
    parts: dict[Path, Iterable[int]] = {output: range(len(tasks))}
    if shares is not None:
        db = world_of(chosen_data(args))
        places = split([task for _, task in tasks], shares, db, seed=args.seed)
        parts = {_part(output, name): held for name, held in zip(PARTS, places, strict=True)}
    row = ROWS[args.to]
    for path, held in parts.items():
        _write(path, [row(*tasks[place]) for place in held])
    return int(not tasks or bool(read.left_out))


def _write(path: Path, rows: Sequence[JsonObject]) -> None:
    from agentgym.runs import write_whole

    with writable(path):
        write_whole(path, b"".join(dump_json(row) + b"\n" for row in rows))
    write(f"{path}: {len(rows)} rows")


def _part(path: Path, name: str) -> Path:
    return path.with_name(f"{path.stem}_{name}{path.suffix or '.jsonl'}")
