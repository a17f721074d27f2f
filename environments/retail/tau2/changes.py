"""The tools that change the shop, where tau2-bench's differ: in what they say, in which state, and in key order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from environments.retail import changes
from environments.retail.records import Address, Order
from environments.retail.refusal import Refusal
from environments.retail.state import State
from environments.retail.tau2.records import ADDRESS, picked

_MODIFIED = "pending (item modified)"
_NO_MODIFYING = "Non-pending order cannot be modified"
_OTHER_WORDS = {
    "payment method should be either the original payment method or a gift card": (
        "Payment method should be the original payment method"
    )
}


def cancel_pending_order(desk: State, /, order_id: str, reason: str) -> str:
    return _in_other_words(partial(changes.cancel_pending_order, desk, order_id, reason))


def exchange_delivered_order_items(
    desk: State, /, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> str:
    order = _order_with(desk, order_id, "delivered", "Non-delivered order cannot be exchanged")
    _check_held(order, item_ids, "Number of {} not found.")
    if len(item_ids) != len(new_item_ids):
        raise Refusal("The number of items to be exchanged should match.")
    _check_variants(desk, order, item_ids, new_item_ids)
    return _in_other_words(
        partial(changes.exchange_delivered_order_items, desk, order_id, item_ids, new_item_ids, payment_method_id)
    )


def modify_pending_order_items(
    desk: State, /, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> str:
    order = _order_with(desk, order_id, "pending", _NO_MODIFYING)
    _check_held(order, item_ids, "{} not found")
    if len(item_ids) != len(new_item_ids):
        raise Refusal("The number of items to be exchanged should match")
    _check_variants(desk, order, item_ids, new_item_ids, others_only=True)
    _in_other_words(
        partial(changes.modify_pending_order_items, desk, order_id, item_ids, new_item_ids, payment_method_id)
    )
    changed = desk.orders[order_id]
    *before, last = changed["payment_history"]
    # Where no item is changed the amount is a whole number there, and a float here.
    desk.orders[order_id] = {**changed, "payment_history": [*before, {**last, "amount": float(last["amount"])}]}
    return desk.text("orders", order_id)


def modify_items_as_in_bug_318(
    desk: State, /, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> str:
    """Every changed item gets price and options of the last, as tau2-bench had it."""
    before = desk.order(order_id)
    modify_pending_order_items(desk, order_id, item_ids, new_item_ids, payment_method_id)
    changed = desk.orders[order_id]
    if before is None or not new_item_ids:
        return desk.text("orders", order_id)
    places = _changed_places([item["item_id"] for item in before["items"]], item_ids, new_item_ids)
    last = desk.db.products[desk.db.index.product_of_item[new_item_ids[-1]]]["variants"][new_item_ids[-1]]
    items = list(changed["items"])
    for place in places:
        items[place] = {**items[place], "price": last["price"], "options": last["options"]}
    desk.orders[order_id] = {**changed, "items": items}
    return desk.text("orders", order_id)


def modify_pending_order_payment(desk: State, /, order_id: str, payment_method_id: str) -> str:
    return _while_pending(
        desk, order_id, partial(changes.modify_pending_order_payment, desk, order_id, payment_method_id)
    )


def modify_pending_order_address(
    desk: State, /, order_id: str, address1: str, address2: str, city: str, state: str, country: str, zip: str
) -> str:
    where = (address1, address2, city, state, country, zip)
    _while_pending(desk, order_id, partial(changes.modify_pending_order_address, desk, order_id, *where))
    order = desk.orders[order_id]
    desk.orders[order_id] = {**order, "address": _in_their_order(order["address"])}
    return desk.text("orders", order_id)


def modify_user_address(
    desk: State, /, user_id: str, address1: str, address2: str, city: str, state: str, country: str, zip: str
) -> str:
    where = (address1, address2, city, state, country, zip)
    _in_other_words(partial(changes.modify_user_address, desk, user_id, *where))
    user = desk.users[user_id]
    desk.users[user_id] = {**user, "address": _in_their_order(user["address"])}
    return desk.text("users", user_id)


def return_delivered_order_items(desk: State, /, order_id: str, item_ids: list[str], payment_method_id: str) -> str:
    return _in_other_words(partial(changes.return_delivered_order_items, desk, order_id, item_ids, payment_method_id))


def in_their_words(text: str) -> str:
    """What tau2-bench says where tau-bench says this."""
    return _OTHER_WORDS.get(text, text[:1].upper() + text[1:])


def _in_other_words(change: Callable[[], str]) -> str:
    try:
        return change()
    except Refusal as refusal:
        raise Refusal(in_their_words(str(refusal))) from None


def _order_with(desk: State, order_id: str, status: str, otherwise: str) -> Order:
    order = desk.order(order_id)
    if order is None:
        raise Refusal("Order not found")
    if order["status"] != status:
        raise Refusal(otherwise)
    return order


def _while_pending(desk: State, order_id: str, change: Callable[[], str]) -> str:
    """A change that an order whose items were modified still takes."""
    order = desk.order(order_id)
    if order is None or order["status"] != _MODIFIED:
        return _in_other_words(change)
    desk.orders[order_id] = {**order, "status": "pending"}
    _in_other_words(change)
    desk.orders[order_id] = {**desk.orders[order_id], "status": _MODIFIED}
    return desk.text("orders", order_id)


def _check_held(order: Order, item_ids: Sequence[str], otherwise: str) -> None:
    held = [item["item_id"] for item in order["items"]]
    for item_id in item_ids:
        if item_ids.count(item_id) > held.count(item_id):
            raise Refusal(otherwise.format(item_id))


def _check_variants(
    desk: State, order: Order, item_ids: Sequence[str], new_item_ids: Sequence[str], *, others_only: bool = False
) -> None:
    """Each new item is another variant of the same product, and there to be had."""
    for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
        if others_only and item_id == new_item_id:
            raise Refusal("The new item id should be different from the old item id")
        item = next(item for item in order["items"] if item["item_id"] == item_id)
        variant = desk.db.products[item["product_id"]]["variants"].get(new_item_id)
        if variant is None:
            raise Refusal("Variant not found")
        if not variant["available"]:
            raise Refusal(f"New item {new_item_id} not found or available")


def _changed_places(held: Sequence[str], item_ids: Sequence[str], new_item_ids: Sequence[str]) -> set[int]:
    """Which items of an order were changed, pair by pair."""
    now, places = list(held), set[int]()
    for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
        place = now.index(item_id)
        now[place] = new_item_id
        places.add(place)
    return places


def _in_their_order(address: Address) -> Address:
    return cast(Address, picked(address, ADDRESS))
