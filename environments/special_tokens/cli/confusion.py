"""`agentgym tokens confusion RUN`: the confusion matrix of a run, as a picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from agentgym.cli.output import write
from agentgym.errors import UsageError
from environments.special_tokens.cli.options import writable


def configure(parser: argparse.ArgumentParser) -> None:
    """Which run."""
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder")
    parser.add_argument("--out", metavar="FILE", type=Path, help="the PNG to write (default: RUN/confusion.png)")


def run(args: argparse.Namespace) -> int:
    """Draw it."""
    from agentgym.runs import read_episodes
    from environments.special_tokens.figures import draw_confusion, special_tokens

    figures = special_tokens(read_episodes(args.run))
    if figures["mode_accuracy"] is None:
        raise UsageError(f"{args.run} holds no episode of special-tokens that can be told of")
    path = args.out or args.run / "confusion.png"
    with writable(path):
        path.write_bytes(draw_confusion(figures))
    write(str(path))
    return 0
