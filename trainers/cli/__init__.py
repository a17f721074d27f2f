"""`agentgym train`: from recorded episodes to a better policy; a verb's file is imported when it is chosen."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from agentgym.cli import Parser

VERBS = {
    "data": "turn runs and data files into rows of tokens, and tell what is in them",
}


class _VerbParser(Parser):
    """Asks the verb's file for its options only when there is something to parse."""

    verb = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self.verb:
            verb, self.verb = self.verb, ""
            _module(verb).configure(self)
        return super().parse_known_args(args, namespace)


def configure(parser: argparse.ArgumentParser) -> None:
    """Which verb."""
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", required=True, parser_class=_VerbParser)
    for verb, told in VERBS.items():
        verbs.add_parser(verb, help=told, description=told).verb = verb


def run(args: argparse.Namespace) -> int:
    """Do it."""
    code: int = _module(args.verb).run(args)
    return code


def _module(verb: str) -> Any:
    return import_module(f"{__name__}.{verb}")
