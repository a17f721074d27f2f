"""`agentgym model new`: a tiny model that has learnt nothing, to learn from data on a CPU."""

from __future__ import annotations

import argparse
from pathlib import Path

from agentgym.cli.options import whole_number
from agentgym.cli.output import write
from agentgym.cli.settings import seed
from agentgym.errors import DataFileError, UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """How large, and made for which texts."""
    add = parser.add_argument
    add("--out", metavar="DIR", type=Path, required=True, help="the checkpoint's folder; nothing may be in it")
    told = "a run directory or a data file, whose words get tokens of their own"
    add("--data", metavar="SOURCE", nargs="+", type=Path, required=True, help=told)
    add("--layers", metavar="N", type=whole_number, default=2, help="default: 2")
    add("--width", metavar="N", type=whole_number, default=96, help="of the residual stream (default: 96)")
    add("--heads", metavar="N", type=whole_number, default=4, help="of the attention (default: 4)")
    add("--vocabulary", metavar="N", type=whole_number, default=1024, help="the most tokens (default: 1024)")
    add("--context", metavar="N", type=whole_number, default=2048, help="the longest text in tokens (default: 2048)")
    told = "a special token, such as '<|EDIT|>'; may be repeated"
    add("--token", metavar="TEXT", action="append", default=[], help=told)
    told = "of the messages that it answers, what it reads: all, or only the text before the first empty line"
    add("--shows", choices=("all", "paragraph"), default="all", help=f"{told} (default: all)")
    add("--template", metavar="FILE", type=Path, help="a chat template of your own, as Jinja")
    told = "a regular expression of your own for the pieces of a text that no token goes over the edge of"
    add("--pieces", metavar="REGEX", help=told)
    add("--seed", metavar="N", type=seed, default=0, help="of the weights (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Write it, and tell how large it is."""
    from trainers.models.tiny import Sizes, make_tiny, template_of

    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise UsageError(f"{args.out} is there already; name a folder that is new or empty")
    made = make_tiny(
        args.data,
        args.out,
        sizes=Sizes(
            layers=args.layers,
            width=args.width,
            heads=args.heads,
            vocabulary=args.vocabulary,
            context=args.context,
        ),
        tokens=args.token,
        template=template_of(args.shows) if args.template is None else _read(args.template),
        pieces=args.pieces,
        seed=args.seed,
    )
    write(f"{args.out}: {made.parameters} parameters, {made.tokens} tokens, made for {made.texts} texts")
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path}: cannot be read: {error}; give a chat template as text") from None
