"""What the tests of this folder start as processes of their own: `python player.py BASE_URL RUN`."""

from __future__ import annotations

import sys

from agentgym import OpenAIPolicy, load_suite, run, run_sync

TRIALS = 20
"""Of each of the ten digits."""


def main(base_url: str, folder: str) -> None:
    """Play two hundred episodes into a run directory, or go on with it."""
    policy = OpenAIPolicy("fake", base_url=base_url)
    result = run_sync(run(load_suite("guess"), policy, folder, trials=TRIALS, concurrency=16))
    assert result.stopped is None


if __name__ == "__main__":
    main(*sys.argv[1:])
