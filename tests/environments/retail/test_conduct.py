"""What is reported of an agent's actions beside its reward."""

from __future__ import annotations

from typing import Any

import pytest

from agentgym.tools import Say
from environments.retail.conduct import Call, Conduct, Overlap, comparable_arguments, judge_conduct
from environments.retail.database import RetailDB
from environments.retail.env import RetailEnv
from environments.retail.task import RetailTask

CANCEL = {"order_id": "#W1", "reason": "no longer needed"}
FIND = ("find_user_id_by_email", {"email": "ada.ito@example.com"})
LOOK = ("get_order_details", {"order_id": "#W1"})
WRITE = ("cancel_pending_order", CANCEL)


def compared(made: list[Any], expected: list[Any]) -> Conduct:
    return judge_conduct([Call(*call) for call in made], [Call(*call) for call in expected], RetailDB({}, {}, {}))


@pytest.mark.parametrize(
    ("made", "expected", "precision", "recall", "f1"),
    [
        ([FIND, WRITE], [FIND, WRITE], 1.0, 1.0, 1.0),
        ([], [], 1.0, 1.0, 1.0),
        ([FIND], [], 0.0, 1.0, 0.0),
        ([], [FIND], 0.0, 0.0, 0.0),
        ([FIND, LOOK, LOOK, WRITE], [FIND, WRITE], 0.5, 1.0, 2 / 3),
        ([("think", {"thought": "x"}), WRITE], [FIND, WRITE], 1.0, 0.5, 2 / 3),
    ],
)
def test_names_are_compared_as_multisets(
    made: list[Any], expected: list[Any], precision: float, recall: float, f1: float
) -> None:
    names = compared(made, expected).names
    assert (names.precision, names.recall, names.f1) == pytest.approx((precision, recall, f1))


def test_arguments_count_where_it_is_strict() -> None:
    other = ("cancel_pending_order", {**CANCEL, "reason": "ordered by mistake"})
    conduct = compared([FIND, other], [FIND, WRITE])
    assert (conduct.names.f1, conduct.strict.f1) == (1.0, 0.5)
    assert (conduct.exact_names, conduct.exact) == (True, False)
    assert (conduct.reads, conduct.writes) == (Overlap(1, 1, 1), Overlap(0, 1, 1))
    assert not compared([WRITE, FIND], [FIND, WRITE]).exact_names


def exchange(items: str, new_items: str) -> dict[str, Any]:
    return {"item_ids": list(items), "new_item_ids": list(new_items)}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"item_ids": ["a", "b"]}, {"item_ids": ["b", "a"]}, True),
        ({"item_ids": ["a", "a"]}, {"item_ids": ["a"]}, False),
        (
            {"item_ids": ["a", "b"], "new_item_ids": ["x", "y"]},
            {"item_ids": ["b", "a"], "new_item_ids": ["y", "x"]},
            True,
        ),
        (
            {"item_ids": ["a", "b"], "new_item_ids": ["x", "y"]},
            {"item_ids": ["b", "a"], "new_item_ids": ["x", "y"]},
            False,
        ),
        ({"city": "OSLO", "user_id": None}, {"city": "Oslo"}, True),
        ({"order_id": "#w1"}, {"order_id": "#W1"}, False),
        ({"zip": "1"}, {"zip": 1}, False),
    ],
)
def test_arguments_that_mean_the_same_are_the_same(one: Any, other: Any, same: bool) -> None:
    assert (comparable_arguments("t", one) == comparable_arguments("t", other)) == same


@pytest.mark.anyio
async def test_breaches_of_the_policy_are_reported_and_cost_nothing(db: RetailDB) -> None:
    task = RetailTask.model_validate({"id": "t", "instruction": "-", "actions": [{"name": WRITE[0], "kwargs": CANCEL}]})
    for replies, before, told in (
        (["Yes, please."], [FIND, LOOK], []),
        (["Yes, but not #W2."], [FIND, LOOK], []),
        (["No problem, go ahead."], [FIND, LOOK], []),
        (["No."], [FIND, LOOK], ["cancel_pending_order: changed something without a yes of the customer"]),
        (["No, please do not do it."], [FIND, LOOK], ["cancel_pending_order: changed something"]),
        (["I'm not sure. Don't proceed!"], [FIND, LOOK], ["cancel_pending_order: changed something"]),
        (["Okay!"], [], ["cancel_pending_order: acted before it was known who the customer is"]),
        (
            ["ok"],
            [FIND, ("get_user_details", {"user_id": "ben_ray_2000"})],
            ["get_user_details: concerns ben_ray"],
        ),
        (["ok"], [FIND, ("find_user_id_by_email", {"email": "cyd@example.com"})], ["find_user_id_by_email: looked up"]),
        (["ok"], [FIND, ("get_user_details", {"user_id": "nobody"})], []),
    ):
        env = RetailEnv(db, user=replies)
        await env.reset(task)
        for name, arguments in before:
            await env.call(name, arguments)
        await env.step(Say("Cancel it: yes or no?"))
        await env.call(*WRITE)
        step = await env.step(Say("Done."))
        assert (env.reward, env.solved) == (1.0, True)
        assert env.reward_terms["violations"].value == len(told)
        noted: Any = step.info.get("violations", [])
        assert len(noted) == len(told)
        assert all(line.startswith(start) for line, start in zip(noted, told, strict=True)), noted
