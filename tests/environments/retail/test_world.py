"""The world of our own: the same from the same seed, whole, and the same again once it was written and read."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from agentgym.errors import UsageError
from environments.retail.database import RetailDB
from environments.retail.env import RetailEnv
from environments.retail.state import State
from environments.retail.world.catalogue import PRODUCTS
from environments.retail.world.files import write_world
from environments.retail.world.own import own_tasks, own_world, split_tasks
from environments.retail.world.tables import make_address, make_tables

WORLD = "fbd11164c65ae3aa3b927ae85fa4e77647a8684f1dbf94ff0f1d736aea05b861"
"""Scores depend on it: whoever changes the world changes what they mean, and must raise the environment's version."""


def test_the_world_is_what_it_was() -> None:
    assert State(own_world()).digest() == WORLD


def test_the_same_numbers_give_the_same_world_and_others_another() -> None:
    first = make_tables(seed=3, users=20, orders=30, products=5)
    assert json.dumps(first) == json.dumps(make_tables(seed=3, users=20, orders=30, products=5))
    assert first.users.keys().isdisjoint(make_tables(seed=4, users=20, orders=30, products=5).users)


def test_its_size_and_its_kinds() -> None:
    db = own_world()
    assert (len(db.users), len(db.orders), len(db.products)) == (500, 1000, 50)
    statuses = {status: len(orders) for status, orders in db.index.orders_of_status.items()}
    assert statuses.keys() == {"pending", "processed", "delivered", "cancelled"}
    assert min(statuses.values()) >= 80
    assert statuses["pending"] > 350
    assert statuses["delivered"] > 300
    sources = [method["source"] for user in db.users.values() for method in user["payment_methods"].values()]
    assert all(sources.count(source) > 200 for source in ("credit_card", "paypal", "gift_card"))
    assert all(user["orders"] for user in db.users.values())


@pytest.mark.parametrize(
    ("users", "orders", "products"), [(0, 0, 0), (1, 0, 0), (0, 0, 2), (1, 1, 1), (5, 2, 3), (3, 40, 120), (40, 40, 50)]
)
def test_worlds_of_any_size_are_whole(users: int, orders: int, products: int) -> None:
    tables = make_tables(seed=1, users=users, orders=orders, products=products)
    assert [len(table) for table in tables] == [users, orders, products]
    RetailDB(*tables)  # refuses dangling and repeated references
    for order in tables.orders.values():
        owner = tables.users[order["user_id"]]
        assert order["order_id"] in owner["orders"]
        assert order["payment_history"][0]["amount"] == round(sum(item["price"] for item in order["items"]), 2)
        assert len({item["product_id"] for item in order["items"]}) == len(order["items"])
        for item in order["items"]:
            variant = tables.products[item["product_id"]]["variants"][item["item_id"]]
            assert (item["price"], item["options"]) == (variant["price"], variant["options"])
        sent = [item_id for parcel in order["fulfillments"] for item_id in parcel["item_ids"]]
        assert sorted(sent) in ([], sorted(item["item_id"] for item in order["items"]))
        assert bool(sent) == (order["status"] in ("processed", "delivered"))
        assert len(order["payment_history"]) == 1 + (order["status"] == "cancelled")


def test_variants_can_be_told_apart_and_bought() -> None:
    assert len({name for name, _, _ in PRODUCTS}) == len(PRODUCTS) == 50
    for product in own_world().products.values():
        variants = product["variants"].values()
        assert len({json.dumps(variant["options"], sort_keys=True) for variant in variants}) == len(variants)
        assert len({variant["price"] for variant in variants}) == len(variants)
        assert sum(variant["available"] for variant in variants) >= 2


def test_more_products_than_there_are_kinds_have_names_of_their_own() -> None:
    products = make_tables(users=0, orders=0, products=130).products.values()
    assert len({product["name"] for product in products}) == 130


def test_nonsense_is_refused() -> None:
    for numbers in ({"users": -1}, {"orders": 10_000_000}, {"users": 0}, {"products": 0}):
        with pytest.raises(UsageError, match=r"users|orders|products"):
            make_tables(**numbers)


def test_addresses_differ_and_keep_their_zeros() -> None:
    addresses = [make_address(Random(seed)) for seed in range(200)]
    assert all(len(address["zip"]) == 5 and address["zip"].isdecimal() for address in addresses)
    assert any(address["zip"].startswith("0") for address in addresses)
    assert len({json.dumps(address) for address in addresses}) == 200


def test_a_world_that_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    tasks = {split: own_tasks(split) for split in ("test", "train")}
    files = write_world(tmp_path / "a" / "shop", own_world(), tasks)
    assert [path.name for path in files] == [
        *("users.json", "orders.json", "products.json"),
        *("tasks_test.jsonl", "tasks_train.jsonl"),
    ]
    env = RetailEnv(tmp_path / "a" / "shop")
    for table in ("users", "orders", "products"):
        assert json.dumps(getattr(env.db, table)) == json.dumps(getattr(own_world(), table))
    assert list(env.tasks("test")) == tasks["test"]
    assert list(env.tasks()) == RetailEnv().tasks()
    rows = [json.loads(line) for line in files[3].read_text().splitlines()]
    assert {*rows[0]} == {"user_id", "instruction", "actions", "outputs", "tags"}
    assert {*rows[0]["actions"][0]} == {"name", "kwargs"}


def test_files_that_are_there_are_replaced_only_where_asked(tmp_path: Path) -> None:
    db = RetailDB(*make_tables(users=3, orders=4, products=2))
    write_world(tmp_path, db, {})
    with pytest.raises(UsageError, match=r"users\.json is there already; .*--force"):
        write_world(tmp_path, db, {})
    other = RetailDB(*make_tables(seed=1, users=3, orders=4, products=2))
    write_world(tmp_path, other, {}, replace=True)
    assert RetailDB.load(tmp_path).users == other.users


def test_small_worlds_give_what_tasks_they_hold() -> None:
    nobody = RetailDB(*make_tables(users=0, orders=0, products=0))
    assert split_tasks(nobody, "test", 10) == split_tasks(nobody, "train", 10) == []
    one = RetailDB(*make_tables(users=1, orders=1, products=1))
    assert split_tasks(one, "train", 10) == [], "the only customer plays in the test"
    tasks = split_tasks(one, "test", 40)
    assert {task.user_id for task in tasks} == {*one.users}
    assert not any(RetailEnv(one).flaws(task) for task in tasks)
