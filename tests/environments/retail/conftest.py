"""A shop small enough to be read: three customers, five orders, three products."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from environments.retail.database import RetailDB

ADA, BEN, CYD = "ada_ito_1000", "ben_ray_2000", "cyd_ray_3000"


def address(zip: str) -> dict[str, str]:
    return {
        "address1": "1 Elm",
        "address2": "",
        "city": "Oslo",
        "country": "USA",
        "state": "CA",
        "zip": zip,
    }


def user(first: str, last: str, zip: str, methods: list[dict[str, Any]], orders: list[str]) -> dict[str, Any]:
    return {
        "name": {"first_name": first, "last_name": last},
        "address": address(zip),
        "email": f"{first}.{last}@example.com",
        "payment_methods": {method["id"]: method for method in methods},
        "orders": orders,
    }


def product(product_id: str, name: str, variants: dict[str, tuple[float, bool]]) -> dict[str, Any]:
    return {
        "name": name,
        "product_id": product_id,
        "variants": {
            item_id: {"item_id": item_id, "options": {"size": item_id}, "available": available, "price": price}
            for item_id, (price, available) in variants.items()
        },
    }


PRODUCTS = {
    "p1": product("p1", "Mug", {"m1": (10.1, True), "m2": (12.35, True), "m3": (8.0, False), "m4": (300.0, True)}),
    "p2": product("p2", "Cap", {"c1": (20.0, True), "c2": (25.0, True)}),
    "p3": product("p3", "Aal", {"a1": (5.0, True)}),
}


def order(order_id: str, user_id: str, status: str, items: list[str], method: str) -> dict[str, Any]:
    homes = {item_id: held for held in PRODUCTS.values() for item_id in held["variants"]}
    lines = [
        {
            "name": homes[item_id]["name"],
            "product_id": homes[item_id]["product_id"],
            "item_id": item_id,
            "price": homes[item_id]["variants"][item_id]["price"],
            "options": homes[item_id]["variants"][item_id]["options"],
        }
        for item_id in items
    ]
    amount = round(sum(line["price"] for line in lines), 2)
    paid = {"transaction_type": "payment", "amount": amount, "payment_method_id": method}
    return {
        "order_id": order_id,
        "user_id": user_id,
        "address": address("00001"),
        "items": lines,
        "fulfillments": [{"tracking_id": ["t"], "item_ids": items}] if status == "delivered" else [],
        "status": status,
        "payment_history": [paid],
    }


GIFT = {"source": "gift_card", "balance": 100, "id": "gift_card_1"}
CARD = {"source": "credit_card", "brand": "visa", "last_four": "1111", "id": "credit_card_1"}
PAYPAL = {"source": "paypal", "id": "paypal_2"}
SMALL = {"source": "gift_card", "balance": 1, "id": "gift_card_2"}
TABLES = {
    "users": {
        ADA: user("Ada", "Ito", "00001", [GIFT, CARD], ["#W1", "#W2", "#W3"]),
        BEN: user("Ben", "Ray", "00002", [PAYPAL, SMALL], ["#W4", "#W5"]),
        CYD: {**user("Ben", "Ray", "00003", [], []), "email": "Cyd@Example.com"},
    },
    "orders": {
        "#W1": order("#W1", ADA, "pending", ["m1", "m2", "m1"], "credit_card_1"),
        "#W2": order("#W2", ADA, "delivered", ["m1", "c1"], "gift_card_1"),
        "#W3": order("#W3", ADA, "pending", ["c1"], "gift_card_1"),
        "#W4": order("#W4", BEN, "delivered", ["c2", "c2"], "paypal_2"),
        "#W5": order("#W5", BEN, "processed", ["m2"], "paypal_2"),
    },
    "products": PRODUCTS,
}


@pytest.fixture
def tables() -> dict[str, Any]:
    """The shop's records, for a test to change."""
    return copy.deepcopy(TABLES)


@pytest.fixture
def db(tables: dict[str, Any]) -> RetailDB:
    return RetailDB(**tables)
