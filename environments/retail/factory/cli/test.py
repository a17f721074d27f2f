"""`agentgym tasks test`: an agent tried on the tasks of a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from agentgym.cli.options import whole_number
from agentgym.cli.settings import MODEL, PACE, WHAT, Setting, concurrency, seed, settle
from environments.retail.factory.cli.options import add_data, chosen_data, world_of

_ROLE = tuple(entry for entry in WHAT if entry.name == "role")
_SETTINGS = (*_ROLE, *MODEL, *(entry for entry in PACE if entry.name != "concurrency"))
_TOLD = {
    "temperature": "what the model samples with (default: 0)",
    "max_tokens": "the most tokens of one answer (default: 16384)",
    "timeout": "the most seconds of one attempt at a call (default: 180)",
}
"""What other defaults the factory has."""
_THREADS = Setting("concurrency", "", concurrency, default=1)


def configure(parser: argparse.ArgumentParser) -> None:
    """Which tasks, who is tried on them, and what is kept."""
    add = parser.add_argument
    add("--tasks", metavar="FILE", type=Path, required=True, help="the tasks, in any form that the factory reads")
    add_data(parser)
    add("--model", metavar="NAME", help="who is tried: a model's name, or a policy such as agentflow:openai:NAME")
    add("--policy", metavar="SPEC", help="the same; leave one of them out")
    add("--api-key", metavar="KEY", help="the model's key (default: OPENAI_API_KEY)")
    add("--dual-model", action="store_true", help="have a model play the customer, who else goes by rules")
    add("--enhance-query", action="store_true", help="have a model put the customer's first words in other words")
    add("--user-model", metavar="NAME", help="that model (default: gpt-4o)")
    add("--user-api-key", metavar="KEY", help="its key (default: AGENTGYM_USER_API_KEY, or else the other model's)")
    add("--user-base-url", metavar="URL", help="where it is served (default: AGENTGYM_USER_BASE_URL, or as --base-url)")
    add("--dry-run", action="store_true", help="ask no model: carry the references out, and see whether they succeed")
    add("--validate-only", action="store_true", help="ask no model: check the tasks, and play none")
    add("--threads", "--concurrency", dest="concurrency", metavar="N", type=concurrency, help="at a time (default: 1)")
    add("--trials", metavar="N", type=whole_number, default=1, help="how often each task is played (default: 1)")
    add("--max-steps", metavar="N", type=whole_number, default=30, help="turns of one episode (default: 30)")
    add("--limit", metavar="N", type=whole_number, help="only the first N tasks")
    add("--seed", metavar="N", type=seed, default=0, help="what all chance comes from (default: 0)")
    add("--resume", action="store_true", help="go on with the last run of this very command, and pay nothing twice")
    add("--out", metavar="DIR", type=Path, help="the run directory (default: a name of its own under runs/)")
    add("--output-dir", metavar="DIR", type=Path, default=Path("results"), help="of the reports (default: results)")
    add("--save-results", action="store_true", help="write the reports there")
    add("--visualize", action="store_true", help="draw the picture there")
    add("--check-thresholds", action="store_true", help="exit with 1 where a figure is lower than it must be")
    add("--verbose", action="store_true", help="tell of each task")
    add("--quiet", action="store_true", help="show no progress")
    add("--json", action="store_true", help="print the summary as one JSON object")
    add("--stream", action="store_true", help="have the model's answers streamed")
    add("--no-preflight", action="store_true", help="do not look at the endpoints first")
    add("--config", metavar="FILE", type=Path, help="take settings from a TOML file's table [tasks]")
    for entry in _SETTINGS:
        action = "append" if entry.several else "store"
        flag = f"--{entry.name.replace('_', '-')}"
        add(flag, metavar=entry.metavar, type=entry.parse, action=action, help=_TOLD.get(entry.name, entry.help))


def run(args: argparse.Namespace) -> int:
    """Check the tasks, or play them, and print what came of it."""
    data = chosen_data(args)
    db = world_of(data)
    if args.validate_only:
        from environments.retail.factory.cli.validating import validate

        return validate(args, db)
    from environments.retail.factory.cli.trying import Trial

    _settle(args)
    return Trial(args, db, data).run()


def _settle(args: argparse.Namespace) -> None:
    """Give every setting its value; the file's are in another table than those of `agentgym bench`."""
    file, args.config = args.config, None
    settle(args, (*_SETTINGS, _THREADS))
    args.config = file
