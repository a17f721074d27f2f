"""Calls beside those of a reference."""

from __future__ import annotations

from typing import Any

import pytest

from agentgym.messages import ToolCall, Turn
from tests.trainers.recorded import episode, spoken
from trainers.models.actions import Action, agreement, gold_actions, made_actions, valid_calls

FIND = Action("find_user", {"email": "ann@x.org"})
LOOK = Action("get_order", {"order_id": "#W1"})
CANCEL = Action("cancel", {"order_id": "#W1", "reason": "no longer needed"})
GOLD = (FIND, LOOK, CANCEL)


def figures(made: tuple[Action, ...], gold: tuple[Action, ...] = GOLD) -> tuple[float, ...]:
    found = agreement(gold, made)
    return found.action_accuracy, found.exact_match, found.f1, found.f1_strict


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (GOLD, (1, 1, 1, 1)),
        ((LOOK, FIND, CANCEL), (1, 0, 1, 1)),
        ((FIND, LOOK), (2 / 3, 0, 0.8, 0.8)),
        ((FIND, LOOK, Action("cancel", {"order_id": "#W2"})), (1, 0, 1, 2 / 3)),
        ((*GOLD, *GOLD), (0.5, 0, 2 / 3, 2 / 3)),
        ((Action("fly", {}),), (0, 0, 0, 0)),
        ((), (0, 0, 0, 0)),
        ((Action("think", {"thought": "hm"}), *GOLD, Action("respond", {"content": "done"})), (1, 1, 1, 1)),
    ],
    ids=["all", "order", "fewer", "arguments", "twice", "unknown", "nothing", "said"],
)
def test_names_arguments_and_order_are_compared(made: tuple[Action, ...], expected: tuple[float, ...]) -> None:
    assert figures(made) == pytest.approx(expected)


def test_nothing_to_do_is_done_by_doing_nothing() -> None:
    assert figures((), ()) == (1, 1, 1, 1)
    assert figures((FIND,), ()) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"reason": "No Longer Needed"}, {"reason": "no longer needed"}, True),
        ({"order_id": "#w1"}, {"order_id": "#W1"}, False),
        ({"amount": 10.001}, {"amount": 10.0}, True),
        ({"amount": 10.1}, {"amount": 10.0}, False),
        ({"note": None}, {}, True),
        ({"item_ids": ["1", "2"]}, {"item_ids": ["2", "1"]}, True),
        ({"item_ids": ["1", "1"]}, {"item_ids": ["1"]}, False),
        (
            {"item_ids": ["1", "2"], "new_item_ids": ["3", "4"]},
            {"item_ids": ["2", "1"], "new_item_ids": ["4", "3"]},
            True,
        ),
        (
            {"item_ids": ["1", "2"], "new_item_ids": ["3", "4"]},
            {"item_ids": ["2", "1"], "new_item_ids": ["3", "4"]},
            False,
        ),
        ({"item_ids": ["1"], "new_item_ids": ["3"]}, {"item_ids": ["3"], "new_item_ids": ["1"]}, False),
        ({"item_ids": ["1"]}, {"new_item_ids": ["1"]}, False),
        ({"item_ids": "1"}, {"item_ids": ["1"]}, False),
        ({"lines": ["a", "b"]}, {"lines": ["b", "a"]}, False),
    ],
    ids=str,
)
def test_arguments_that_mean_the_same_are_equal(one: Any, other: Any, same: bool) -> None:
    found = agreement((Action("do", one),), (Action("do", other),))
    assert (found.exact_match, found.f1_strict) == (float(same), float(same))


def test_the_reference_is_read_from_the_task() -> None:
    told = [{"name": "cancel", "kwargs": {"order_id": "#W1"}}, {"name": "look", "arguments": {"n": 1}}, {"name": "end"}]
    expected = (Action("cancel", {"order_id": "#W1"}), Action("look", {"n": 1}), Action("end", {}))
    for key in ("actions", "agt", "gold_actions"):
        assert gold_actions({key: told}) == expected
    assert gold_actions({"actions": []}) == ()
    for task in ({}, {"actions": "cancel"}, {"actions": ["cancel"]}, {"actions": None}):
        assert gold_actions(task) is None


def test_calls_are_read_from_the_record() -> None:
    whole, broken = ToolCall("look", {"n": 1}), ToolCall.from_text("cancel", '{"order_id": ')
    played = episode(spoken(Turn(tool_calls=(whole,))), spoken(Turn("hello")), spoken(Turn(tool_calls=(whole, broken))))
    assert made_actions(played) == (Action("look", {"n": 1}), Action("look", {"n": 1}), Action("cancel", {}))
    assert list(valid_calls(played)) == [True, False]
