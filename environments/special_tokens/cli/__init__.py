"""`agentgym tokens`: training data for special tokens, made, checked and answered."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

VERBS = {
    "integrate": "put the tokens into a tokenizer and its model",
    "generate": "make training data, by quota, from programs whose bugs were run",
    "check": "check that the answers of a file keep to the rules of their form",
    "validate": "find out whether a file is fit to be trained on",
    "respond": "have a policy answer the requests of a file",
    "problems": "list or count the problems data is made from",
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
