"""`agentgym train sft`: imitation of what good rollouts and dialogues say."""

from __future__ import annotations

import argparse
import sys

from agentgym.cli.output import write, write_json
from trainers.cli.options import add_recipe, only_told, recipe_of
from trainers.progress.ranks import is_first


def configure(parser: argparse.ArgumentParser) -> None:
    """A recipe, and what of it is to be otherwise."""
    add_recipe(parser, "sft")


def run(args: argparse.Namespace) -> int:
    """Train, and print what was written; a loss that is no number any more is a negative result."""
    if only_told(args, "sft"):
        return 0
    from trainers.sft.course import TrainingDiverged
    from trainers.sft.driver import train_sft

    try:
        trained = train_sft(recipe_of(args, "sft"), resume=args.resume, force=args.force)
    except TrainingDiverged as error:
        sys.stderr.write(f"agentgym train: {error}\n")
        return 1
    if is_first():
        if args.json:
            write_json({"steps": trained.steps, "files": [str(path) for path in trained.files]})
        else:
            write("\n".join(map(str, trained.files)))
    return trained.exit_code
