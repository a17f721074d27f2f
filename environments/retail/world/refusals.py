"""What customers want that the policy forbids, so that nothing may change.

Each asks for something that they can be told besides: or else silence would be as good as service.
"""

from __future__ import annotations

from environments.retail.records import Order
from environments.retail.task import Action
from environments.retail.world.customer import (
    Customer,
    amount_of,
    is_telling,
    look_at_product,
    name_method,
    name_variant,
    paid_with,
)
from environments.retail.world.wish import Wish

_TRAITS = ("forbidden",)


def cancel_too_late(customer: Customer) -> Wish | None:
    """Cancel an order that has left."""
    return _too_late(customer, "You want to cancel {order}, because you no longer need it.")


def move_too_late(customer: Customer) -> Wish | None:
    """Have an order that has left sent elsewhere."""
    return _too_late(customer, "You want {order} to be sent to another address: that of your sister.")


def modify_too_late(customer: Customer) -> Wish | None:
    """Get something else in an order that has left the house but is not there yet."""
    order = customer.take_order("processed")
    if order is None:
        return None
    item = customer.chance.choice(order["items"])
    return _asked_tracking(customer, order, f"You want another variant of the {item['name']} in {{order}}.")


def pay_too_late(customer: Customer) -> Wish | None:
    """Pay an order otherwise that has left."""
    order = customer.take_order("processed", "delivered")
    if order is None:
        return None
    others = customer.methods(other_than=paid_with(order))
    if not others:
        return None
    method = customer.chance.choice(others)
    return _asked_tracking(customer, order, f"You want to pay {{order}} with your {name_method(method)} instead.")


def return_too_early(customer: Customer) -> Wish | None:
    """Send back what has not arrived."""
    return _too_early(customer, "return the {item} of {order}", "pending", "processed")


def exchange_too_early(customer: Customer) -> Wish | None:
    """Exchange what has not arrived."""
    return _too_early(customer, "exchange the {item} of {order} for another variant", "processed")


def cancel_for_another_reason(customer: Customer) -> Wish | None:
    """Cancel for a reason that does not count."""
    order = customer.take_order("pending")
    if order is None or not is_telling(amount_of(order)):
        return None
    reason = customer.chance.choice(
        ("you found it cheaper elsewhere", "it takes too long", "you do not like the colour of the packaging")
    )
    wanted = f"You want to cancel {{order}}, because {reason}; there is no other reason, and you will not make one up."
    return _asked_total(customer, order, wanted)


def refund_elsewhere(customer: Customer) -> Wish | None:
    """Have money back by a method that did not pay."""
    order = customer.take_order("delivered")
    if order is None or not is_telling(amount_of(order)):
        return None
    others = [m for m in customer.methods(other_than=paid_with(order)) if m["source"] != "gift_card"]
    if not others:
        return None
    method, item = customer.chance.choice(others), customer.chance.choice(order["items"])
    wanted = (
        f"You want to return the {item['name']} of {{order}}, with the refund to your {name_method(method)}; in any "
        "other way you do not want to return it."
    )
    return _asked_total(customer, order, wanted, customer.look_up_self())


def pay_with_too_little(customer: Customer) -> Wish | None:
    """Pay with a gift card that does not hold enough."""
    order = customer.take_order("pending")
    if order is None or not is_telling(amount_of(order)):
        return None
    cards = [
        m
        for m in customer.methods(other_than=paid_with(order))
        if m.get("balance", amount_of(order)) < amount_of(order)
    ]
    if not cards:
        return None
    wanted = "You want to pay {order} with your gift card instead, and in no other way but that."
    return _asked_total(customer, order, wanted, customer.look_up_self())


def exchange_for_unavailable(customer: Customer) -> Wish | None:
    """Exchange for what is not available."""
    order = customer.take_order("delivered")
    if order is None or not is_telling(amount_of(order)):
        return None
    item = customer.chance.choice(order["items"])
    product = customer.product(item)
    missing = [variant for variant in product["variants"].values() if not variant["available"]]
    if not missing:
        return None
    wish = f"exchange the {item['name']} of {{order}} for the one with {name_variant(customer.chance.choice(missing))}"
    wanted = f"You want to {wish}; you want that one, and no other."
    return _asked_total(customer, order, wanted, look_at_product(product))


def exchange_for_another_product(customer: Customer) -> Wish | None:
    """Exchange for another kind of thing."""
    return _another_product(customer, "delivered", "exchange")


def modify_into_another_product(customer: Customer) -> Wish | None:
    """Get another kind of thing in a pending order."""
    return _another_product(customer, "pending", "swap")


def ask_of_another(customer: Customer) -> Wish | None:
    """Be told of somebody else's order."""
    other = _foreign_order(customer)
    own = customer.take_order()
    if other is None or own is None or not is_telling(amount_of(own)):
        return None
    whose = f"{other['order_id']}, which a friend of yours placed"
    wanted = f"You want to know where order {whose}, is to be sent."
    return _asked_total(customer, own, wanted)


def cancel_of_another(customer: Customer) -> Wish | None:
    """Cancel somebody else's order."""
    other = _foreign_order(customer, "pending")
    own = customer.take_order()
    if other is None or own is None or not is_telling(amount_of(own)):
        return None
    wanted = f"You want to cancel order {other['order_id']}, which a friend of yours placed and no longer needs."
    return _asked_total(customer, own, wanted)


def move_friend(customer: Customer) -> Wish | None:
    """Have another default address in somebody else's account."""
    other = _foreign_order(customer)
    own = customer.take_order()
    if other is None or own is None or not is_telling(amount_of(own)):
        return None
    friend = " ".join(customer.db.users[other["user_id"]]["name"].values())  # type: ignore[arg-type]  # names are text
    wanted = f"You want the default address of the account of your friend {friend} to be changed to yours."
    return _asked_total(customer, own, wanted)


def _too_late(customer: Customer, wanted: str) -> Wish | None:
    order = customer.take_order("processed", "delivered")
    return None if order is None else _asked_tracking(customer, order, wanted)


def _too_early(customer: Customer, wanted: str, *statuses: str) -> Wish | None:
    order = customer.take_order(*statuses)
    if order is None or not is_telling(amount_of(order)):
        return None
    item = customer.chance.choice(order["items"])
    words = f"You want to {wanted.replace('{item}', item['name'])}; anything else you do not want."
    return _asked_total(customer, order, words)


def _another_product(customer: Customer, status: str, verb: str) -> Wish | None:
    order = customer.take_order(status)
    if order is None or not is_telling(amount_of(order)):
        return None
    item = customer.chance.choice(order["items"])
    held = {held["name"] for held in order["items"]}
    others = [product["name"] for product in customer.db.products.values() if product["name"] not in held]
    if not others:
        return None
    wish = f"{verb} the {item['name']} of {{order}} for another product, the {customer.chance.choice(others)}"
    return _asked_total(customer, order, f"You want to {wish}; you want no other {item['name']}.")


def _asked_tracking(customer: Customer, order: Order, wanted: str) -> Wish:
    name, reads = customer.name_order(order)
    words = (
        f"{wanted.replace('{order}', name)} If that cannot be done, you leave it at that. In any case you want to know "
        "the tracking number of the parcel of that order."
    )
    return Wish(words, tuple(reads), (order["fulfillments"][0]["tracking_id"][0],), _TRAITS)


def _asked_total(customer: Customer, order: Order, wanted: str, *looks: Action) -> Wish:
    """With the order's total to be told; an order that was not named yet is named now."""
    name, reads = customer.name_order(order)
    named = "{order}" in wanted
    words = (
        f"{wanted.replace('{order}', name)} If that cannot be done, you leave it at that. In any case you want to know "
        f"what {'that whole order' if named else name} cost in total."
    )
    return Wish(words, (*reads, *looks), (str(amount_of(order)),), _TRAITS)


def _foreign_order(customer: Customer, *statuses: str) -> Order | None:
    """Somebody else's."""
    orders = customer.db.orders
    for order_id in customer.chance.sample(list(orders), min(len(orders), 20)):
        order = orders[order_id]
        if order["user_id"] != customer.user_id and (not statuses or order["status"] in statuses):
            return order
    return None
