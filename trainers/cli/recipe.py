"""`agentgym train recipe [NAME|FILE]`: what recipes there are, and what one says; or one made of an old INI file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agentgym.cli.output import write, write_json, write_table
from agentgym.cli.transcript import printable
from agentgym.errors import UsageError
from trainers.cli.options import add_choice, settled_of, tell
from trainers.recipes.catalog import read_recipe_file, recipe_names
from trainers.recipes.writing import check_new, write_file


def configure(parser: argparse.ArgumentParser) -> None:
    """Which recipe, and what of it."""
    add = parser.add_argument
    add("config", metavar="NAME|FILE", nargs="?", help="the recipe to print, as it would be trained by")
    add_choice(parser, named=False)
    add("--list", action="store_true", help="name all recipes and their profiles")
    add("--plan", action="store_true", help="print what memory and time it takes, as an estimate")
    told = "hold the plan against a step of a tiny model with the same settings, on this machine; needs the extra train"
    add("--measure", action="store_true", help=told)
    add("--from-ini", metavar="FILE", type=Path, help="make a recipe of an old file such as training_configs.ini")
    add("--stage", choices=("sft", "grpo"), help="of what is made of an INI file (default: as its keys tell, or sft)")
    add("--out", metavar="FILE", type=Path, help="write it there, to *.toml (default: print it)")
    add("--force", action="store_true", help="write over what is there")
    add("--json", action="store_true", help="print one line of JSON")


def run(args: argparse.Namespace) -> int:
    """Print or write it."""
    asked = [args.list, args.config is not None, args.from_ini is not None]
    if sum(asked) != 1:
        raise UsageError(
            "give one of: NAME or FILE of a recipe, --list, --from-ini FILE; see: agentgym train recipe -h"
        )
    if args.from_ini is None and (args.out or args.stage):
        raise UsageError("--out and --stage are for --from-ini; redirect what is printed instead")
    if args.measure and not args.plan:
        raise UsageError("--measure is for --plan; give both")
    if args.list:
        return _list(as_json=args.json)
    if args.from_ini is not None:
        return _import(args)
    tell(args, settled_of(args))
    return 0


def _list(*, as_json: bool) -> int:
    known = [read_recipe_file(name) for name in recipe_names()]
    if as_json:
        write_json([{"name": file.label, "about": file.about, "profiles": list(file.profiles)} for file in known])
        return 0
    write_table(("recipe", "what it is for"), [(file.label, file.about) for file in known])
    for file in known:
        if file.profiles:
            write(f"\nprofiles of {file.label}:")
            write_table(("profile", "for"), [(f"  {each.name}", each.about) for each in file.profiles.values()])
    return 0


def _import(args: argparse.Namespace) -> int:
    from trainers.recipes.ini import read_ini

    if args.profile is not None or args.keys or args.plan:
        raise UsageError("--from-ini takes a file as it is; choose and change with what it makes: --config FILE.toml")
    out: Path | None = args.out
    if out is not None:
        check_new(out, suffix=".toml", force=args.force)
    made = read_ini(args.from_ini, stage=args.stage)
    for note in made.notes:
        sys.stderr.write(f"{printable(note)}\n")
    if out is None:
        write(made.text.rstrip())
        return 0
    write_file(out, made.text)
    profiles = f", profiles: {', '.join(made.profiles)}" if made.profiles else ""
    write(printable(f"{out}: a recipe{profiles}"))
    return 0
