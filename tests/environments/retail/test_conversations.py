"""Our own world in conversation with customers who go by rules: who serves them solves it, and nobody else."""

from __future__ import annotations

import pytest

from agentgym import IdlePolicy, OraclePolicy, ScriptedPolicy, ToolCall, rollout
from environments.retail.desk import TERMINAL
from environments.retail.env import RetailEnv

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("split", ["test", "train"])
async def test_the_oracle_solves_every_task_by_the_policy(split: str) -> None:
    for task in RetailEnv().tasks(split):
        episode = await rollout(RetailEnv(user="rules"), OraclePolicy(), task, seed=1)
        terms = {name: episode.terms[name].value for name in ("reward", "exact_actions", "violations")}
        assert terms == {"reward": 1.0, "exact_actions": 1.0, "violations": 0.0}, task.id


async def test_who_says_nothing_useful_solves_none() -> None:
    for task in RetailEnv().tasks("test"):
        episode = await rollout(RetailEnv(user="rules"), IdlePolicy(), task, seed=1)
        assert (episode.outcome, episode.reward) == ("failed", 0.0), task.id


async def test_who_does_everything_but_tells_nothing_solves_none_that_asks_something() -> None:
    asking = [task for task in RetailEnv().tasks("test") if task.outputs]
    assert len(asking) > 20
    for task in asking:
        calls = [ToolCall(action.name, action.kwargs) for action in task.actions if action.name != TERMINAL]
        mute = ScriptedPolicy([*calls, *["That is done. Is there anything else?"] * 12])
        episode = await rollout(RetailEnv(user="rules"), mute, task, seed=1)
        assert (episode.outcome, episode.terms["state"].value, episode.reward) == ("failed", 1.0, 0.0), task.id
