"""What customers want to know: one function per kind of question, which gives None where none fits."""

from __future__ import annotations

from environments.retail.records import Product
from environments.retail.task import Action
from environments.retail.world.customer import (
    Customer,
    action,
    amount_of,
    is_telling,
    look_at_product,
    look_up,
    name_variant,
)
from environments.retail.world.wish import Wish


def ask_total(customer: Customer) -> Wish | None:
    """What an order cost."""
    order = customer.take_order()
    if order is None or not is_telling(amount_of(order)):
        return None
    name, reads = customer.name_order(order)
    return Wish(f"You want to know what {name} cost in total.", tuple(reads), (str(amount_of(order)),))


def ask_tracking(customer: Customer) -> Wish | None:
    """Where a parcel can be followed."""
    order = customer.take_order("processed", "delivered")
    if order is None or not order["fulfillments"]:
        return None
    name, reads = customer.name_order(order)
    words = f"You want to know the tracking number of the parcel of {name}."
    return Wish(words, tuple(reads), (order["fulfillments"][0]["tracking_id"][0],))


def ask_item_price(customer: Customer) -> Wish | None:
    """What one of several items cost."""
    order = customer.take_order(items=2)
    if order is None:
        return None
    priced = [item for item in order["items"] if is_telling(item["price"])]
    if not priced:
        return None
    item = customer.chance.choice(priced)
    name, reads = customer.name_order(order)
    words = f"You want to know what the {item['name']} in {name} cost by itself."
    return Wish(words, tuple(reads), (str(item["price"]),))


def ask_dearest(customer: Customer) -> Wish | None:
    """Which of all orders cost most."""
    orders = sorted(customer.orders, key=amount_of)
    if len(orders) < 2 or amount_of(orders[-1]) == amount_of(orders[-2]) or not is_telling(amount_of(orders[-1])):
        return None
    dearest = orders[-1]
    words = "You want to know the number of the most expensive of all your orders, and what it cost in total."
    reads = (customer.look_up_self(), *map(look_up, customer.orders))
    return Wish(words, reads, (dearest["order_id"], str(amount_of(dearest))), ("several-orders",))


def ask_sum(customer: Customer) -> Wish | None:
    """What two orders cost together."""
    one, other = customer.take_order(), customer.take_order()
    if one is None or other is None:
        return None
    total = round(amount_of(one) + amount_of(other), 2)
    if not is_telling(total):
        return None
    (name, reads), (other_name, more) = customer.name_order(one), customer.name_order(other)
    sums = action("calculate", expression=f"{amount_of(one)} + {amount_of(other)}")
    words = f"You want to know what {name} and {other_name} cost together."
    return Wish(words, (*reads, *more, sums), (str(total),), ("several-orders",))


def ask_variant_price(customer: Customer) -> Wish | None:
    """What a variant costs."""
    product = _any_product(customer)
    priced = [variant for variant in product["variants"].values() if is_telling(variant["price"])] if product else []
    if product is None or not priced:
        return None
    variant = customer.chance.choice(priced)
    words = f"You want to know what the {product['name']} with {name_variant(variant)} costs."
    return Wish(words, _searched(product), (str(variant["price"]),))


def ask_cheapest(customer: Customer) -> Wish | None:
    """What the cheapest variant that can be had costs."""
    product = _any_product(customer)
    if product is None:
        return None
    cheapest = min(_prices(product), default=None)
    if cheapest is None or not is_telling(cheapest):
        return None
    words = f"You want to know what the cheapest {product['name']} costs that is available now."
    return Wish(words, _searched(product), (str(cheapest),))


def ask_range(customer: Customer) -> Wish | None:
    """Between which prices a product can be had."""
    product = _any_product(customer)
    if product is None:
        return None
    prices = _prices(product)
    if not prices or not (is_telling(min(prices)) and is_telling(max(prices))):
        return None
    words = (
        f"You want to know the lowest and the highest price of all the variants of the {product['name']} that are "
        "available now."
    )
    return Wish(words, _searched(product), (str(min(prices)), str(max(prices))))


def ask_item_number(customer: Customer) -> Wish | None:
    """By which number a variant goes."""
    product = _any_product(customer)
    if product is None:
        return None
    variant = customer.chance.choice(list(product["variants"].values()))
    words = f"You want to know the item number of the {product['name']} with {name_variant(variant)}."
    return Wish(words, _searched(product), (variant["item_id"],))


def _any_product(customer: Customer) -> Product | None:
    products = customer.db.products
    return products[customer.chance.choice(list(products))] if products else None


def _prices(product: Product) -> list[float]:
    """Of all variants that can be had."""
    return [variant["price"] for variant in product["variants"].values() if variant["available"]]


def _searched(product: Product) -> tuple[Action, ...]:
    return action("list_all_product_types"), look_at_product(product)
