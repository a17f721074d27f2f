"""What a task is to be made from: a customer whose orders fit, what they bought, and how they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from random import Random

from agentgym.errors import UsageError
from agentgym.seeds import derive_seed
from environments.retail.database import RetailDB
from environments.retail.factory.envelope import Blueprint
from environments.retail.factory.personas import persona
from environments.retail.factory.scenarios import BY_KEY, Scenario
from environments.retail.factory.template import Stock, Stocked
from environments.retail.records import Order, Product, User

MOST_ORDERS = 3
_MORE_PRODUCTS = 2
_KNOWN_EXAMPLES = 4
"""Of each scenario, from which one or two are shown."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What whoever writes a task is told."""

    scenario: Scenario
    user_id: str
    user: User
    orders: Mapping[str, Order]
    products: Mapping[str, Product]
    persona: str
    examples: tuple[Blueprint, ...]
    seed: int
    """Of this task; all chance in its making comes from it."""


class Sampler:
    """Draws briefs; who fits a scenario is looked up, never tried out."""

    def __init__(self, db: RetailDB, keys: tuple[str, ...] = tuple(BY_KEY), *, seed: int = 0) -> None:
        self.db = db
        self._seed = seed
        self._fitting = {key: _fitting(db, key) for key in keys}
        self._stock = Stock(db, keys, seed=derive_seed(seed, "examples"))
        self._examples: dict[str, list[Stocked]] = {}

    @property
    def keys(self) -> tuple[str, ...]:
        """The scenarios that anybody fits."""
        return tuple(key for key, users in self._fitting.items() if users)

    def brief(self, key: str, *, seed: int) -> Brief:
        """What a task of a scenario is to be made from; the same for the same seed."""
        chance, users = Random(seed), self._fitting[key]
        if not users:
            raise UsageError(f"no customer in the data fits the scenario {key}")
        user_id = _drawn(users, chance)
        fitting = users[user_id]
        orders = [self.db.orders[place] for place in sorted(chance.sample(fitting, min(len(fitting), MOST_ORDERS)))]
        return Brief(
            BY_KEY[key],
            user_id,
            self.db.users[user_id],
            {order["order_id"]: order for order in orders},
            self._products(key, orders, chance),
            persona(chance),
            self._shown(key, user_id, chance),
            seed,
        )

    def gold(self, brief: Brief) -> Blueprint | None:
        """A task such as is wanted, for the oracle: of this customer, or else of another; None where there is none."""
        key, seed = brief.scenario.key, derive_seed(brief.seed, "gold")
        own = Stock(self.db, [key], seed=seed, users=[brief.user_id], batch=2 * len(BY_KEY))
        with suppress(UsageError):  # of data that templates cannot be made of
            found = next(chain(own.take(key), Stock(self.db, [key], seed=seed).take(key)), None)
            return None if found is None else found.blueprint
        return None

    def _products(self, key: str, orders: list[Order], chance: Random) -> dict[str, Product]:
        """Those of the items, and where it is about products a few more."""
        held = [item["product_id"] for order in orders for item in order["items"]]
        if key == "product_inquiry":
            held = chance.sample(list(self.db.products), min(len(self.db.products), _MORE_PRODUCTS))
        return {name: self.db.products[name] for name in held}

    def _shown(self, key: str, user_id: str, chance: Random) -> tuple[Blueprint, ...]:
        """One or two worked examples, none of this customer."""
        if key not in self._examples:
            with suppress(UsageError):  # of data that templates cannot be made of, no example is shown
                self._examples[key] = list(islice(self._stock.take(key), _KNOWN_EXAMPLES))
            self._examples.setdefault(key, [])
        others = [stocked.blueprint for stocked in self._examples[key] if stocked.user_id != user_id]
        return tuple(chance.sample(others, min(len(others), chance.choice((1, 2)))))


_Fits = Callable[[RetailDB, Order], bool]


def _fitting(db: RetailDB, key: str) -> dict[str, list[str]]:
    """By customer, their orders whose state fits a scenario; all customers, where no order is needed."""
    users: dict[str, list[str]] = {}
    for order_id, order in db.orders.items():
        if _FITS[key](db, order):
            users.setdefault(order["user_id"], []).append(order_id)
    if key == "product_inquiry":
        return {user_id: users.get(user_id, []) for user_id in db.users} if db.products else {}
    return {user_id: users.get(user_id, []) for user_id in db.users} if key == "address_change" else users


def _drawn(users: Mapping[str, list[str]], chance: Random) -> str:
    """Some times all are equally likely, some times those with many fitting orders are more so."""
    power = chance.choice((0, 1))
    names = list(users)
    return chance.choices(names, [max(1, len(users[name])) ** power for name in names])[0]


def _is_pending(db: RetailDB, order: Order) -> bool:
    return order["status"] == "pending"


def _is_delivered(db: RetailDB, order: Order) -> bool:
    return order["status"] == "delivered"


def _has_another_payment(db: RetailDB, order: Order) -> bool:
    """Whether the customer has another method that could pay all of it."""
    history = order["payment_history"]
    if order["status"] != "pending" or len(history) != 1:
        return False
    used, amount = history[0]["payment_method_id"], history[0]["amount"]
    methods = db.users[order["user_id"]]["payment_methods"].values()
    return any(method["id"] != used and method.get("balance", amount) >= amount for method in methods)


def _has_another_variant(db: RetailDB, order: Order) -> bool:
    return order["status"] == "delivered" and any(
        variant["available"] and variant["item_id"] != item["item_id"]
        for item in order["items"]
        for variant in db.products[item["product_id"]]["variants"].values()
    )


_FITS: Mapping[str, _Fits] = {
    "order_cancellation": _is_pending,
    "order_modification": _is_pending,
    "item_return": _is_delivered,
    "item_exchange": _has_another_variant,
    "address_change": lambda db, order: True,
    "payment_update": _has_another_payment,
    "order_inquiry": lambda db, order: True,
    "product_inquiry": lambda db, order: True,
}
