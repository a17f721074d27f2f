"""A customer and what they can say of their orders, so that nobody can take one thing for another."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from agentgym.messages import JsonObject
from environments.retail.database import RetailDB
from environments.retail.records import Item, Order, PaymentMethod, Product, User, Variant
from environments.retail.task import Action

_NAMED_BY_ITEM = 0.4
"""How often an order is named by what is in it, where that tells it from the others."""


def action(name: str, **arguments: object) -> Action:
    """A call of the reference."""
    kwargs: JsonObject = dict(arguments)  # type: ignore[arg-type]  # only JSON is ever given
    return Action(name=name, kwargs=kwargs)


class Customer:
    """One customer; what was looked up or spoken for once is remembered."""

    def __init__(self, db: RetailDB, user_id: str, chance: Random) -> None:
        self.db = db
        self.user_id = user_id
        self.chance = chance
        self.user: User = db.users[user_id]
        self.orders: list[Order] = [db.orders[order_id] for order_id in self.user["orders"]]
        self._spoken_for: set[str] = set()

    def take_order(self, *statuses: str, items: int = 1) -> Order | None:
        """An order of one of the statuses, or of any, with at least so many items; none is taken twice."""
        fitting = [
            order
            for order in self.orders
            if order["order_id"] not in self._spoken_for
            and (not statuses or order["status"] in statuses)
            and len(order["items"]) >= items
        ]
        if not fitting:
            return None
        order = self.chance.choice(fitting)
        self._spoken_for.add(order["order_id"])
        return order

    @property
    def orders_taken(self) -> int:
        """How many orders were."""
        return len(self._spoken_for)

    def name_order(self, order: Order) -> tuple[str, list[Action]]:
        """What they call it, and how it is found by that."""
        telling = [item["name"] for item in order["items"] if self._is_in_one_order(item)]
        if not telling or self.chance.random() > _NAMED_BY_ITEM:
            return f"order {order['order_id']}", [look_up(order)]
        place = self.user["orders"].index(order["order_id"])
        return f"the order with the {self.chance.choice(telling)}", [
            self.look_up_self(),
            *map(look_up, self.orders[: place + 1]),
        ]

    def look_up_self(self) -> Action:
        """The look at their own record."""
        return action("get_user_details", user_id=self.user_id)

    def methods(self, *, other_than: str = "", holding: float = 0.0) -> list[PaymentMethod]:
        """Their payment methods, without gift cards that do not hold enough."""
        return [
            method
            for method in self.user["payment_methods"].values()
            if method["id"] != other_than and method.get("balance", holding) >= holding
        ]

    def product(self, item: Item) -> Product:
        """What an item is one of."""
        return self.db.products[item["product_id"]]

    def _is_in_one_order(self, item: Item) -> bool:
        return sum(other["name"] == item["name"] for order in self.orders for other in order["items"]) == 1


def look_up(order: Order) -> Action:
    """The look at an order."""
    return action("get_order_details", order_id=order["order_id"])


def look_at_product(product: Product) -> Action:
    """The look at a product."""
    return action("get_product_details", product_id=product["product_id"])


def paid_with(order: Order) -> str:
    """The id of the method that paid an order first."""
    return order["payment_history"][0]["payment_method_id"]


def amount_of(order: Order) -> float:
    """What an order cost."""
    return order["payment_history"][0]["amount"]


def name_method(method: PaymentMethod) -> str:
    """What a customer calls a payment method; they have one of each kind at most."""
    return {"credit_card": "credit card", "paypal": "PayPal account", "gift_card": "gift card"}[method["source"]]


def name_variant(variant: Variant, options: Sequence[str] = ()) -> str:
    """Its options in words, or some of them."""
    held = variant["options"]
    return " and ".join(f"{option} {held[option]}" for option in options or held)


def joined(names: Sequence[str]) -> str:
    """A list as it is spoken."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def is_telling(amount: float) -> bool:
    """Whether an amount reads the same however it is written: it has two decimals, and is no small number."""
    return amount >= 10 and str(amount) == f"{amount:.2f}"
