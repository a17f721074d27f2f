"""What customers want that the shop can do: one function per kind of wish, which gives None where none fits."""

from __future__ import annotations

from environments.retail.desk import TERMINAL
from environments.retail.records import Address, Item, Order, Variant
from environments.retail.task import Action
from environments.retail.world.customer import (
    Customer,
    action,
    amount_of,
    is_telling,
    joined,
    look_at_product,
    name_method,
    name_variant,
    paid_with,
)
from environments.retail.world.tables import make_address
from environments.retail.world.wish import Wish

_REASONS = {
    "no longer needed": ("you no longer need it", "it is no longer needed", "what is in it is no longer needed"),
    "ordered by mistake": ("you ordered it by mistake", "it was ordered by mistake"),
}


def cancel(customer: Customer) -> Wish | None:
    """Cancel a pending order."""
    order = customer.take_order("pending")
    if order is None:
        return None
    name, reads = customer.name_order(order)
    reason = customer.chance.choice(list(_REASONS))
    words = f"You want to cancel {name}, because {customer.chance.choice(_REASONS[reason])}."
    outputs: tuple[str, ...] = ()
    if is_telling(amount_of(order)) and customer.chance.random() < 0.4:
        words += " You want to know how much money you get back for it."
        outputs = (str(amount_of(order)),)
    write = action("cancel_pending_order", order_id=order["order_id"], reason=reason)
    return Wish(words, (*reads, write), outputs)


def modify_items(customer: Customer) -> Wish | None:
    """Get other variants in a pending order."""
    order = customer.take_order("pending")
    return None if order is None else _swap(customer, order, "modify_pending_order_items", "swap")


def exchange(customer: Customer) -> Wish | None:
    """Get other variants for items of a delivered order."""
    order = customer.take_order("delivered")
    return None if order is None else _swap(customer, order, "exchange_delivered_order_items", "exchange")


def exchange_for_second_choice(customer: Customer) -> Wish | None:
    """Get another variant, as the one they like best is not available."""
    order = customer.take_order("delivered")
    if order is None:
        return None
    item = customer.chance.choice(order["items"])
    best, second = _others(customer, item, available=False), _others(customer, item)
    if not best or not second:
        return None
    first, other = customer.chance.choice(best), customer.chance.choice(second)
    method = customer.chance.choice(customer.methods(holding=other["price"]) or [None])
    if method is None:
        return None
    name, reads = customer.name_order(order)
    words = (
        f"You want to exchange the {item['name']} of {name} for the one with {name_variant(first)}. If that one is not "
        f"available, you want the one with {name_variant(other)} instead. The difference in price goes over your "
        f"{name_method(method)}."
    )
    looks = (*reads, customer.look_up_self(), look_at_product(customer.product(item)))
    write = action(
        "exchange_delivered_order_items",
        order_id=order["order_id"],
        item_ids=[item["item_id"]],
        new_item_ids=[other["item_id"]],
        payment_method_id=method["id"],
    )
    return Wish(words, (*looks, write), traits=("condition",))


def move_order(customer: Customer) -> Wish | None:
    """Have a pending order sent elsewhere."""
    order = customer.take_order("pending")
    if order is None:
        return None
    name, reads = customer.name_order(order)
    home = customer.user["address"]
    if order["address"] != home:
        words = f"You want {name} to be sent to the default address of your account."
        move = action("modify_pending_order_address", order_id=order["order_id"], **home)
        return Wish(words, (*reads, customer.look_up_self(), move), traits=("default-address",))
    where = make_address(customer.chance)
    words = f"You want {name} to be sent to another address: {_spoken(where)}."
    return Wish(words, (*reads, action("modify_pending_order_address", order_id=order["order_id"], **where)))


def move_and_modify(customer: Customer) -> Wish | None:
    """Have a pending order sent elsewhere, and with other variants in it, which must come last."""
    order = customer.take_order("pending")
    swap = None if order is None else _swap(customer, order, "modify_pending_order_items", "swap")
    if order is None or swap is None:
        return None
    where = make_address(customer.chance)
    words = f"{swap.words} You also want that order to be sent to another address: {_spoken(where)}."
    *reads, write = swap.actions
    move = action("modify_pending_order_address", order_id=order["order_id"], **where)
    return Wish(words, (*reads, move, write), swap.outputs, ("several-changes",))


def take_back(customer: Customer) -> Wish | None:
    """Send items of a delivered order back."""
    order = customer.take_order("delivered")
    if order is None:
        return None
    items = _some_items(customer, order)
    allowed = [
        method for method in customer.methods() if method["id"] == paid_with(order) or method["source"] == "gift_card"
    ]
    method = customer.chance.choice(allowed)
    name, reads = customer.name_order(order)
    what = joined([f"the {item['name']}" for item in items])
    words = f"You want to return {what} of {name}, with the refund to your {name_method(method)}."
    total = round(sum(item["price"] for item in items), 2)
    sums: list[Action] = []
    outputs: tuple[str, ...] = ()
    if is_telling(total) and customer.chance.random() < 0.4:
        words += " You want to know how much money you get back."
        outputs = (str(total),)
        sums = [action("calculate", expression=" + ".join(str(item["price"]) for item in items))]
    write = action(
        "return_delivered_order_items",
        order_id=order["order_id"],
        item_ids=[item["item_id"] for item in items],
        payment_method_id=method["id"],
    )
    return Wish(words, (*reads, customer.look_up_self(), *sums, write), outputs)


def move_house(customer: Customer) -> Wish | None:
    """Have another default address."""
    where = make_address(customer.chance)
    words = f"You moved, and want the default address of your account to be changed to: {_spoken(where)}."
    return Wish(words, (action("modify_user_address", user_id=customer.user_id, **where),))


def move_house_and_order(customer: Customer) -> Wish | None:
    """Have another default address, and a pending order sent there."""
    order = customer.take_order("pending")
    if order is None:
        return None
    name, reads = customer.name_order(order)
    where = make_address(customer.chance)
    words = (
        f"You moved, and want the default address of your account to be changed to: {_spoken(where)}. You also want "
        f"{name} to be sent there."
    )
    home = action("modify_user_address", user_id=customer.user_id, **where)
    move = action("modify_pending_order_address", order_id=order["order_id"], **where)
    return Wish(words, (*reads, home, move), traits=("several-changes",))


def pay_otherwise(customer: Customer) -> Wish | None:
    """Pay a pending order in another way."""
    order = customer.take_order("pending")
    if order is None:
        return None
    others = customer.methods(other_than=paid_with(order), holding=amount_of(order))
    if not others:
        return None
    method = customer.chance.choice(others)
    name, reads = customer.name_order(order)
    words = f"You want to pay {name} with your {name_method(method)} instead."
    outputs: tuple[str, ...] = ()
    if is_telling(amount_of(order)) and customer.chance.random() < 0.4:
        words += " You want to know how much is paid with it."
        outputs = (str(amount_of(order)),)
    write = action("modify_pending_order_payment", order_id=order["order_id"], payment_method_id=method["id"])
    return Wish(words, (*reads, customer.look_up_self(), write), outputs)


def hand_over(customer: Customer) -> Wish:
    """Something that only people can do."""
    wanted = customer.chance.choice(
        (
            "change the e-mail address of your account",
            "have your name spelled otherwise in your account",
            "close your account and have all your data deleted",
            "add another payment method to your account",
            "speak about a parcel that arrived with a broken seal, and get a partial refund for it",
        )
    )
    words = f"At the end you want to {wanted}, and agree to be transferred for that."
    return Wish(
        words, (action(TERMINAL, summary=f"The customer wants to {wanted}."),), traits=("forbidden", "transfer")
    )


def _swap(customer: Customer, order: Order, tool: str, verb: str) -> Wish | None:
    """Other variants for some items, told apart by what differs, with one method for the difference."""
    # Two at most: of more, the order in which they are given shows in the last digits of what a pending order costs.
    items = _some_items(customer, order)[:2]
    pairs = [(item, others) for item in items if (others := _others(customer, item))]
    if not pairs:
        return None
    swaps = [(item, customer.chance.choice(others)) for item, others in pairs]
    most = sum(max(0.0, new["price"] - item["price"]) for item, new in swaps)
    methods = customer.methods(holding=round(most, 2))
    if not methods:
        return None
    method = customer.chance.choice(methods)
    name, reads = customer.name_order(order)
    what = joined([f"the {item['name']} for the one with {_change(item, new)}" for item, new in swaps])
    words = f"In {name} you want to {verb} {what}. The difference in price goes over your {name_method(method)}."
    looks = [look_at_product(customer.product(item)) for item, _ in swaps]
    write = action(
        tool,
        order_id=order["order_id"],
        item_ids=[item["item_id"] for item, _ in swaps],
        new_item_ids=[new["item_id"] for _, new in swaps],
        payment_method_id=method["id"],
    )
    difference = round(sum(new["price"] - item["price"] for item, new in swaps), 2)
    sums: list[Action] = []
    outputs: tuple[str, ...] = ()
    if is_telling(abs(difference)) and customer.chance.random() < 0.4:
        words += " You want to know how large that difference is."
        outputs = (str(abs(difference)),)
        terms = " + ".join(f"{new['price']} - {item['price']}" for item, new in swaps)
        sums = [action("calculate", expression=terms)]
    return Wish(words, (*reads, customer.look_up_self(), *looks, *sums, write), outputs)


def _some_items(customer: Customer, order: Order) -> list[Item]:
    """One to three, in the order of the order."""
    count = min(len(order["items"]), customer.chance.choice((1, 1, 2, 3)))
    chosen = sorted(customer.chance.sample(range(len(order["items"])), count))
    return [order["items"][place] for place in chosen]


def _others(customer: Customer, item: Item, *, available: bool = True) -> list[Variant]:
    """The other variants of its product that are available, or are not."""
    variants = customer.product(item)["variants"].values()
    return [
        variant for variant in variants if variant["available"] is available and variant["item_id"] != item["item_id"]
    ]


def _change(item: Item, new: Variant) -> str:
    """What is other than before; what is not named stays as it is."""
    differing = [option for option, value in new["options"].items() if item["options"][option] != value]
    same = " (all else the same)" if len(differing) < len(new["options"]) else ""
    return name_variant(new, differing) + same


def _spoken(address: Address) -> str:
    city = f"{address['city']}, {address['state']} {address['zip']}, {address['country']}"
    return f"{address['address1']}, {address['address2']}, {city}"
