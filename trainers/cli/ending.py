"""How the commands that train end: what they print, and with which exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from agentgym.cli.output import write, write_json
from agentgym.errors import AgentGymError
from trainers.progress.outcome import Trained
from trainers.progress.ranks import is_first


def ended(train: Callable[[], Trained], args: argparse.Namespace, *negative: type[AgentGymError]) -> int:
    """Train, and print what was written; some errors are negative results, told in one line."""
    try:
        trained = train()
    except negative as error:
        sys.stderr.write(f"agentgym train: {error}\n")
        return 1
    if not is_first():
        return trained.exit_code
    if args.json:
        write_json({"steps": trained.steps, "files": [str(path) for path in trained.files]})
    else:
        write("\n".join(map(str, trained.files)))
    return trained.exit_code
