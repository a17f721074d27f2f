"""Rewards by name, in the shape of TRL's reward functions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import UnknownNameError, UsageError
from trainers import rewards
from trainers.rewards import RewardFunction, load_reward, reward_function, reward_names

GOLD = [{"name": "get_order_details", "arguments": {"order_id": "#W1"}}]


def test_the_rewards_of_the_environments_are_found_by_name() -> None:
    assert {"retail_action", "code_debug", "special_token"} <= set(reward_names())
    assert load_reward("special_token")(in_form=True, choice=1.0, outcome=False) == 0.7
    with pytest.raises(UnknownNameError, match="no reward 'retail_actoin'; did you mean 'retail_action'"):
        load_reward("retail_actoin")


def test_retail_scores_completions_of_both_shapes_as_trl_gives_them() -> None:
    from trainers.rewards import retail_action_reward  # type: ignore[attr-defined]  # found by its name

    assert retail_action_reward.__name__ == "retail_action_reward"
    text = json.dumps(GOLD)
    chat = [{"role": "assistant", "content": text}]
    scores = retail_action_reward(
        prompts=["a", "b", "c"],
        completions=[text, chat, "sorry"],
        completion_ids=[[1], [2], [3]],
        gold=[GOLD, json.dumps(GOLD), GOLD],
        trainer_state=object(),
        log_metric=print,
    )
    assert scores == [2.0, 2.0, -0.5]


def test_rows_of_another_task_have_no_score_and_rows_without_a_column_are_refused() -> None:
    retail = reward_function("retail_action")
    assert retail(["[]", "[]"], gold=[None, []]) == [None, 0.0]
    with pytest.raises(UsageError, match="retail_action_reward needs the column 'gold'"):
        retail(["[]"])
    with pytest.raises(UsageError, match="column 'gold' must be a list of 2"):
        retail(["[]", "[]"], gold=[[]])
    with pytest.raises(UsageError, match="gold="):
        retail(["[]"], gold=["nonsense"])


def test_facts_come_in_columns_and_settings_are_the_same_for_all_rows() -> None:
    facts: dict[str, Any] = {"passed": [4, 2, 0], "total": [4, 4, 4], "attempts": [1, 5, 1]}
    code = reward_function("code_debug")
    assert code(["", "", ""], **facts, used_tool=[True, True, False]) == pytest.approx([1.35, -0.2, 0.0])
    tokens = reward_function("special_token", strict=True)
    assert tokens(["", ""], in_form=[True, True], choice=[1.0, 0.5], outcome=[True, True]) == [1.0, 0.0]
    with pytest.raises(UsageError, match="has no setting 'strickt'; did you mean 'strict'"):
        reward_function("special_token", strickt=True)


def test_optional_columns_may_be_empty_in_some_rows() -> None:
    tools = [{"name": "odd", "parameters": {"type": "object", "required": ["a"]}}]
    retail = reward_function("retail_action")
    call = json.dumps([{"name": "odd", "arguments": {}}])
    assert retail([call, call], gold=[[], []], tools=[None, tools]) == pytest.approx([-0.3, -0.7])


def test_somebody_elses_reward_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = tmp_path / "brevity-1.dist-info"
    metadata.mkdir()
    lines = "brevity = brevity:brevity_reward\nslow = brevity:slow\n"
    (metadata / "entry_points.txt").write_text(f"[agentgym.rewards]\n{lines}")
    source = (
        "def brevity_reward(completion): return 1 / (1 + len(completion))\nasync def slow(completion): return 1.0\n"
    )
    (tmp_path / "brevity.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert reward_function("brevity")(["", "xxx"]) == [1.0, 0.25]
    with pytest.raises(UsageError, match="is no plain function"):
        load_reward("slow")


def test_what_is_no_reward_is_no_attribute() -> None:
    assert not hasattr(rewards, "nobody_reward")
    assert not hasattr(rewards, "retail_action")
    assert isinstance(rewards.code_debug_reward, RewardFunction)
