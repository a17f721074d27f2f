"""Customers, orders and products from a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product as combinations
from random import Random

from agentgym.errors import UsageError
from environments.retail.reading import Tables
from environments.retail.records import (
    Address,
    Fulfillment,
    Item,
    Order,
    Payment,
    PaymentMethod,
    Product,
    User,
    Variant,
)
from environments.retail.world.catalogue import PRODUCTS, Options
from environments.retail.world.names import BRANDS, CITIES, FIRST_NAMES, LAST_NAMES, STREETS, UNITS

MOST_RECORDS = 1_000_000
"""Of any kind; ids have room for more, and computers have not."""
_STATUSES = {"pending": 42, "delivered": 37, "processed": 11, "cancelled": 10}
_AVAILABLE = 0.65
_SAME_ADDRESS = 0.85


def make_tables(*, seed: int = 0, users: int = 500, orders: int = 1000, products: int = 50) -> Tables:
    """A world; the same for the same numbers."""
    _refuse_nonsense(users=users, orders=orders, products=products)
    chance = Random(f"world {seed} {users} {orders} {products}")
    ids = _Ids(chance)
    goods = dict(_make_product(chance, ids, number) for number in range(products))
    people = dict(_make_user(chance, ids) for _ in range(users))
    placed = [_make_order(chance, ids, owner, people[owner], goods) for owner in _owners(chance, list(people), orders)]
    return Tables(people, {order["order_id"]: order for order in placed}, goods)


def make_address(chance: Random) -> Address:
    """Somewhere to live."""
    city, state, zone = chance.choice(CITIES)
    return {
        "address1": f"{chance.randrange(100, 1000)} {chance.choice(STREETS)}",
        "address2": f"{chance.choice(UNITS)} {chance.randrange(1, 1000)}",
        "city": city,
        "country": "USA",
        "state": state,
        "zip": f"{zone:03}{chance.randrange(100):02}",
    }


class _Ids:
    """Numbers that were not given yet."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._given: set[str] = set()

    def fresh(self, digits: int, lead: str = "") -> str:
        while True:
            number = f"{lead}{self._chance.randrange(10 ** (digits - 1), 10**digits)}"
            if number not in self._given:
                self._given.add(number)
                return number

    def is_fresh(self, text: str) -> bool:
        """Whether it was not given yet; it is now."""
        fresh = text not in self._given
        self._given.add(text)
        return fresh


def _refuse_nonsense(*, users: int, orders: int, products: int) -> None:
    for name, count in (("users", users), ("orders", orders), ("products", products)):
        if not 0 <= count <= MOST_RECORDS:
            raise UsageError(f"{name}={count}: give a number from 0 to {MOST_RECORDS}")
    if orders and not (users and products):
        raise UsageError(f"{orders} orders need at least one user and one product")


def _make_product(chance: Random, ids: _Ids, number: int) -> tuple[str, Product]:
    name, price, options = PRODUCTS[number % len(PRODUCTS)]
    edition = number // len(PRODUCTS) + 1
    product_id = ids.fresh(10)
    variants = _make_variants(chance, ids, price, options)
    held = {variant["item_id"]: variant for variant in variants}
    return product_id, {
        "name": name if edition == 1 else f"{name} {edition}",
        "product_id": product_id,
        "variants": held,
    }


def _make_variants(chance: Random, ids: _Ids, price: float, options: Options) -> list[Variant]:
    """Some of the combinations of options, at least two of them available, no two at the same price."""
    every = list(combinations(*options.values()))
    chosen = chance.sample(every, min(len(every), chance.randrange(8, 16)))
    prices = chance.sample(range(int(price * 80), int(price * 120)), len(chosen))
    return [
        {
            "item_id": ids.fresh(10),
            "options": dict(zip(options, combination, strict=True)),
            "available": number < 2 or chance.random() < _AVAILABLE,
            "price": cents / 100,
        }
        for number, (combination, cents) in enumerate(zip(chosen, prices, strict=True))
    ]


def _make_user(chance: Random, ids: _Ids) -> tuple[str, User]:
    first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
    address = make_address(chance)
    while not ids.is_fresh(f"{first} {last} {address['zip']}"):
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        address = make_address(chance)
    user_id = ids.fresh(4, f"{first}_{last}_".lower())
    user: User = {
        "name": {"first_name": first, "last_name": last},
        "address": address,
        "email": f"{ids.fresh(4, f'{first}.{last}'.lower())}@example.com",
        "payment_methods": {method["id"]: method for method in _make_methods(chance, ids)},
        "orders": [],
    }
    return user_id, user


def _make_methods(chance: Random, ids: _Ids) -> list[PaymentMethod]:
    """One to three of different kinds, in any order."""
    return [_make_method(chance, ids, kind) for kind in chance.sample(range(3), chance.choice((1, 2, 2, 3, 3)))]


def _make_method(chance: Random, ids: _Ids, kind: int) -> PaymentMethod:
    if kind == 0:
        return {
            "source": "credit_card",
            "brand": chance.choice(BRANDS),
            "last_four": f"{chance.randrange(10_000):04}",
            "id": ids.fresh(7, "credit_card_"),
        }
    if kind == 1:
        return {"source": "paypal", "id": ids.fresh(7, "paypal_")}
    balance = chance.randrange(5, 100) if chance.random() < 0.5 else chance.randrange(100, 900)
    return {"source": "gift_card", "balance": balance, "id": ids.fresh(7, "gift_card_")}


def _owners(chance: Random, users: Sequence[str], orders: int) -> list[str]:
    """Who placed each order: everybody one before anybody has two, as far as they go."""
    first = chance.sample(users, min(len(users), orders))
    owners = first + [chance.choice(users) for _ in range(orders - len(first))]
    chance.shuffle(owners)
    return owners


def _make_order(chance: Random, ids: _Ids, owner: str, user: User, products: Mapping[str, Product]) -> Order:
    order_id = ids.fresh(7, "#W")
    user["orders"].append(order_id)
    status = chance.choices(list(_STATUSES), list(_STATUSES.values()))[0]
    items = _make_items(chance, products)
    amount = round(sum(item["price"] for item in items), 2)
    method = chance.choice(list(user["payment_methods"]))
    address = user["address"] if chance.random() < _SAME_ADDRESS else make_address(chance)
    return {
        "order_id": order_id,
        "user_id": owner,
        "address": {**address},
        "items": items,
        "fulfillments": _fulfillments(ids, items) if status in ("processed", "delivered") else [],
        "status": status,
        "payment_history": _history(status, amount, method),
    }


def _make_items(chance: Random, products: Mapping[str, Product]) -> list[Item]:
    """One to five, each of another product, so that customers can say which they mean."""
    count = min(len(products), chance.choice((1, 1, 2, 2, 3, 3, 4, 5)))
    chosen = [products[product_id] for product_id in chance.sample(list(products), count)]
    return [_item(product, chance.choice(list(product["variants"].values()))) for product in chosen]


def _item(product: Product, variant: Variant) -> Item:
    return {
        "name": product["name"],
        "product_id": product["product_id"],
        "item_id": variant["item_id"],
        "price": variant["price"],
        "options": dict(variant["options"]),
    }


def _fulfillments(ids: _Ids, items: Sequence[Item]) -> list[Fulfillment]:
    """One parcel."""
    return [{"tracking_id": [ids.fresh(12)], "item_ids": [item["item_id"] for item in items]}]


def _history(status: str, amount: float, method: str) -> list[Payment]:
    paid: Payment = {"transaction_type": "payment", "amount": amount, "payment_method_id": method}
    back: Payment = {"transaction_type": "refund", "amount": amount, "payment_method_id": method}
    return [paid, back] if status == "cancelled" else [paid]
