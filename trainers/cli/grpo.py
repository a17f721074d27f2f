"""`agentgym train grpo`: a policy is changed by the rewards of its rollouts, recorded or live."""

from __future__ import annotations

import argparse

from trainers.cli.ending import ended
from trainers.cli.options import add_recipe, only_told, recipe_of
from trainers.progress.outcome import TrainingDiverged


def configure(parser: argparse.ArgumentParser) -> None:
    """A recipe, and what of it is to be otherwise."""
    add_recipe(parser, "grpo")


def run(args: argparse.Namespace) -> int:
    """Train, and print what was written; a start that cannot learn is a negative result."""
    if only_told(args, "grpo"):
        return 0
    from trainers.grpo.driver import train_grpo
    from trainers.grpo.gate import GateError

    recipe = recipe_of(args, "grpo")
    return ended(lambda: train_grpo(recipe, resume=args.resume, force=args.force), args, GateError, TrainingDiverged)
