"""`agentgym train grpo`: a policy is changed by the rewards of its rollouts, recorded or live."""

from __future__ import annotations

import argparse
import sys

from agentgym.cli.output import write, write_json
from trainers.cli.options import add_recipe, only_told, recipe_of
from trainers.progress.ranks import is_first


def configure(parser: argparse.ArgumentParser) -> None:
    """A recipe, and what of it is to be otherwise."""
    add_recipe(parser, "grpo")


def run(args: argparse.Namespace) -> int:
    """Train, and print what was written; a start that cannot learn is a negative result."""
    if only_told(args, "grpo"):
        return 0
    from trainers.grpo.driver import train_grpo
    from trainers.grpo.gate import GateError
    from trainers.sft.course import TrainingDiverged

    try:
        trained = train_grpo(recipe_of(args, "grpo"), resume=args.resume, force=args.force)
    except (GateError, TrainingDiverged) as error:
        sys.stderr.write(f"agentgym train: {error}\n")
        return 1
    if is_first():
        if args.json:
            write_json({"steps": trained.steps, "files": [str(path) for path in trained.files]})
        else:
            write("\n".join(map(str, trained.files)))
    return trained.exit_code
