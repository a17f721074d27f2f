"""What the shop's policy has against a call, by the shop as the calls before have left it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from environments.retail.desk import TERMINAL
from environments.retail.factory.checks.entries import Entry
from environments.retail.factory.checks.references import text_of, texts_of
from environments.retail.factory.envelope import Call
from environments.retail.records import Order
from environments.retail.state import State

_FOR_STATUS = {
    "cancel_pending_order": "pending",
    "modify_pending_order_address": "pending",
    "modify_pending_order_items": "pending",
    "modify_pending_order_payment": "pending",
    "exchange_delivered_order_items": "delivered",
    "return_delivered_order_items": "delivered",
}
_RETURN = "return_delivered_order_items"
_CANCEL = "cancel_pending_order"
_PAY = "modify_pending_order_payment"
_SWAPS = ("modify_pending_order_items", "exchange_delivered_order_items")
_ONCE = ((*_SWAPS,), (_PAY,))
"""Of each an order bears one."""

_Fault = tuple[str, str, JsonValue]


def policy_entries(call: Call, index: int, state: State, before: Sequence[Call]) -> Iterator[Entry]:
    """Breaches, those that the tools let pass too."""
    for code, message, value in _faults(call, state, before):
        yield Entry(f"POLICY_{code}", "error", message, index, value, call.name)


def _faults(call: Call, state: State, before: Sequence[Call]) -> Iterator[_Fault]:
    if any(earlier.name == TERMINAL for earlier in before):
        yield "AFTER_TRANSFER", "the conversation ended with the transfer to a human agent", call.name
    order_id = text_of(call, "order_id")
    order = None if order_id is None else state.order(order_id)
    if order is None or call.name not in _FOR_STATUS:
        return
    yield from _status_faults(call, order)
    yield from _repetitions(call, order["order_id"], before)
    if call.arguments.get("item_ids") == []:
        yield "NO_ITEMS", f"{call.name} of no items changes the order's status alone", []
    if call.name in _SWAPS:
        yield from _swap_faults(call, order, state)
    yield from _payment_faults(call, order)


def _status_faults(call: Call, order: Order) -> Iterator[_Fault]:
    wanted, status = _FOR_STATUS[call.name], order["status"]
    if status != wanted:
        message = f"order {order['order_id']} is {status!r} then; it must be {wanted!r}"
        yield f"NOT_{wanted.upper()}", message, order["order_id"]


def _repetitions(call: Call, order_id: str, before: Sequence[Call]) -> Iterator[_Fault]:
    earlier = {past.name for past in before if past.arguments.get("order_id") == order_id}
    for group in _ONCE:
        if call.name in group and not earlier.isdisjoint(group):
            what = "payment" if group == (_PAY,) else "items"
            yield "ONCE_PER_ORDER", f"the {what} of order {order_id} can be changed once; make it one call", order_id
    if call.name in (_CANCEL, _RETURN) and earlier & {_CANCEL, _RETURN} - {call.name}:
        yield "CANCEL_AND_RETURN", f"order {order_id} cannot be both cancelled and returned", order_id


def _swap_faults(call: Call, order: Order, state: State) -> Iterator[_Fault]:
    product_of, products = state.db.index.product_of_item, state.db.products
    for old, new in zip(texts_of(call, "item_ids"), texts_of(call, "new_item_ids"), strict=False):
        item = next((item for item in order["items"] if item["item_id"] == old), None)
        product_id = product_of.get(new)
        if item is None or product_id is None:
            continue
        if product_id != item["product_id"]:
            message = f"{old} is a {item['name']}, {new} a {products[product_id]['name']}; it must be the same product"
            yield "OTHER_PRODUCT", message, new
        elif old == new:
            yield "SAME_ITEM", f"{old} is swapped for itself", new
        elif not products[product_id]["variants"][new]["available"]:
            yield "NOT_AVAILABLE", f"item {new} is not available", new


def _payment_faults(call: Call, order: Order) -> Iterator[_Fault]:
    method, history = text_of(call, "payment_method_id"), order["payment_history"]
    if method is None or not history:
        return
    present = history[0]["payment_method_id"]
    if call.name == _PAY and method == present:
        yield "SAME_PAYMENT", f"order {order['order_id']} is paid with {method} already", method
    if call.name == _RETURN and method != present and "gift_card" not in method:
        message = f"the refund goes to the original payment method, {present}, or to a gift card"
        yield "REFUND_METHOD", message, method
