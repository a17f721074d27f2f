"""What the idle agent gets, beside every score: a benchmark that rewards doing nothing says so itself."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import NoReturn, cast

import orjson

from agentgym.errors import RunFolderError, UsageError
from agentgym.jsontext import dump_json
from agentgym.lines import Lines
from agentgym.messages import JsonObject
from agentgym.policies.idle import IdlePolicy
from agentgym.runner import run
from agentgym.runs import BASELINE, write_whole
from agentgym.suite import Suite

MOST = 1000
"""Episodes that are enough to know it."""
_TOLD = ("episodes", "outcomes", "solved_rate", "solved_interval", "mean_reward")


async def play_baseline(suite: Suite, *, seed: int, limit: int | None, trials: int | None) -> JsonObject | None:
    """The summary of the idle agent on the same episodes, or on the first of them; none where that costs something."""
    tasks = suite.first_tasks(limit)
    jobs = islice(suite.jobs(tasks, seed=seed, trials=trials), MOST)
    try:
        played = await run(list(jobs), IdlePolicy(), lines=_NoLines())
    except _CostsError:
        return None
    return played.summary | {"trials": trials or suite.trials}


class _NoLines(Lines):
    """Of an environment that asks a model, such as one that plays a customer, the idle agent's score is not free."""

    def to(self, url: str) -> NoReturn:
        raise _CostsError(f"the idle agent makes no calls to {url}")


class _CostsError(UsageError):
    """Ends the play before the first call is made."""


def keep_baseline(folder: Path, idle: JsonObject) -> None:
    """Put it beside the records of a run."""
    told = {"policy": "idle", **{name: idle[name] for name in _TOLD}}
    try:
        write_whole(folder / BASELINE, dump_json(told) + b"\n")
    except OSError as error:
        raise RunFolderError(f"cannot write {folder}: {error.strerror}; give another place with --out") from None


def read_baseline(folder: Path) -> JsonObject | None:
    """What was put there."""
    try:
        told = orjson.loads((folder / BASELINE).read_bytes())
    except (OSError, ValueError):
        return None
    fits = isinstance(told, dict) and isinstance(told.get("mean_reward", ""), float | None)
    return cast(JsonObject, told) if fits else None
