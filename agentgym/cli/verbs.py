"""Commands that have verbs: `agentgym tokens check FILE`. A verb's file is imported when the verb is chosen."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from agentgym.cli import Parser


class Verbs:
    """The verbs of a command, each a file in its package with `configure` and `run`, and what it is good for."""

    def __init__(self, package: str, verbs: Mapping[str, str]) -> None:
        self.package = package
        self.verbs = verbs

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """What each of them takes."""
        chosen = parser.add_subparsers(metavar="VERB", dest="verb", required=True, parser_class=_VerbParser)
        for verb, told in self.verbs.items():
            chosen.add_parser(verb, help=told, description=told).module = f"{self.package}.{verb}"

    def run(self, args: argparse.Namespace) -> int:
        """Do it."""
        code: int = import_module(f"{self.package}.{args.verb}").run(args)
        return code


class _VerbParser(Parser):
    """Asks the verb's file what it takes only when there is something to parse."""

    module = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        module, self.module = self.module, ""
        if module:
            import_module(module).configure(self)
        return super().parse_known_args(args, namespace)
