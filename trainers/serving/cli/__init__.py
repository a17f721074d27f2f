"""`agentgym model`: what becomes of a trained checkpoint."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

VERBS = {
    "serve": ("trainers.serving.cli.serve", "answer as an OpenAI-compatible endpoint, or print how others would"),
}
"""Each with the module that does it, and what it is good for."""


def configure(parser: argparse.ArgumentParser) -> None:
    """What each of them takes."""
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", required=True)
    for verb, (_, told) in VERBS.items():
        _module(verb).configure(verbs.add_parser(verb, help=told, description=told))


def run(args: argparse.Namespace) -> int:
    """Do it."""
    code: int = _module(args.verb).run(args)
    return code


def _module(verb: str) -> Any:
    return import_module(VERBS[verb][0])
