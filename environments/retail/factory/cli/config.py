"""`agentgym config show`: the settings of the task factory, and where each comes from."""

from __future__ import annotations

import argparse
from pathlib import Path

from agentgym.cli.options import setting
from agentgym.cli.output import write_json, write_table
from agentgym.errors import UsageError, did_you_mean


def configure(parser: argparse.ArgumentParser) -> None:
    """What of them."""
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", required=True)
    told = "print all settings, and where each comes from; secrets stay hidden"
    show = verbs.add_parser("show", help=told, description=told)
    show.add_argument("--config", metavar="FILE", type=Path, help="take settings from a TOML file's table [tasks]")
    show.add_argument(
        "--set",
        dest="settings",
        metavar="NAME=VALUE",
        type=setting,
        action="append",
        default=[],
        help="a setting, before those of the environment and of the file; may be repeated",
    )
    show.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print them."""
    from environments.retail.factory.config import TauBenchConfig, variable

    given = {name.replace("-", "_"): value for name, value in args.settings}
    for name in given:
        if name not in TauBenchConfig.model_fields:
            raise UsageError(f"--set: no setting {name!r}; {did_you_mean(name, TauBenchConfig.model_fields)}")
    config = TauBenchConfig.load(args.config, **given)
    shown = config.shown()
    if args.json:
        write_json(shown)
        return 0
    rows = [(name, _text(value), _origin(config.source(name), variable(name))) for name, value in shown.items()]
    write_table(("setting", "value", "from"), rows)
    return 0


def _origin(source: str, variable: str) -> str:
    return variable if source == "environment" else source


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
