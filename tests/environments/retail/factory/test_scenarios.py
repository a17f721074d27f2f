"""Scenarios: which is next, and who fits them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from agentgym.errors import DefinitionError, UnknownNameError, UsageError
from environments.retail.database import RetailDB
from environments.retail.desk import TOOLS
from environments.retail.factory.sampling import MOST_ORDERS, Sampler
from environments.retail.factory.scenarios import BY_KEY, Schedule, check_tools, chosen_scenarios, is_diverse
from environments.retail.factory.template import Stock
from environments.retail.world.own import own_world

KEYS = (
    *("order_cancellation", "order_modification", "item_return", "item_exchange"),
    *("address_change", "payment_update", "order_inquiry", "product_inquiry"),
)


def scheduled(schedule: Schedule, outcomes: Iterator[bool]) -> list[str]:
    keys = []
    for accepted in outcomes:
        key = schedule.begin()
        keys.append(key)
        schedule.end(key, accepted=accepted)
    return keys


def test_the_keys_are_as_they_are_fixed() -> None:
    assert tuple(BY_KEY) == KEYS == chosen_scenarios(None) == chosen_scenarios(())


def test_the_least_represented_is_next_and_ties_go_by_the_list() -> None:
    schedule = Schedule(KEYS)
    assert scheduled(schedule, iter([True] * 20)) == [*KEYS, *KEYS, *KEYS[:4]]


def test_what_fails_is_made_up_for() -> None:
    schedule = Schedule(KEYS)
    keys = scheduled(schedule, iter([True, False, True, *[True] * 6]))
    assert keys[:4] == [KEYS[0], KEYS[1], KEYS[1], KEYS[2]]
    assert set(schedule.accepted.values()) == {1}


def test_counts_differ_by_one_at_most_whatever_fails() -> None:
    schedule, chance = Schedule(KEYS), Random(7)
    while (total := schedule.accepted.total()) < 800:
        if total % 8 == 0 and total:
            assert max(schedule.accepted.values()) - min(schedule.accepted[key] for key in KEYS) <= 1
        scheduled(schedule, iter([chance.random() < 0.6]))


def test_what_is_under_way_counts() -> None:
    schedule = Schedule(KEYS)
    assert [schedule.begin() for _ in range(16)] == [*KEYS, *KEYS]


def test_half_of_one_is_still_diverse() -> None:
    assert is_diverse({"a": 2, "b": 2})
    assert not is_diverse({"a": 3, "b": 2})
    assert is_diverse({})


def test_a_shop_without_a_tool_is_refused_at_once() -> None:
    check_tools()
    with pytest.raises(DefinitionError, match="payment_update needs modify_pending_order_payment"):
        check_tools([name for name in TOOLS if name != "modify_pending_order_payment"])


def test_wrong_names_are_told() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'item_return'"):
        chosen_scenarios(["item_retrun"])
    with pytest.raises(UsageError, match="no scenario is left"):
        Schedule(())


@pytest.mark.parametrize("key", KEYS)
def test_every_customer_who_is_drawn_fits(key: str) -> None:
    sampler, db = Sampler(own_world(), seed=3), own_world()
    drawn = set()
    for seed in range(40):
        brief = sampler.brief(key, seed=seed)
        drawn.add(brief.user_id)
        assert len(brief.orders) <= MOST_ORDERS
        assert all(order["user_id"] == brief.user_id for order in brief.orders.values())
        assert 1 <= len(brief.examples) <= 2
        assert not any(db.users[brief.user_id]["email"] in example.q for example in brief.examples)
        statuses = {order["status"] for order in brief.orders.values()}
        if key in KEYS[:4] or key == "payment_update":
            assert statuses == {"delivered" if key in ("item_return", "item_exchange") else "pending"}
    assert len(drawn) > 20
    assert sampler.brief(key, seed=5) == Sampler(own_world(), seed=3).brief(key, seed=5)


def test_what_nobody_fits_is_left_out(db: RetailDB) -> None:
    orders = {key: order for key, order in db.orders.items() if order["status"] == "delivered"}
    users = {
        name: {**user, "orders": [key for key in user["orders"] if key in orders]} for name, user in db.users.items()
    }
    sampler = Sampler(RetailDB(users, orders, db.products))  # type: ignore[arg-type]  # users stay users
    assert set(KEYS) - set(sampler.keys) == {"order_cancellation", "order_modification", "payment_update"}


def test_templates_of_a_seed_are_always_the_same() -> None:
    def drawn(seed: int) -> list[str]:
        stock = Stock(own_world(), KEYS, seed=seed)
        return [next(stock.take(key)).blueprint.q for key in KEYS * 3]

    assert drawn(1) == drawn(1) != drawn(2)


def test_a_shop_where_nobody_fits_has_no_templates(db: RetailDB) -> None:
    users = {name: db.users[name] for name in ("ada_ito_1000",)}
    orders = {"#W2": db.orders["#W2"]}
    users["ada_ito_1000"] = {**users["ada_ito_1000"], "orders": ["#W2"]}
    stock = Stock(RetailDB(users, orders, db.products), ["payment_update", "item_return"], seed=0)
    assert list(stock.take("payment_update")) == []
    assert next(stock.take("item_return")).user_id == "ada_ito_1000"
