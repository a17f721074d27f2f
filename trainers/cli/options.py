"""What the verbs of `agentgym train` take in common: the data, what of it is learnt from, and the recipe."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import get_args

from pydantic import JsonValue

from agentgym.cli.options import whole_number
from agentgym.cli.output import write, write_json
from agentgym.cli.settings import seed
from agentgym.episode import Outcome
from agentgym.jsontext import dump_json, parse_json
from trainers.dataset.wanted import Wanted
from trainers.recipe import Backend, Recipe, Stage
from trainers.recipes.catalog import read_recipe_file
from trainers.recipes.settling import Change, Place, Settled, settle

_OUTCOMES = tuple(outcome for outcome in get_args(Outcome) if outcome != "not_evaluable")

_PLACES: dict[str, Place] = {
    "model": ("model",),
    "tokenizer": ("tokenizer",),
    "output_dir": ("output_dir",),
    "log_dir": ("log_dir",),
    "run_name": ("run_name",),
    "backend": ("backend",),
    "seed": ("seed",),
    "epochs": ("epochs",),
    "max_steps": ("max_steps",),
    "batch_size": ("batch_size",),
    "learning_rate": ("optimizer", "learning_rate"),
    "data": ("data", "sources"),
    "validation": ("data", "validation"),
    "outcome": ("data", "outcomes"),
    "suite": ("data", "suites"),
    "role": ("data", "roles"),
    "min_reward": ("data", "min_reward"),
    "max_reward": ("data", "max_reward"),
}
"""Which key of the recipe each flag is for."""
_SEVERAL = ("outcome", "suite", "role")
"""Flags that are repeated for several values."""


def add_recipe(parser: argparse.ArgumentParser, stage: Stage) -> None:
    """Let a command take a recipe, and change any of it."""
    add = parser.add_argument
    add_choice(parser)
    told = "a run directory, a file of dialogues, or one of token rows"
    add("--data", metavar="SOURCE", nargs="+", action="extend", help=told)
    told = "the same, to validate with (default: the share of the data that the recipe holds out)"
    add("--validation", metavar="SOURCE", nargs="+", action="extend", help=told)
    add("--model", metavar="DIR", help="a checkpoint's folder, or the name of one on the hub")
    add("--tokenizer", metavar="DIR", help="where it is not in the model's folder")
    add("--output-dir", metavar="DIR", help="where checkpoints and the model go (default: outputs)")
    add("--log-dir", metavar="DIR", help="where figures and logs go (default: training_log)")
    add("--run-name", metavar="NAME", help="of the folder there (default: by the stage and the time)")
    add("--backend", choices=get_args(Backend), help="trl, or torch: our own loop, for tiny models")
    add("--seed", metavar="N", type=seed, help="what all chance comes from (default: 3407)")
    add("--epochs", metavar="X", type=_above_zero, help="how often the data is gone over")
    add("--max-steps", metavar="N", type=whole_number, help="how many updates; it wins over --epochs")
    add("--batch-size", metavar="N", type=whole_number, help="rows that are computed together")
    add("--learning-rate", metavar="X", type=_above_zero, help="at its highest")
    add_filters(parser)
    add("--resume", action="store_true", help="go on from the newest whole checkpoint in the output folder")
    gate = ", and begin though the gate says that nothing can be learnt" if stage == "grpo" else ""
    add("--force", action="store_true", help=f"replace what an earlier training wrote in the output folder{gate}")
    add("--print-config", action="store_true", help="print the recipe, and where each value comes from; train nothing")
    add("--plan", action="store_true", help="print what memory and time it takes, as an estimate; train nothing")
    add("--json", action="store_true", help="print results as one line of JSON")


def add_choice(parser: argparse.ArgumentParser, *, named: bool = True) -> None:
    """Let a command choose a recipe, one of its profiles, and other values for its keys."""
    add = parser.add_argument
    if named:
        add("--config", metavar="NAME|FILE", help="a recipe that `agentgym train recipe --list` names, or a TOML file")
    add("--profile", metavar="NAME", help="how the recipe has it on one kind of machine")
    told = "any key of the recipe, such as lora.rank=32; the value is JSON, or else text; may be repeated"
    add("--set", dest="keys", metavar="KEY=VALUE", type=_change, action="append", default=[], help=told)


def recipe_of(args: argparse.Namespace, stage: Stage) -> Recipe:
    """The recipe that a command line asks for."""
    return settled_of(args, stage).recipe


def settled_of(args: argparse.Namespace, stage: Stage | None = None) -> Settled:
    """The recipe that a command line asks for, and where its values come from."""
    file = None if args.config is None else read_recipe_file(args.config)
    return settle(stage, file=file, profile=args.profile, changes=[*args.keys, *_flagged(args)])


def words_of(args: argparse.Namespace) -> list[str]:
    """The flags that were given, as a command line that means the same."""
    words: list[str] = []
    for flag in ("config", "profile", *_PLACES):
        value = getattr(args, flag)
        if isinstance(value, list) and flag in _SEVERAL:
            words += [word for each in value for word in (_flag(flag), each)]
        elif isinstance(value, list):
            words += [_flag(flag), *value]
        elif value is not None:
            words.append(f"{_flag(flag)}={value}")  # also where the value begins with a dash
    for change in args.keys:
        words += ["--set", f"{'.'.join(change.place)}={dump_json(change.value).decode()}"]
    return words


def only_told(args: argparse.Namespace, stage: Stage) -> bool:
    """Whether the command line asks to see a recipe or a plan, which is then printed, and nothing is to be trained."""
    if not (args.print_config or args.plan):
        return False
    tell(args, settled_of(args, stage))
    return True


def tell(args: argparse.Namespace, settled: Settled) -> None:
    """Print the recipe, or what training by it takes."""
    from trainers.recipes.writing import as_json, as_toml

    if args.plan:
        _tell_plan(args, settled)
    elif args.json:
        write_json(as_json(settled))
    else:
        write(as_toml(settled).rstrip())


def _tell_plan(args: argparse.Namespace, settled: Settled) -> None:
    from trainers.recipes.plan import plan_of

    if not getattr(args, "measure", False):
        plan = plan_of(settled.recipe, settled.assumed)
        write_json(plan.as_json()) if args.json else write(plan.told())
        return
    from trainers.recipes.measuring import check_plan

    check = check_plan(settled.recipe)
    plan = plan_of(settled.recipe, settled.assumed, cpu_flops=check.measured.flops_a_second)
    if args.json:
        write_json({**plan.as_json(), "measured": check.as_json()})
    else:
        write(f"{plan.told()}\n\n{check.told()}")


def _flagged(args: argparse.Namespace) -> list[Change]:
    given = {flag: getattr(args, flag, None) for flag in _PLACES}
    return [Change(_PLACES[flag], value, _flag(flag)) for flag, value in given.items() if value is not None]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _change(text: str) -> Change:
    """Read `key.of.the.recipe=value`."""
    key, equals, told = text.partition("=")
    place = tuple(key.split("."))
    if not equals or not all(place):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, such as lora.rank=32")
    return Change(place, _value(told), "--set")


def _value(text: str) -> JsonValue:
    try:
        return parse_json(text)
    except ValueError:
        return text


def _above_zero(text: str) -> float:
    value = finite(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Let a command choose among rollouts."""
    add = parser.add_argument
    add("--outcome", choices=_OUTCOMES, action="append", help="only episodes that ended so; may be repeated")
    add("--min-reward", metavar="R", type=finite, help="only episodes with at least this reward")
    add("--max-reward", metavar="R", type=finite, help="only episodes with at most this reward")
    add("--suite", metavar="NAME", action="append", help="only runs of this suite; may be repeated")
    told = "only what this part of an agent said trains, such as planner; may be repeated"
    add("--role", metavar="NAME", action="append", help=told)


def add_tokenizer(parser: argparse.ArgumentParser) -> None:
    """Let a command tokenise what no engine told the tokens of."""
    told = "a checkpoint's folder; tokenises replies of which no engine told the token ids"
    parser.add_argument("--tokenizer", metavar="DIR", type=Path, help=told)


def wanted(args: argparse.Namespace) -> Wanted:
    """What was chosen."""
    return Wanted(
        outcomes=frozenset(args.outcome) if args.outcome else None,
        suites=frozenset(args.suite) if args.suite else None,
        min_reward=args.min_reward,
        max_reward=args.max_reward,
        roles=frozenset(args.role) if args.role else None,
    )


def finite(text: str) -> float:
    """Read a number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value
