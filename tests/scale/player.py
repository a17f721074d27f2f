"""What the tests of this folder start as processes of their own: `python player.py BASE_URL RUN TRIALS`."""

from __future__ import annotations

import sys

from agentgym import OpenAIPolicy, load_suite, run, run_sync

CONCURRENCY = 16
"""So many calls may be under way when it is killed."""


def main(base_url: str, folder: str, trials: str) -> None:
    """Play ten episodes as often as told into a run directory, or go on with it."""
    policy = OpenAIPolicy("fake", base_url=base_url)
    result = run_sync(run(load_suite("guess"), policy, folder, trials=int(trials), concurrency=CONCURRENCY))
    assert result.stopped is None


if __name__ == "__main__":
    main(*sys.argv[1:])
