"""Whether what a call names is there, and belongs together."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from environments.retail.factory.checks.entries import Entry
from environments.retail.factory.envelope import Call
from environments.retail.records import Order
from environments.retail.state import State

_SEARCH = "find_user_id_by_"


def reference_entries(call: Call, index: int, state: State, customer: str) -> Iterator[Entry]:
    """What a call names that is not there, or not the customer's; whatever the arguments are."""
    for code, message, value in _faults(call, state, customer):
        yield Entry(code, "error", message, index, value, call.name)


_Fault = tuple[str, str, JsonValue]


def _faults(call: Call, state: State, customer: str) -> Iterator[_Fault]:
    order_id, user_id = text_of(call, "order_id"), text_of(call, "user_id")
    order = None if order_id is None else state.order(order_id)
    if user_id is not None and state.user(user_id) is None:
        yield "USER_NOT_FOUND", f"there is no user {user_id!r}", user_id
    if order_id is not None and order is None:
        yield "ORDER_NOT_FOUND", f"there is no order {order_id!r}", order_id
    expected = user_id or customer
    if order is not None and expected and order["user_id"] != expected:
        yield "USER_ORDER_MISMATCH", f"order {order_id} is one of {order['user_id']!r}, not of {expected!r}", order_id
    yield from _product_faults(call, state)
    if order is not None:
        yield from _item_faults(call, order)
    owner = expected if order is None else order["user_id"]
    yield from _payment_faults(call, state, owner)


def _product_faults(call: Call, state: State) -> Iterator[_Fault]:
    known = state.db.index.product_of_item
    product_id = text_of(call, "product_id")
    if product_id is not None and product_id not in state.db.products:
        hint = f"; it is an item of product {known[product_id]!r}" if product_id in known else ""
        yield "PRODUCT_NOT_FOUND", f"there is no product {product_id!r}{hint}", product_id
    for item_id in texts_of(call, "new_item_ids"):
        if item_id not in known:
            yield "PRODUCT_NOT_FOUND", f"no product has an item {item_id!r}", item_id


def _item_faults(call: Call, order: Order) -> Iterator[_Fault]:
    wanted = texts_of(call, "item_ids")
    held = [item["item_id"] for item in order["items"]]
    for item_id in dict.fromkeys(wanted):
        if wanted.count(item_id) > held.count(item_id):
            times = f" {wanted.count(item_id)} times" if item_id in held else ""
            yield "ITEM_NOT_IN_ORDER", f"order {order['order_id']} does not hold item {item_id!r}{times}", item_id


def _payment_faults(call: Call, state: State, owner: str) -> Iterator[_Fault]:
    method, user = text_of(call, "payment_method_id"), state.user(owner)
    if method is not None and user is not None and method not in user["payment_methods"]:
        yield "PAYMENT_NOT_OWNED", f"{owner!r} has no payment method {method!r}", method


def search_entries(call: Call, index: int, state: State) -> Iterator[Entry]:
    """A search that finds nobody."""
    if call.name.startswith(_SEARCH):
        value = dict(call.arguments)
        told = " ".join(str(part) for part in value.values())
        yield Entry("USER_NOT_FOUND", "error", f"there is no user with {told!r}", index, told, call.name)


def is_search(call: Call) -> bool:
    """Whether it finds out who the customer is."""
    return call.name.startswith(_SEARCH)


def text_of(call: Call, name: str) -> str | None:
    """An argument that is text; what is none is the schema's affair."""
    value = call.arguments.get(name)
    return value if isinstance(value, str) else None


def texts_of(call: Call, name: str) -> list[str]:
    """The texts of an argument that is a list."""
    value = call.arguments.get(name)
    return [part for part in value if isinstance(part, str)] if isinstance(value, list) else []
