"""Records as tau2-bench's models write them: all of their keys, in the models' order, and numbers as floats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from environments.retail.records import Order, Product, Record, Table, User

ADDRESS = ("address1", "address2", "city", "country", "state", "zip")
UNSET = (
    *("cancel_reason", "exchange_items", "exchange_new_items", "exchange_payment_method_id"),
    *("exchange_price_difference", "return_items", "return_payment_method_id"),
)
"""Keys of an order that are null until a tool sets them."""
_ITEM = ("name", "product_id", "item_id", "price", "options")
_METHOD = {"credit_card": ("brand", "last_four"), "paypal": (), "gift_card": ("balance",)}
"""What a payment method has beside source and id."""


def modelled(table: Table, key: str, record: Mapping[str, Any]) -> Record:
    """A record of any of the layouts as the models write it."""
    if table == "users":
        return _user(key, record)
    return _order(record) if table == "orders" else _product(record)


def without_nulls(order: Mapping[str, Any]) -> dict[str, Any]:
    """An order without what is not set."""
    return {key: value for key, value in order.items() if value is not None or key not in UNSET}


def picked(record: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Some of the keys, in the order given."""
    return {key: record[key] for key in keys}


def _user(key: str, user: Mapping[str, Any]) -> User:
    modelled = {
        "user_id": key,
        "name": picked(user["name"], ("first_name", "last_name")),
        "address": picked(user["address"], ADDRESS),
        "email": user["email"],
        "payment_methods": {held: _method(method) for held, method in user["payment_methods"].items()},
        "orders": user["orders"],
    }
    return cast(User, modelled)


def _method(method: Mapping[str, Any]) -> dict[str, Any]:
    more = picked(method, _METHOD[method["source"]])
    if "balance" in more:
        more["balance"] = float(more["balance"])
    return {**picked(method, ("source", "id")), **more}


def _order(order: Mapping[str, Any]) -> Order:
    modelled = {
        **picked(order, ("order_id", "user_id")),
        "address": picked(order["address"], ADDRESS),
        "items": [_priced(picked(item, _ITEM)) for item in order["items"]],
        "status": order["status"],
        "fulfillments": [picked(entry, ("tracking_id", "item_ids")) for entry in order.get("fulfillments", ())],
        "payment_history": [_payment(entry) for entry in order["payment_history"]],
        **{key: order.get(key) for key in UNSET},
    }
    if modelled["exchange_price_difference"] is not None:
        modelled["exchange_price_difference"] = float(modelled["exchange_price_difference"])
    return cast(Order, modelled)


def _payment(entry: Mapping[str, Any]) -> dict[str, Any]:
    kept = picked(entry, ("transaction_type", "amount", "payment_method_id"))
    return {**kept, "amount": float(kept["amount"])}


def _product(product: Mapping[str, Any]) -> Product:
    variants = {
        item_id: _priced(picked(variant, ("item_id", "options", "available", "price")))
        for item_id, variant in product["variants"].items()
    }
    return cast(Product, {**picked(product, ("name", "product_id")), "variants": variants})


def _priced(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "price": float(record["price"])}
