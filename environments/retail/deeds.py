"""What actions do, in words that customers and agents share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from environments.retail.database import RetailDB

_ADDRESS = ("address1", "address2", "city", "state", "country", "zip")


def describe_deed(tool: str, arguments: Mapping[str, Any], db: RetailDB, *, ids: bool = True) -> str:
    """What a call that changes something does, as what somebody may do: `cancel order #W0000000, ...`.

    Without `ids` items go by their names and options, as customers know them.
    """
    order = f"order {arguments.get('order_id', '')}"
    paying = describe_method(arguments.get("payment_method_id"))
    if tool == "cancel_pending_order":
        reason = arguments.get("reason")
        return f"cancel {order}" + (f", reason: {reason}" if reason else "")
    if tool == "return_delivered_order_items":
        return f"return {_items(arguments, db, ids=ids)} of {order}, with the refund to {paying}"
    if tool == "exchange_delivered_order_items":
        return f"exchange, in {order}, {_swaps(arguments, db, ids=ids)}, with the difference in price on {paying}"
    if tool == "modify_pending_order_items":
        return f"change, in {order}, {_swaps(arguments, db, ids=ids)}, with the difference in price on {paying}"
    if tool == "modify_pending_order_payment":
        return f"change the payment of {order} to {paying}"
    if tool == "modify_pending_order_address":
        return f"change the shipping address of {order} to {describe_address(arguments)}"
    if tool == "modify_user_address":
        return f"change the default address of the account to {describe_address(arguments)}"
    return tool.replace("_", " ")


def describe_address(arguments: Mapping[str, Any]) -> str:
    """An address in one line."""
    return ", ".join(str(arguments[name]) for name in _ADDRESS if arguments.get(name))


def describe_method(method_id: object) -> str:
    """A payment method by its kind and id."""
    kind = str(method_id).rpartition("_")[0].replace("_", " ")
    return f"the {'PayPal account' if kind == 'paypal' else kind or 'payment method'} {method_id}"


def _item(item_id: object, db: RetailDB, *, ids: bool) -> str:
    product_id = db.index.product_of_item.get(item_id) if isinstance(item_id, str) else None
    if product_id is None or not isinstance(item_id, str):
        return f"item {item_id}"
    product = db.products[product_id]
    told = [f"{name}: {value}" for name, value in product["variants"][item_id]["options"].items()]
    told += [f"item {item_id}"] if ids else []
    return f"the {product['name']} ({', '.join(told)})" if told else f"the {product['name']}"


def _items(arguments: Mapping[str, Any], db: RetailDB, *, ids: bool) -> str:
    return "; ".join(_item(item_id, db, ids=ids) for item_id in _listed(arguments.get("item_ids"))) or "no items"


def _swaps(arguments: Mapping[str, Any], db: RetailDB, *, ids: bool) -> str:
    old, new = _listed(arguments.get("item_ids")), _listed(arguments.get("new_item_ids"))
    pairs = zip(old, new, strict=False)
    swaps = (f"{_item(one, db, ids=ids)} for {_item(other, db, ids=ids)}" for one, other in pairs)
    return "; ".join(swaps) or "no items"


def _listed(value: object) -> Iterable[object]:
    """The ids of a list, whatever else stands in an action that nobody has checked."""
    return value if isinstance(value, list) else []
