"""`agentgym tasks`: tasks for the shop, made, reviewed, tried out and looked through."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from agentgym.cli import Parser

VERBS = {
    "generate": "make tasks whose references are carried out before they are written",
    "test": "try a model on tasks, and write what came of it",
    "combine": "make one task of several of the same customer",
    "collect": "have conversations about tasks, and keep those that went well",
    "compare": "make tasks directly and with an agent, and compare the two",
    "analyze": "count what tasks ask for, what they refer to, and how their tests went",
    "filter": "part the tasks that were solved from the others",
    "find": "show tasks by their ids, by what is wrong with them, or by how their tests went",
    "normalize": "write the arguments of calls in one form, without changing what they say",
    "convert": "write tasks in another form, also as rows to train on",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """What each of them takes."""
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", required=True, parser_class=_Verb)
    for verb, told in VERBS.items():
        verbs.add_parser(verb, help=told, description=told).verb = verb


def run(args: argparse.Namespace) -> int:
    """Do it."""
    code: int = _module(args.verb).run(args)
    return code


class _Verb(Parser):
    """Learns what it takes when it is chosen, so that no other verb's module is imported."""

    verb: str | None = None

    def parse_known_args(self, *args: Any, **options: Any) -> Any:
        verb, self.verb = self.verb, None
        if verb is not None:
            _module(verb).configure(self)
        return super().parse_known_args(*args, **options)


def _module(verb: str) -> Any:
    return import_module(f"{__name__}.{verb}")
