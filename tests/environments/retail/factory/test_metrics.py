"""What an agent did beside what a task expects, by the numbers; and what a test must come to."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgym.errors import UsageError
from agentgym.metrics import mean_pass_hat_k
from environments.retail.factory.config import TauBenchConfig
from environments.retail.factory.envelope import Call
from environments.retail.factory.metrics import compare_actions, output_match, paired_tools
from environments.retail.factory.thresholds import Thresholds

FIND = Call(name="find_user_id_by_email", arguments={"email": "ada@example.com"})
LOOK = Call(name="get_order_details", arguments={"order_id": "#W1"})
CANCEL = Call(name="cancel_pending_order", arguments={"order_id": "#W1", "reason": "no longer needed"})
GOLD = (FIND, LOOK, CANCEL)


def other(call: Call, **arguments: Any) -> Call:
    return call.model_copy(update={"arguments": {**call.arguments, **arguments}})


@pytest.mark.parametrize(
    ("predicted", "expected", "precision", "recall", "f1"),
    [
        ((), (), 1.0, 1.0, 1.0),
        ((), GOLD, 0.0, 0.0, 0.0),
        ((LOOK,), (), 0.0, 1.0, 0.0),
        (GOLD, GOLD, 1.0, 1.0, 1.0),
        ((*GOLD, LOOK), GOLD, 0.75, 1.0, 6 / 7),
        ((CANCEL, LOOK, FIND), GOLD, 1.0, 1.0, 1.0),
        ((LOOK, LOOK), (LOOK, CANCEL), 0.5, 0.5, 0.5),
        ((FIND,), GOLD, 1.0, 1 / 3, 0.5),
        ((Call(name="nosuch", arguments={}),), GOLD, 0.0, 0.0, 0.0),
    ],
)
def test_names_are_compared_as_multisets(
    predicted: tuple[Call, ...], expected: tuple[Call, ...], precision: float, recall: float, f1: float
) -> None:
    names = compare_actions(predicted, expected).names
    assert [names.precision, names.recall, names.f1] == pytest.approx([precision, recall, f1])


def test_what_is_said_and_thought_is_no_action() -> None:
    aside = (Call(name="respond", arguments={"content": "Hello"}), Call(name="think", arguments={"thought": "hm"}))
    found = compare_actions((*aside, *GOLD), (*GOLD, *aside))
    assert found.exact
    assert found.names.precision == found.names.recall == 1.0


def test_strictly_the_arguments_count_too_and_exactly_the_order() -> None:
    wrong = compare_actions((FIND, LOOK, other(CANCEL, reason="ordered by mistake")), GOLD)
    assert (wrong.names.f1, wrong.exact_names, wrong.exact) == (1.0, True, False)
    assert [wrong.strict.precision, wrong.strict.recall] == pytest.approx([2 / 3, 2 / 3])
    swapped = compare_actions((LOOK, FIND, CANCEL), GOLD)
    assert (swapped.strict.f1, swapped.exact_names, swapped.exact) == (1.0, False, False)


def test_equal_arguments_in_other_forms_are_equal() -> None:
    told = compare_actions((other(FIND, email=" Ada@Example.com "), other(LOOK, order_id="w1"), CANCEL), GOLD)
    assert told.exact
    swap = {"order_id": "#W1", "payment_method_id": "paypal_1"}
    one = Call(
        name="exchange_delivered_order_items", arguments={**swap, "item_ids": ["1", "2"], "new_item_ids": ["3", "4"]}
    )
    assert compare_actions((other(one, item_ids=["2", "1"], new_item_ids=["4", "3"]),), (one,)).exact
    assert not compare_actions((other(one, item_ids=["2", "1"]),), (one,)).exact


CALLS = st.lists(st.sampled_from([FIND, LOOK, CANCEL, other(LOOK, order_id="#W2")]), max_size=6)


@given(CALLS, CALLS)
def test_every_figure_is_between_0_and_1_and_every_call_is_paired(predicted: list[Call], expected: list[Call]) -> None:
    found = compare_actions(predicted, expected)
    for part in (found.names, found.strict):
        assert all(0 <= figure <= 1 for figure in (part.precision, part.recall, part.f1))
    assert found.strict.shared <= found.names.shared
    pairs = paired_tools(predicted, expected)
    assert Counter(wanted for wanted, _ in pairs.elements() if wanted) == Counter(call.name for call in expected)
    assert Counter(made for _, made in pairs.elements() if made) == Counter(call.name for call in predicted)
    assert sum(count for (wanted, made), count in pairs.items() if wanted == made) == found.names.shared


def test_what_was_called_instead_stands_beside_what_was_expected() -> None:
    assert paired_tools((LOOK, LOOK, FIND), (LOOK, CANCEL)) == {
        ("get_order_details", "get_order_details"): 1,
        ("cancel_pending_order", "get_order_details"): 1,
        (None, "find_user_id_by_email"): 1,
    }


@pytest.mark.parametrize(
    ("outputs", "said", "share"),
    [
        ([], [], 1.0),
        (["54.10"], [], 0.0),
        (["1,054.10"], ["You get $1054.10 back."], 1.0),
        (["Desk   Lamp"], ["The desk lamp was sent."], 1.0),
        (["54.10", "pending"], ["It is pending."], 0.5),
        (["54.10", "54.10"], ["54.10"], 1.0),
        (["Order #W1 was cancelled, and 54.10 goes back."], ["#W1: cancelled.", "54.1 will be refunded."], 1.0),
        (["Order #W1 was cancelled, and 54.10 goes back."], ["#W1: cancelled."], 0.0),
        (["I am sorry, but this cannot be done."], ["I am sorry, this cannot be done."], 1.0),
        (["I am sorry, but this cannot be done."], ["Fine."], 0.0),
    ],
)
def test_what_had_to_be_told_is_looked_for_by_its_values_and_facts(
    outputs: list[str], said: list[str], share: float
) -> None:
    assert output_match(outputs, said) == share


def test_pass_hat_k_is_the_mean_over_tasks() -> None:
    found = [mean_pass_hat_k([(4, 4), (2, 4), (0, 4)], k) for k in (1, 2, 3, 4)]
    assert found == [pytest.approx(value, abs=5e-5) for value in (0.5, 0.3889, 0.3333, 0.3333)]


def figures(success: float | None, recall: float | None, precision: float | None) -> dict[str, Any]:
    return {"success_rate": success, "avg_action_recall": recall, "avg_action_precision": precision}


def test_a_figure_as_high_as_its_threshold_passes() -> None:
    verdicts = Thresholds().verdicts(figures(0.7, 0.6, 0.6))
    assert [verdict.passed for verdict in verdicts] == [True, True, True]
    assert [verdict.threshold for verdict in verdicts] == [0.7, 0.6, 0.6]
    below = Thresholds().verdicts(figures(0.6999, 1.0, 0.5999))
    assert [verdict.name for verdict in below if not verdict.passed] == ["min_success_rate", "min_action_precision"]
    assert "0.6999, below 0.7" in str(below[0])
    assert not any(verdict.passed for verdict in Thresholds().verdicts(figures(None, None, None)))


def test_thresholds_are_shares_and_come_from_the_settings() -> None:
    assert Thresholds.of(TauBenchConfig(min_success_rate=0.9)).min_success_rate == 0.9
    with pytest.raises(UsageError, match="from 0 to 1"):
        Thresholds(min_action_recall=70)
