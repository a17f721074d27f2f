"""The shop as tau2-bench has it: its file, its records, what its tools say, and its hash."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import DataFileError
from environments.retail.database import RetailDB
from environments.retail.desk import Outcome, perform
from environments.retail.state import State
from environments.retail.tau2.desk import TAU2_TOOLS, TAU2_TOOLS_318
from environments.retail.tau2.files import write_tau2_world
from environments.retail.tau2.world import Tau2DB, shared_tau2_db

ADDRESS = {"address1": "2 Oak", "address2": "", "city": "Bergen", "state": "NV", "country": "USA", "zip": "2"}
SWAP = {"order_id": "#W1", "item_ids": ["m1"], "new_item_ids": ["m2"], "payment_method_id": "credit_card_1"}
EXCHANGE = {"order_id": "#W2", "item_ids": ["m1"], "new_item_ids": ["m2"], "payment_method_id": "credit_card_1"}


@pytest.fixture
def shop(tables: dict[str, Any]) -> Tau2DB:
    return Tau2DB.of(RetailDB(**tables))


@pytest.fixture
def state(shop: Tau2DB) -> State:
    return State(shop)


def call(state: State, name: str, /, **arguments: Any) -> Outcome:
    return perform(state, name, arguments, tools=TAU2_TOOLS)


def plain_hash(state: State) -> str:
    """Of the whole world at once."""
    whole = {table: dict(getattr(state.db, table)) for table in ("users", "orders", "products")}
    whole["users"].update(state.users)
    whole["orders"].update(state.orders)
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def test_records_have_all_keys_in_the_models_order(state: State) -> None:
    order = json.loads(call(state, "get_order_details", order_id="#W2").text)
    assert list(order) == [
        *("order_id", "user_id", "address", "items", "status", "fulfillments", "payment_history", "cancel_reason"),
        *("exchange_items", "exchange_new_items", "exchange_payment_method_id", "exchange_price_difference"),
        *("return_items", "return_payment_method_id"),
    ]
    assert [order["cancel_reason"], order["return_items"]] == [None, None]
    user = call(state, "get_user_details", user_id="ada_ito_1000").text
    assert user.startswith('{"user_id": "ada_ito_1000", "name": {"first_name"')
    assert '{"source": "gift_card", "id": "gift_card_1", "balance": 100.0}' in user
    assert call(state, "get_item_details", item_id="m3").text == (
        '{"item_id": "m3", "options": {"size": "m3"}, "available": false, "price": 8.0}'
    )


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("get_order_details", {"order_id": "#W9"}, "Order not found"),
        ("get_item_details", {"item_id": "p1"}, "Item not found"),
        ("get_product_details", {"product_id": "m1"}, "Product not found"),
        ("find_user_id_by_email", {"email": "x"}, "User not found"),
        ("calculate", {"expression": "a"}, "Invalid characters in expression"),
        ("cancel_pending_order", {"order_id": "#W2", "reason": "x"}, "Non-pending order cannot be cancelled"),
        ("cancel_pending_order", {"order_id": "#W1", "reason": "x"}, "Invalid reason"),
        ("modify_pending_order_items", {**SWAP, "item_ids": ["c2"]}, "c2 not found"),
        (
            "modify_pending_order_items",
            {**SWAP, "item_ids": []},
            "The number of items to be exchanged should match",
        ),
        (
            "modify_pending_order_items",
            {**SWAP, "new_item_ids": ["m1"]},
            "The new item id should be different from the old item id",
        ),
        ("modify_pending_order_items", {**SWAP, "new_item_ids": ["c1"]}, "Variant not found"),
        ("modify_pending_order_items", {**SWAP, "new_item_ids": ["m3"]}, "New item m3 not found or available"),
        ("modify_pending_order_items", {**SWAP, "payment_method_id": "x"}, "Payment method not found"),
        (
            "modify_pending_order_items",
            {**SWAP, "new_item_ids": ["m4"], "payment_method_id": "gift_card_1"},
            "Insufficient gift card balance to pay for the new item",
        ),
        ("exchange_delivered_order_items", {**EXCHANGE, "item_ids": ["m2"]}, "Number of m2 not found."),
        (
            "exchange_delivered_order_items",
            {**EXCHANGE, "new_item_ids": []},
            "The number of items to be exchanged should match.",
        ),
        ("exchange_delivered_order_items", {**EXCHANGE, "new_item_ids": ["a1"]}, "Variant not found"),
        (
            "return_delivered_order_items",
            {"order_id": "#W2", "item_ids": ["m1"], "payment_method_id": "credit_card_1"},
            "Payment method should be the original payment method",
        ),
        ("modify_pending_order_address", {"order_id": "#W2", **ADDRESS}, "Non-pending order cannot be modified"),
        ("modify_user_address", {"user_id": "x", **ADDRESS}, "User not found"),
    ],
)
def test_refusals_are_in_its_own_words_and_change_nothing(
    state: State, name: str, arguments: dict[str, Any], told: str
) -> None:
    assert call(state, name, **arguments) == Outcome(f"Error: {told}", failed=True)
    assert state == State(state.db)


def test_an_item_may_be_exchanged_for_itself_but_not_modified_into_it(state: State) -> None:
    assert call(state, "exchange_delivered_order_items", **{**EXCHANGE, "new_item_ids": ["m1"]}).changed


def test_an_order_whose_items_were_modified_can_still_be_moved_but_not_paid_otherwise(state: State) -> None:
    assert call(state, "modify_pending_order_items", **SWAP).changed
    moved = json.loads(call(state, "modify_pending_order_address", order_id="#W1", **ADDRESS).text)
    assert (moved["status"], list(moved["address"])) == (
        "pending (item modified)",
        ["address1", "address2", "city", "country", "state", "zip"],
    )
    paid = call(state, "modify_pending_order_payment", order_id="#W1", payment_method_id="gift_card_1")
    assert paid.text == "Error: There should be exactly one payment for a pending order"
    assert state.orders["#W1"]["status"] == "pending (item modified)"
    again = call(state, "modify_pending_order_items", **SWAP)
    assert again.text == "Error: Non-pending order cannot be modified"


def test_amounts_are_floats_also_where_nothing_is_changed(state: State) -> None:
    text = call(state, "modify_pending_order_items", **{**SWAP, "item_ids": [], "new_item_ids": []}).text
    assert '{"transaction_type": "refund", "amount": 0.0, "payment_method_id": "credit_card_1"}' in text


@pytest.mark.parametrize(("tools", "price"), [(TAU2_TOOLS, 12.35), (TAU2_TOOLS_318, 25.0)])
def test_changed_items_get_their_own_price_unless_the_bug_is_asked_for(shop: Tau2DB, tools: Any, price: float) -> None:
    tables = json.loads(json.dumps({name: getattr(shop, name) for name in ("users", "orders", "products")}))
    tables["orders"]["#W1"]["items"][1] = tables["orders"]["#W3"]["items"][0]
    state = State(Tau2DB(**tables))
    swap = {**SWAP, "item_ids": ["m1", "c1"], "new_item_ids": ["m2", "c2"]}
    perform(state, "modify_pending_order_items", swap, tools=tools)
    items = state.orders["#W1"]["items"]
    assert [item["item_id"] for item in items] == ["m2", "c2", "m1"]
    assert [item["price"] for item in items] == [price, 25.0, 10.1]
    assert state.orders["#W1"]["payment_history"][-1]["amount"] == pytest.approx(12.35 - 10.1 + 5.0)


def test_the_hash_is_that_of_the_whole_world_in_json(state: State) -> None:
    assert state.digest() == plain_hash(state)
    before = state.digest()
    call(state, "cancel_pending_order", order_id="#W3", reason="no longer needed")
    call(state, "modify_user_address", user_id="ben_ray_2000", **ADDRESS)
    assert before != state.digest() == plain_hash(state)


def test_a_world_goes_to_its_file_and_back(shop: Tau2DB, tmp_path: Path) -> None:
    home = tmp_path / "data" / "tau2" / "domains" / "retail"
    write_tau2_world(home, shop, {})
    for place in (tmp_path, home):
        loaded = shared_tau2_db(place)
        assert loaded.folder is not None
        assert (loaded.users, loaded.orders, loaded.products) == (shop.users, shop.orders, shop.products)
        assert State(loaded).digest() == State(shop).digest()
    assert shared_tau2_db(home) is shared_tau2_db(home)


def test_keys_that_are_not_set_may_be_left_out_and_others_are_dropped(shop: Tau2DB, tmp_path: Path) -> None:
    def strip(whole: Any) -> None:
        for order in whole["orders"].values():
            order["note"] = "x"
            for key in [key for key, value in order.items() if value is None]:
                del order[key]
        for user in whole["users"].values():
            del user["user_id"]

    loaded = Tau2DB.load(edited(shop, tmp_path, strip))
    assert loaded.orders == shop.orders
    assert loaded.users == shop.users
    assert State(loaded).digest() == State(shop).digest()


def edited(shop: Tau2DB, folder: Path, edit: Any) -> Path:
    write_tau2_world(folder, shop, {})
    whole = json.loads((folder / "db.json").read_text())
    whole = edit(whole) or whole
    (folder / "db.json").write_text(json.dumps(whole))
    return folder


def setting(*path: str, to: Any) -> Any:
    def edit(whole: Any) -> None:
        for key in path[:-1]:
            whole = whole[key]
        whole[path[-1]] = to

    return edit


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda whole: [1], "must be one JSON object with the keys users, orders, products"),
        (lambda whole: {"users": {}}, "must be one JSON object with the keys users, orders, products"),
        (setting("orders", to=[]), "orders: holds a list"),
        (setting("orders", "#W1", "items", to=5), "#W1.items: Input should be a valid list"),
        (setting("orders", "#W1", "user_id", to="nobody"), "orders: '#W1': user_id: there is no user 'nobody'"),
        (setting("users", "ada_ito_1000", "user_id", to="x"), "users: 'ada_ito_1000': user_id: is 'x'"),
        (
            setting(
                "users", "ada_ito_1000", "payment_methods", "credit_card_1", to={"source": "credit_card", "id": "x"}
            ),
            "payment_methods.credit_card_1.brand: a credit_card needs one",
        ),
        (setting("products", "p1", "product_id", to="p9"), "products: 'p1': product_id: is 'p9'"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_key(shop: Tau2DB, tmp_path: Path, edit: Any, told: str) -> None:
    with pytest.raises(DataFileError) as caught:
        Tau2DB.load(edited(shop, tmp_path, edit))
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'db.json'}: ")
    assert told in text
    assert "\n" not in text


def test_what_is_no_json_and_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"no db\.json there.*--format tau2"):
        Tau2DB.load(tmp_path)
    (tmp_path / "db.json").write_text("{")
    with pytest.raises(DataFileError, match=r"db\.json: not JSON"):
        shared_tau2_db(tmp_path)
