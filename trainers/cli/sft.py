"""`agentgym train sft`: imitation of what good rollouts and dialogues say."""

from __future__ import annotations

import argparse

from trainers.cli.ending import ended
from trainers.cli.options import add_recipe, only_told, recipe_of
from trainers.progress.outcome import TrainingDiverged


def configure(parser: argparse.ArgumentParser) -> None:
    """A recipe, and what of it is to be otherwise."""
    add_recipe(parser, "sft")


def run(args: argparse.Namespace) -> int:
    """Train, and print what was written; a loss that is no number any more is a negative result."""
    if only_told(args, "sft"):
        return 0
    from trainers.sft.driver import train_sft

    recipe = recipe_of(args, "sft")
    return ended(lambda: train_sft(recipe, resume=args.resume, force=args.force), args, TrainingDiverged)
