"""What the test of kills starts as a process of its own: `python player.py BASE_URL RUN TRIALS`."""

from __future__ import annotations

import sys

from agentgym import load_suite, make_policy, run, run_sync


def main(base_url: str, folder: str, trials: str) -> None:
    """Play ten episodes as often as told into a run directory, or go on with it."""
    policy = make_policy("agentflow:openai:fake", base_url=base_url, executor="llm", tools="native")
    result = run_sync(run(load_suite("guess"), policy, folder, trials=int(trials), concurrency=8))
    assert result.stopped is None


if __name__ == "__main__":
    main(*sys.argv[1:])
