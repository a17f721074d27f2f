"""The tools that change the shop: first all checks, in the order agents see them fail, then one change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from environments.retail.records import Address, Item, Order, Payment, PaymentMethod, User, Variant
from environments.retail.refusal import Refusal
from environments.retail.state import State

_UNMODIFIABLE = "non-pending order cannot be modified"


def cancel_pending_order(desk: State, /, order_id: str, reason: str | None) -> str:
    order = _order_with(desk, order_id, "pending", "non-pending order cannot be cancelled")
    if reason not in desk.reasons:
        raise Refusal("invalid reason")
    history = order["payment_history"]
    owed = _still_owed(history) if desk.fixed_refunds else history
    refunds = [_payment("refund", entry["amount"], entry["payment_method_id"]) for entry in owed]
    for refund in refunds:
        if "gift_card" in refund["payment_method_id"]:
            _credit(desk, order, refund["payment_method_id"], refund["amount"])
    desk.orders[order_id] = {
        **order,
        "status": "cancelled",
        "payment_history": [*history, *refunds],
        "cancel_reason": reason,
    }
    return desk.text("orders", order_id)


def exchange_delivered_order_items(
    desk: State, /, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> str:
    order = _order_with(desk, order_id, "delivered", "non-delivered order cannot be exchanged")
    pairs = _exchanged(desk, order, item_ids, new_item_ids)
    difference = round(_price_difference(pairs), 2)
    _payer(desk, order, payment_method_id, difference, "insufficient gift card balance to pay for the price difference")
    desk.orders[order_id] = {
        **order,
        "status": "exchange requested",
        "exchange_items": sorted(item_ids),
        "exchange_new_items": sorted(new_item_ids),
        "exchange_payment_method_id": payment_method_id,
        "exchange_price_difference": difference,
    }
    return desk.text("orders", order_id)


def modify_pending_order_items(
    desk: State, /, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> str:
    order = _order_with(desk, order_id, "pending", _UNMODIFIABLE)
    pairs = _exchanged(desk, order, item_ids, new_item_ids)
    difference = _price_difference(pairs)
    method = _payer(
        desk, order, payment_method_id, difference, "insufficient gift card balance to pay for the new item"
    )
    # Binary noise in the amount stays: it is part of the hash.
    entry = _payment("payment" if difference > 0 else "refund", abs(difference), payment_method_id)
    if method["source"] == "gift_card":
        _credit(desk, order, payment_method_id, -difference)
    desk.orders[order_id] = {
        **order,
        "items": _replaced(order["items"], item_ids, [variant for _, variant in pairs]),
        "status": "pending (item modified)",
        "payment_history": [*order["payment_history"], entry],
    }
    return desk.text("orders", order_id)


def modify_pending_order_payment(desk: State, /, order_id: str, payment_method_id: str) -> str:
    order = _order_with(desk, order_id, "pending", _UNMODIFIABLE)
    method = _method(desk, order, payment_method_id)
    history = order["payment_history"]
    if len(history) > 1 or history[0]["transaction_type"] != "payment":
        raise Refusal("there should be exactly one payment for a pending order")
    old_id, amount = history[0]["payment_method_id"], history[0]["amount"]
    if old_id == payment_method_id:
        raise Refusal("the new payment method should be different from the current one")
    if method["source"] == "gift_card" and method["balance"] < amount:
        raise Refusal("insufficient gift card balance to pay for the order")
    if method["source"] == "gift_card":
        _credit(desk, order, payment_method_id, -amount)
    if "gift_card" in old_id:
        _credit(desk, order, old_id, amount)
    entries = [_payment("payment", amount, payment_method_id), _payment("refund", amount, old_id)]
    desk.orders[order_id] = {**order, "payment_history": [*history, *entries]}
    return desk.text("orders", order_id)


def modify_pending_order_address(
    desk: State, /, order_id: str, address1: str, address2: str, city: str, state: str, country: str, zip: str
) -> str:
    order = _order_with(desk, order_id, "pending", _UNMODIFIABLE)
    desk.orders[order_id] = {**order, "address": _address(address1, address2, city, state, country, zip)}
    return desk.text("orders", order_id)


def modify_user_address(
    desk: State, /, user_id: str, address1: str, address2: str, city: str, state: str, country: str, zip: str
) -> str:
    user = desk.user(user_id)
    if user is None:
        raise Refusal("user not found")
    desk.users[user_id] = {**user, "address": _address(address1, address2, city, state, country, zip)}
    return desk.text("users", user_id)


def return_delivered_order_items(desk: State, /, order_id: str, item_ids: list[str], payment_method_id: str) -> str:
    order = _order_with(desk, order_id, "delivered", "non-delivered order cannot be returned")
    _method(desk, order, payment_method_id)
    paid_with = order["payment_history"][0]["payment_method_id"]
    if "gift_card" not in payment_method_id and payment_method_id != paid_with:
        raise Refusal("payment method should be either the original payment method or a gift card")
    for _ in _lacking(order, item_ids):
        raise Refusal("some item not found")
    desk.orders[order_id] = {
        **order,
        "status": "return requested",
        "return_items": sorted(item_ids),
        "return_payment_method_id": payment_method_id,
    }
    return desk.text("orders", order_id)


def _order_with(desk: State, order_id: str, status: str, otherwise: str) -> Order:
    order = desk.order(order_id)
    if order is None:
        raise Refusal("order not found")
    if order["status"] != status:
        raise Refusal(otherwise)
    return order


def _owner(desk: State, order: Order) -> User:
    return desk.users.get(order["user_id"]) or desk.db.users[order["user_id"]]


def _method(desk: State, order: Order, payment_method_id: str) -> PaymentMethod:
    methods = _owner(desk, order)["payment_methods"]
    if payment_method_id not in methods:
        raise Refusal("payment method not found")
    return methods[payment_method_id]


def _payer(desk: State, order: Order, payment_method_id: str, amount: float, otherwise: str) -> PaymentMethod:
    method = _method(desk, order, payment_method_id)
    if method["source"] == "gift_card" and method["balance"] < amount:
        raise Refusal(otherwise)
    return method


def _credit(desk: State, order: Order, gift_card_id: str, amount: float) -> None:
    user = _owner(desk, order)
    methods = user["payment_methods"]
    method: PaymentMethod = {
        **methods[gift_card_id],
        "balance": round(methods[gift_card_id]["balance"] + amount, 2),
    }
    desk.users[order["user_id"]] = {**user, "payment_methods": {**methods, gift_card_id: method}}


def _lacking(order: Order, item_ids: list[str]) -> Iterator[str]:
    """The items asked for more often than the order holds them; they may be of any type, and any number."""
    held = [item["item_id"] for item in order["items"]]
    return (item_id for item_id in item_ids if item_ids.count(item_id) > held.count(item_id))


def _exchanged(desk: State, order: Order, item_ids: list[str], new_item_ids: list[str]) -> list[tuple[Item, Variant]]:
    """Each item with the variant that takes its place."""
    for lacking in _lacking(order, item_ids):
        raise Refusal(f"{lacking} not found")
    if len(item_ids) != len(new_item_ids):
        raise Refusal("the number of items to be exchanged should match")
    pairs: list[tuple[Item, Variant]] = []
    for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
        item = next(item for item in order["items"] if item["item_id"] == item_id)
        variants = desk.db.products[item["product_id"]]["variants"]
        if not (new_item_id in variants and variants[new_item_id]["available"]):
            raise Refusal(f"new item {new_item_id} not found or available")
        pairs.append((item, variants[new_item_id]))
    return pairs


def _price_difference(pairs: Iterable[tuple[Item, Variant]]) -> float:
    difference: float = 0  # a whole number where there are no pairs, which agents see
    for item, variant in pairs:
        difference += variant["price"] - item["price"]
    return difference


def _replaced(items: Sequence[Item], item_ids: Sequence[str], variants: Sequence[Variant]) -> list[Item]:
    """Pair by pair, the first item of the old id; so two that swap ids are one item changed there and back."""
    changed = list(items)
    for item_id, variant in zip(item_ids, variants, strict=True):
        place = next(place for place, item in enumerate(changed) if item["item_id"] == item_id)
        changed[place] = {
            **changed[place],
            "item_id": variant["item_id"],
            "price": variant["price"],
            "options": variant["options"],
        }
    return changed


def _still_owed(history: Sequence[Payment]) -> list[Payment]:
    """The payments that no refund to the same method has settled."""
    owed = [entry for entry in history if entry["transaction_type"] == "payment"]
    for entry in history:
        settled = next((paid for paid in owed if _settles(entry, paid)), None)
        if settled is not None:
            owed.remove(settled)
    return owed


def _settles(entry: Payment, paid: Payment) -> bool:
    same = entry["payment_method_id"] == paid["payment_method_id"] and entry["amount"] == paid["amount"]
    return same and entry["transaction_type"] == "refund"


def _payment(kind: Literal["payment", "refund"], amount: float, payment_method_id: str) -> Payment:
    return {"transaction_type": kind, "amount": amount, "payment_method_id": payment_method_id}


def _address(address1: str, address2: str, city: str, state: str, country: str, zip: str) -> Address:
    return {
        "address1": address1,
        "address2": address2,
        "city": city,
        "state": state,
        "country": country,
        "zip": zip,
    }
