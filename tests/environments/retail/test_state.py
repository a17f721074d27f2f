"""Any sequence of calls leaves the shop sound, and as a plain shop that is copied whole and changed in place."""

from __future__ import annotations

import copy
import hashlib
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from environments.retail.database import RetailDB
from environments.retail.desk import perform
from environments.retail.state import State

REASONS = ("no longer needed", "ordered by mistake")


class PlainShop:
    """The rules once more, written the plain way: one deep copy, changed in place."""

    def __init__(self, tables: dict[str, Any]) -> None:
        self.data = copy.deepcopy(tables)

    def call(self, name: str, **arguments: Any) -> str:
        order = self.data["orders"].get(arguments.pop("order_id"))
        if order is None:
            return "Error: order not found"
        refusal = getattr(self, name)(order, **arguments)
        return f"Error: {refusal}" if refusal else json.dumps(order)

    def methods(self, order: Any) -> Any:
        return self.data["users"][order["user_id"]]["payment_methods"]

    def pay(self, order: Any, method_id: str, amount: float) -> None:
        if "gift_card" in method_id:
            method = self.methods(order)[method_id]
            method["balance"] = round(method["balance"] - amount, 2)

    def cancel_pending_order(self, order: Any, reason: Any) -> str | None:
        if order["status"] != "pending":
            return "non-pending order cannot be cancelled"
        if reason not in REASONS:
            return "invalid reason"
        for entry in list(order["payment_history"]):
            order["payment_history"].append({**entry, "transaction_type": "refund"})
            self.pay(order, entry["payment_method_id"], -entry["amount"])
        order["status"] = "cancelled"
        order["cancel_reason"] = reason
        return None

    def swap(self, order: Any, item_ids: Any, new_item_ids: Any, method_id: Any, short: str, places: int) -> Any:
        held = Counter(item["item_id"] for item in order["items"])
        for item_id in item_ids:
            if Counter(item_ids)[item_id] > held[item_id]:
                return f"{item_id} not found"
        if len(item_ids) != len(new_item_ids):
            return "the number of items to be exchanged should match"
        difference: float = 0
        for old, new in zip(item_ids, new_item_ids, strict=True):
            item = next(item for item in order["items"] if item["item_id"] == old)
            variant = self.data["products"][item["product_id"]]["variants"].get(new)
            if variant is None or not variant["available"]:
                return f"new item {new} not found or available"
            difference += variant["price"] - item["price"]
        difference = round(difference, places)
        method = self.methods(order).get(method_id)
        if method is None:
            return "payment method not found"
        if method.get("balance", float("inf")) < difference:
            return f"insufficient gift card balance to pay for the {short}"
        return difference

    def exchange_delivered_order_items(
        self, order: Any, item_ids: Any, new_item_ids: Any, payment_method_id: Any
    ) -> str | None:
        if order["status"] != "delivered":
            return "non-delivered order cannot be exchanged"
        found = self.swap(order, item_ids, new_item_ids, payment_method_id, "price difference", 2)
        if isinstance(found, str):
            return found
        order["status"] = "exchange requested"
        order["exchange_items"], order["exchange_new_items"] = sorted(item_ids), sorted(new_item_ids)
        order["exchange_payment_method_id"] = payment_method_id
        order["exchange_price_difference"] = found
        return None

    def modify_pending_order_items(
        self, order: Any, item_ids: Any, new_item_ids: Any, payment_method_id: Any
    ) -> str | None:
        if order["status"] != "pending":
            return "non-pending order cannot be modified"
        found = self.swap(order, item_ids, new_item_ids, payment_method_id, "new item", 20)
        if isinstance(found, str):
            return found
        kind = "payment" if found > 0 else "refund"
        order["payment_history"].append(
            {"transaction_type": kind, "amount": abs(found), "payment_method_id": payment_method_id}
        )
        self.pay(order, payment_method_id, found)
        for old, new in zip(item_ids, new_item_ids, strict=True):
            item = next(item for item in order["items"] if item["item_id"] == old)
            variant = self.data["products"][item["product_id"]]["variants"][new]
            item["item_id"], item["price"], item["options"] = new, variant["price"], variant["options"]
        order["status"] = "pending (item modified)"
        return None

    def modify_pending_order_payment(self, order: Any, payment_method_id: Any) -> str | None:
        if order["status"] != "pending":
            return "non-pending order cannot be modified"
        method, history = self.methods(order).get(payment_method_id), order["payment_history"]
        if method is None:
            return "payment method not found"
        if len(history) != 1:
            return "there should be exactly one payment for a pending order"
        paid = history[0]
        if paid["payment_method_id"] == payment_method_id:
            return "the new payment method should be different from the current one"
        if method.get("balance", float("inf")) < paid["amount"]:
            return "insufficient gift card balance to pay for the order"
        self.pay(order, payment_method_id, paid["amount"])
        self.pay(order, paid["payment_method_id"], -paid["amount"])
        history.append({**paid, "payment_method_id": payment_method_id})
        history.append({**paid, "transaction_type": "refund"})
        return None

    def modify_pending_order_address(self, order: Any, **address: Any) -> str | None:
        if order["status"] != "pending":
            return "non-pending order cannot be modified"
        order["address"] = address
        return None

    def return_delivered_order_items(self, order: Any, item_ids: Any, payment_method_id: Any) -> str | None:
        if order["status"] != "delivered":
            return "non-delivered order cannot be returned"
        if payment_method_id not in self.methods(order):
            return "payment method not found"
        if (
            "gift_card" not in payment_method_id
            and payment_method_id != order["payment_history"][0]["payment_method_id"]
        ):
            return "payment method should be either the original payment method or a gift card"
        if Counter(item_ids) - Counter(item["item_id"] for item in order["items"]):
            return "some item not found"
        order["status"] = "return requested"
        order["return_items"], order["return_payment_method_id"] = sorted(item_ids), payment_method_id
        return None


def plain_hash(value: Any) -> str:
    def canon(value: Any) -> Any:
        if isinstance(value, dict):
            return tuple((key, canon(inner)) for key, inner in sorted(value.items()))
        return tuple(map(canon, value)) if isinstance(value, list) else value

    return hashlib.sha256(str(canon(value)).encode()).hexdigest()


order_ids = st.sampled_from(["#W1", "#W2", "#W3", "#W4", "#W5", "#W9"])
items = st.lists(st.sampled_from(["m1", "m2", "c1", "c2", "m9"]), max_size=3)
new_items = st.lists(st.sampled_from(["m1", "m2", "m3", "m4", "c1", "c2"]), max_size=3)
methods = st.sampled_from(["gift_card_1", "credit_card_1", "paypal_2", "gift_card_2", "none"])
words = st.one_of(st.sampled_from(["CA", "", "Zürich", "\ud83d"]), st.integers(), st.none(), st.lists(st.booleans()))
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), order_ids, methods),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)
NAMES = [
    *("cancel_pending_order", "exchange_delivered_order_items", "modify_pending_order_items", "calculate", "think"),
    *("modify_pending_order_payment", "modify_pending_order_address", "modify_user_address", "nonsense"),
    *("return_delivered_order_items", "get_user_details", "find_user_id_by_name_zip", "transfer_to_human_agents"),
]
KEYS = ["order_id", "item_ids", "new_item_ids", "payment_method_id", "reason", "user_id", "zip", "desk", "self", ""]


class Shops(RuleBasedStateMachine):
    """One shop of each kind, told the same."""

    tables: dict[str, Any]

    @initialize()
    def open(self) -> None:
        self.db = RetailDB(**self.tables)
        self.plain = PlainShop(self.tables)
        self.state = State(self.db)
        self.twin = self.state.fork()

    def told(self, name: str, **arguments: Any) -> None:
        before = self.state.digest()
        outcome = perform(self.state, name, arguments)
        assert outcome.text == self.plain.call(name, **arguments)
        assert outcome.failed == outcome.text.startswith("Error: ")
        assert outcome.changed == (self.state.digest() != before)

    @rule(order_id=order_ids, reason=st.sampled_from([*REASONS, "", None]))
    def cancel(self, order_id: str, reason: Any) -> None:
        self.told("cancel_pending_order", order_id=order_id, reason=reason)

    @rule(order_id=order_ids, old=items, new=new_items, method=methods, name=st.sampled_from(NAMES[1:3]))
    def swap(self, order_id: str, old: list[str], new: list[str], method: str, name: str) -> None:
        self.told(name, order_id=order_id, item_ids=old, new_item_ids=new, payment_method_id=method)

    @rule(order_id=order_ids, method=methods)
    def repay(self, order_id: str, method: str) -> None:
        self.told("modify_pending_order_payment", order_id=order_id, payment_method_id=method)

    @rule(order_id=order_ids, old=items, method=methods)
    def take_back(self, order_id: str, old: list[str], method: str) -> None:
        self.told("return_delivered_order_items", order_id=order_id, item_ids=old, payment_method_id=method)

    @rule(order_id=order_ids, state=words, zip=words)
    def move(self, order_id: str, state: Any, zip: Any) -> None:
        where = {"address1": "1 Elm", "address2": "", "city": "Oslo", "state": state, "country": "USA", "zip": zip}
        self.told("modify_pending_order_address", order_id=order_id, **where)

    @rule(name=st.sampled_from(NAMES), arguments=st.dictionaries(st.sampled_from(KEYS), anything, max_size=6))
    def nonsense(self, name: str, arguments: dict[str, Any]) -> None:
        """Whatever is passed, nothing is raised; what fails changes nothing."""
        before, tried = self.state.digest(), self.state.fork()
        outcome = perform(tried, name, arguments)
        assert isinstance(outcome.text, str)
        assert outcome.changed == (tried.digest() != before)
        assert not (outcome.failed and outcome.changed)
        assert self.state.digest() == before, "a fork goes its own way"

    @invariant()
    def both_shops_are_equal(self) -> None:
        assert self.state.digest() == plain_hash(self.plain.data)
        assert self.twin.digest() == plain_hash(self.tables), "the shared world never changes"
        assert (self.state == self.twin) == (self.state.digest() == self.twin.digest())

    @invariant()
    def the_shop_is_sound(self) -> None:
        for order in self.plain.data["orders"].values():
            assert {entry["payment_method_id"] for entry in order["payment_history"]} <= set(self.plain.methods(order))
        for user in self.plain.data["users"].values():
            assert all(method.get("balance", 0) >= 0 for method in user["payment_methods"].values())


def test_any_calls_leave_the_shop_as_a_plain_one(tables: dict[str, Any]) -> None:
    machine = type("Told", (Shops,), {"tables": tables})
    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=12))


def test_a_gift_card_that_gets_back_what_it_paid_is_another(db: RetailDB) -> None:
    """The balance is the same number, and of another type."""
    state = State(db)
    assert balance_after_cancelling(state, "#W1", "gift_card_1") == 100
    assert isinstance(state.users["ada_ito_1000"]["payment_methods"]["gift_card_1"]["balance"], float)
    assert ("users", "ada_ito_1000") in state.difference()


def test_refunds_are_refunded_again_unless_that_is_fixed(db: RetailDB) -> None:
    assert balance_after_cancelling(State(db), "#W3", "credit_card_1") == 160
    assert balance_after_cancelling(State(db, fixed_refunds=True), "#W3", "credit_card_1") == 120


def balance_after_cancelling(state: State, order_id: str, paid_with: str) -> float:
    """What the gift card holds once an order is paid otherwise and cancelled."""
    perform(state, "modify_pending_order_payment", {"order_id": order_id, "payment_method_id": paid_with})
    assert perform(state, "cancel_pending_order", {"order_id": order_id, "reason": "no longer needed"}).changed
    return state.users["ada_ito_1000"]["payment_methods"]["gift_card_1"]["balance"]


def test_a_record_written_as_it_was_is_no_difference(db: RetailDB) -> None:
    state = State(db)
    outcome = perform(state, "modify_user_address", {"user_id": "ben_ray_2000", **db.users["ben_ray_2000"]["address"]})
    assert (outcome.failed, outcome.changed) == (False, False)
    assert state == State(db)
    assert state.digest() == State(db).digest()


@pytest.mark.parametrize(("one", "other", "same"), [("2", 2, False), (1, True, False), (1, 1.0, False), ([], {}, True)])
def test_states_are_equal_as_their_hashes_are(db: RetailDB, one: Any, other: Any, same: bool) -> None:
    states = [State(db), State(db)]
    for state, value in zip(states, (one, other), strict=True):
        address = {**db.users["ben_ray_2000"]["address"], "zip": value}
        assert perform(state, "modify_user_address", {"user_id": "ben_ray_2000", **address}).changed
    assert (states[0] == states[1]) == same
    assert (states[0].digest() == states[1].digest()) == same
