"""`agentgym train slurm`: a batch script that trains by a recipe."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from agentgym.cli.options import whole_number
from agentgym.cli.output import write
from agentgym.cli.transcript import printable
from agentgym.errors import UsageError
from trainers.cli.options import add_recipe, settled_of, words_of
from trainers.recipes.slurm import Job, batch_script
from trainers.recipes.writing import check_new, write_file

_DEFAULT = Job()


def configure(parser: argparse.ArgumentParser) -> None:
    """What is asked of the cluster, and the flags of `agentgym train sft` and `grpo`."""
    add = parser.add_argument
    add("--nodes", metavar="N", type=whole_number, help="machines (default: as the profile has it, or 1)")
    add("--cpus", metavar="N", type=whole_number, default=_DEFAULT.cpus, help=f"of a node (default: {_DEFAULT.cpus})")
    add("--gpus", metavar="N", type=_gpus, help="of a node; 0: train on CPUs (default: as the profile has it, or 1)")
    memory = _like(r"[1-9]\d*[KMGT]?", "an amount of memory, such as 256G")
    add(
        "--memory", metavar="SIZE", type=memory, default=_DEFAULT.memory, help=f"of a node (default: {_DEFAULT.memory})"
    )
    time = _like(r"(\d+-)?\d+(:\d\d){0,2}", "a time, such as 12:00:00 or 2-00:00:00")
    add("--time", metavar="TIME", type=time, default=_DEFAULT.time, help=f"at the most (default: {_DEFAULT.time})")
    add("--partition", metavar="NAME", type=_name, help="of the cluster")
    add("--account", metavar="NAME", type=_name, help="that pays")
    add("--job-name", metavar="NAME", type=_name, help="(default: agentgym-STAGE)")
    told = "a line for the shell before all else, such as 'source .venv/bin/activate'; may be repeated"
    add("--setup", metavar="LINE", action="append", default=[], help=told)
    add("--out", metavar="FILE", type=Path, help="write it there (default: print it)")
    add_recipe(parser, "sft")


def run(args: argparse.Namespace) -> int:
    """Print or write the script."""
    if args.config is None:
        raise UsageError("which recipe? give one with --config; `agentgym train recipe --list` names them")
    for flag in ("resume", "print_config", "plan", "json"):
        if getattr(args, flag):
            told = "the script adds it itself" if flag == "resume" else "see: agentgym train recipe"
            raise UsageError(f"--{flag.replace('_', '-')} is not for a batch script: {told}")
    settled = settled_of(args)
    if args.out is not None:
        check_new(args.out, force=args.force)
    job = Job(
        nodes=args.nodes or settled.assumed.nodes,
        cpus=args.cpus,
        gpus=settled.assumed.gpus if args.gpus is None else args.gpus,
        memory=args.memory,
        time=args.time,
        name=args.job_name or f"agentgym-{settled.recipe.stage}",
        partition=args.partition,
        account=args.account,
        setup=tuple(args.setup),
    )
    script = batch_script(job, settled.recipe, words_of(args))
    if args.out is None:
        write(script.rstrip())
        return 0
    write_file(args.out, script)
    sys.stderr.write(printable(f"submit it: sbatch {args.out}") + "\n")
    write(printable(str(args.out)))
    return 0


def _gpus(text: str) -> int:
    return 0 if text == "0" else whole_number(text)


def _like(pattern: str, what: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return text

    return read


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w.,@:+-]+", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is no name that SLURM takes")
    return text
