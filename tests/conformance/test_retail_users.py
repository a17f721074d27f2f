"""The original's tasks in conversation with customers who go by rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agentgym import IdlePolicy, OraclePolicy, rollout
from environments.retail.env import RetailEnv

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("split", ["dev", "train"])
async def test_every_task_is_solved_by_who_talks_and_acts(outside_data: Callable[[str], Path], split: str) -> None:
    data = outside_data("tau_retail")
    for task in RetailEnv(data).tasks(split):
        env = RetailEnv(data, user="rules")
        flaws = env.flaws(task)
        oracle = await rollout(env, OraclePolicy(), task, seed=1)
        assert (oracle.outcome, oracle.terms["violations"].value) == ("solved", 0.0), task.id
        idle = await rollout(RetailEnv(data, user="rules"), IdlePolicy(), task, seed=1)
        assert idle.solved == any(flaw.startswith("doing nothing") for flaw in flaws), task.id
