"""`agentgym tokens integrate`: special tokens put into a tokenizer, and into its model."""

from __future__ import annotations

import argparse
from pathlib import Path

from agentgym.cli.output import write
from agentgym.jsontext import dump_json
from environments.special_tokens.cli.options import writable

OUT = Path("tokenizer_with_special_tokens")
TASKS = Path("outputs/tasks/hw3_1.json")


def configure(parser: argparse.ArgumentParser) -> None:
    """Which model, and where what is made of it goes."""
    add = parser.add_argument
    add("--model", metavar="DIR|ID", required=True, help="a folder, or a name on the hub")
    add("--out", metavar="DIR", type=Path, default=OUT, help=f"what to write (default: {OUT}/)")
    add("--tasks", metavar="FILE", type=Path, default=TASKS, help=f"what texts become (default: {TASKS})")
    add(
        "--weights",
        choices=("auto", "yes", "no"),
        default="auto",
        help="whether the model gets rows for the tokens too (auto: where a folder holds weights)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the tokenizer, the model, and what texts become."""
    from environments.special_tokens.integrating import integrate, task_file

    with writable(args.out / "config.json"):
        done = integrate(args.model, args.out, weights={"auto": None, "yes": True, "no": False}[args.weights])
    report = task_file(args.out)
    with writable(args.tasks):
        args.tasks.write_bytes(dump_json(report) + b"\n")
    told = ", ".join(f"{token} is {number}" for token, number in done.ids.items())
    write(f"{args.out}: {told}; {len(done.added)} new")
    if done.rows_after is not None:
        tied = "shared with the head" if done.tied else "and as many of the head"
        write(f"embeddings: {done.rows_before} rows before, {done.rows_after} now, {tied}")
    write(str(args.tasks))
    return 0
