"""What calls are worth beside the reference's, with the numbers that are fixed, in every form a model writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgym.errors import UsageError
from environments.retail.rewards import (
    json_valid_rate,
    normalised_reward,
    retail_action_reward,
    retail_action_terms,
)

Call = dict[str, Any]
FIND: Call = {"name": "find_user_id_by_email", "arguments": {"email": "sara.doe@example.com"}}
LOOK: Call = {"name": "get_order_details", "arguments": {"order_id": "#W0000001"}}
CANCEL: Call = {
    "name": "cancel_pending_order",
    "arguments": {"order_id": "#W0000001", "reason": "no longer needed"},
}
GOLD = [FIND, LOOK, CANCEL]
WITHOUT_REASON: Call = {"name": "cancel_pending_order", "arguments": {"order_id": "#W0000001"}}
EXTRA: Call = {"name": "get_user_details", "arguments": {"user_id": "sara_doe_496"}}
UNKNOWN: Call = {"name": "teleport", "arguments": {}}


def score(completion: object, gold: object = GOLD, **more: Any) -> float:
    return retail_action_reward(completion, gold=gold, **more)


@pytest.mark.parametrize(
    ("calls", "reward"),
    [
        (GOLD, 5.0),
        ([FIND, LOOK, WITHOUT_REASON], 4.1),
        ([*GOLD, EXTRA], 4.2),
        ([LOOK, FIND, CANCEL], 4.5),
        ([CANCEL], 1.5),
        ([UNKNOWN], -0.3),
        ([], 0.0),
    ],
)
def test_the_vectors(calls: list[Call], reward: float) -> None:
    assert score(json.dumps(calls)) == pytest.approx(reward)
    assert score(calls) == pytest.approx(reward)


@pytest.mark.parametrize("said", ["sorry", "", "{", '[{"name": ', '{"answer": 42}', "null", "[1, 2]", None, 7])
def test_what_cannot_be_read_costs_a_half_and_nothing_else(said: object) -> None:
    assert score(said) == -0.5
    assert retail_action_terms(said, gold=GOLD) == {"unreadable": -0.5}


def native(*calls: Call, as_text: bool) -> Call:
    named = [{"id": f"c{place}", "type": "function", "function": dict(call)} for place, call in enumerate(calls)]
    for call in named:
        function = call["function"]
        assert isinstance(function, dict)
        if as_text:
            function["arguments"] = json.dumps(function["arguments"])
    return {"role": "assistant", "content": None, "tool_calls": named}


def tagged(*calls: Call) -> str:
    return "\n".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in calls)


def harmony(*calls: Call) -> str:
    return "<|start|>assistant".join(
        f"<|channel|>commentary to=functions.{call['name']} <|constrain|>json<|message|>"
        f"{json.dumps(call['arguments'])}<|call|>"
        for call in calls
    )


FORMS: list[object] = [
    json.dumps({"tool_calls": GOLD}),
    json.dumps({"tool_calls": [{"function": {**call, "arguments": json.dumps(call["arguments"])}} for call in GOLD]}),
    json.dumps([{**call, "arguments": json.dumps(call["arguments"])} for call in GOLD]),
    f"\n{json.dumps(GOLD, indent=2)}\n",
    f"<think>\nFirst find them.\n</think>\n\n{json.dumps(GOLD)}",
    tagged(*GOLD),
    harmony(*GOLD),
    native(*GOLD, as_text=True),
    native(*GOLD, as_text=False),
    [native(FIND, as_text=True), {"role": "tool", "content": "sara"}, native(LOOK, CANCEL, as_text=True)],
    [native(*GOLD, as_text=True), {"role": "tool", "content": "done"}, {"role": "assistant", "content": "It is done."}],
    [{"role": "assistant", "content": json.dumps(GOLD)}],
    [{"role": "assistant", "content": [{"type": "text", "text": tagged(*GOLD)}]}],
]
LOOSE = [
    f"{json.dumps(GOLD)}\nThat cancels the order.",
    f"{json.dumps({'tool_calls': GOLD})} done",
    f"I cancel it.\n{tagged(*GOLD)}\nThere.",
    f"```json\n{json.dumps(GOLD)}\n```",
]


@pytest.mark.parametrize("completion", FORMS)
def test_every_form_is_read_and_is_strictly_valid(completion: object) -> None:
    assert score(completion) == 5.0
    assert score(completion, strict_json=True) == 5.0
    assert json_valid_rate([completion]) == 1.0


@pytest.mark.parametrize("completion", LOOSE)
def test_prose_is_allowed_but_where_json_alone_is_asked_for(completion: str) -> None:
    assert score(completion) == 5.0
    assert score(completion, strict_json=True) == -0.5
    assert json_valid_rate([completion, json.dumps(GOLD)]) == 0.5


def test_one_object_is_one_call() -> None:
    assert score(json.dumps(CANCEL)) == 1.5
    assert score(CANCEL) == 1.5


def test_pairs_that_agree_are_matched_before_those_that_do_not() -> None:
    first, second = ({"name": "get_order_details", "arguments": {"order_id": id}} for id in ("#W1", "#W2"))
    wrong = {"name": "get_order_details", "arguments": {"order_id": "#W9"}}
    assert score([wrong, second], [second, first]) == 2 * 1.0 + 0.5 + 0.5
    assert score([second, first], [first, second]) == 2 * 1.5 + 0.5


def test_arguments_are_compared_by_what_they_mean() -> None:
    order = {"order_id": "#W1", "item_ids": ["1", "2"], "payment_method_id": "p"}
    gold = [{"name": "return_delivered_order_items", "arguments": order}]
    same = [{"name": "return_delivered_order_items", "arguments": {**order, "order_id": "W1", "item_ids": ["2", "1"]}}]
    other = [{"name": "return_delivered_order_items", "arguments": {**order, "item_ids": ["2", "2"]}}]
    assert (score(same, gold), score(other, gold)) == (2.0, 1.5)


def test_numbers_and_texts_differ_and_the_order_of_keys_does_not() -> None:
    gold = [{"name": "odd", "arguments": {"a": 100, "b": ["x", "y"]}}]
    assert score([{"name": "odd", "arguments": {"b": ["x", "y"], "a": 100}}], gold) == 2.0
    assert score([{"name": "odd", "arguments": {"b": ["x", "y"], "a": "100"}}], gold) == 1.5
    assert score([{"name": "odd", "arguments": {"b": ["y", "x"], "a": 100}}], gold) == 1.5


@pytest.mark.parametrize("reason", [{}, {"reason": None}, {"reason": ""}])
def test_required_arguments_that_say_nothing_are_missing(reason: Call) -> None:
    call = {"name": "cancel_pending_order", "arguments": {"order_id": "#W0000001", **reason}}
    assert retail_action_terms([call], gold=[CANCEL])["missing"] == -0.4


def test_calls_that_match_nothing_miss_arguments_too() -> None:
    assert score([{"name": "cancel_pending_order", "arguments": {}}], [FIND]) == pytest.approx(-0.3 - 0.8)


def test_arguments_that_are_no_object_are_all_missing() -> None:
    assert score([{**FIND, "arguments": "{oops"}], [FIND]) == pytest.approx(1.0 + 0.5 - 0.4)
    assert json_valid_rate([[{**FIND, "arguments": "{oops"}]]) == 0.0
    assert score([FIND, {"no": "name"}], [FIND]) == pytest.approx(1.5 - 0.3)


def test_a_row_may_bring_tools_of_its_own() -> None:
    tools = [{"name": "odd", "parameters": {"type": "object", "required": ["a", "b"]}}]
    assert score([{"name": "odd", "arguments": {"a": 1}}], [], tools=tools) == pytest.approx(-0.7)
    assert score([{"name": "odd", "arguments": {"a": 1}}], "[]", tools=json.dumps(tools)) == pytest.approx(-0.7)
    with pytest.raises(UsageError, match="tools: "):
        score([], [], tools="nonsense")


@pytest.mark.parametrize("gold", [None, "", "nonsense", 7, [{"no": "name"}], {"name": "x"}])
def test_without_gold_nothing_is_scored(gold: object) -> None:
    with pytest.raises(UsageError, match="gold="):
        score(json.dumps(GOLD), gold)


def test_gold_may_have_the_keys_of_tasks_and_of_tables() -> None:
    tasks = [{"name": call["name"], "kwargs": call["arguments"]} for call in GOLD]
    tables = [{**call, "arguments": {"email": None, "order_id": None, **call["arguments"]}} for call in GOLD]
    assert score(GOLD, tasks) == score(GOLD, tables) == score(GOLD, json.dumps(GOLD)) == 5.0


def test_a_gold_without_calls_wants_none() -> None:
    assert score("[]", []) == 0.0
    assert score([EXTRA], []) == -0.3


def test_the_reward_is_bounded_and_can_be_normalised() -> None:
    assert score([LOOK] * 20, [LOOK] * 20) == 10.0
    assert score([UNKNOWN] * 200) == -10.0
    assert normalised_reward(5.0, 3) == 1.0
    assert normalised_reward(0.0, 0) == 0.0


CALLS = st.sampled_from([FIND, LOOK, CANCEL, WITHOUT_REASON, EXTRA, UNKNOWN])


@given(st.lists(CALLS, max_size=6), st.lists(CALLS, max_size=6))
def test_nothing_beats_the_reference_itself(predicted: list[Call], gold: list[Call]) -> None:
    complete = [call for call in gold if call is not WITHOUT_REASON]
    assert score(predicted, complete) <= score(complete, complete)


@given(st.text(max_size=60) | st.recursive(st.none() | st.text(max_size=5), st.lists, max_leaves=5))
def test_whatever_a_model_writes_has_a_score(said: object) -> None:
    assert -10 <= score(said) <= 10
