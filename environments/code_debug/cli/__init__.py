"""`agentgym code`: problems, bugs put into programs, programs judged, and conversations to learn from."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

VERBS = {
    "problems": "list, count or print problems",
    "inject": "put bugs into the solutions of problems",
    "judge": "judge programs by the cases of their problems",
    "prepare": "make conversations in which programs are debugged",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """What each of them takes."""
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", required=True)
    for verb, told in VERBS.items():
        _module(verb).configure(verbs.add_parser(verb, help=told, description=told))


def run(args: argparse.Namespace) -> int:
    """Do it."""
    code: int = _module(args.verb).run(args)
    return code


def _module(verb: str) -> Any:
    return import_module(f"{__name__}.{verb}")
