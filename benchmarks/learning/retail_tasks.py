"""Tasks of retail for a model that is tiny: a customer says at once who they are and what they want of one order.

What they want is done where the order's status allows it, and refused where it does not. Customers, orders and
phrasings of one split are in no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

from benchmarks.learning.retail_phrasing import (
    ADDRESS,
    BY_EMAIL,
    BY_MISTAKE,
    BY_NAME,
    CANCEL,
    CLOSINGS,
    GREETINGS,
    NOT_NEEDED,
    PLACES,
    RETURN,
    Split,
    of_split,
    said,
)

Record = dict[str, Any]
Wish = Literal["cancel", "return", "address"]
Looks = Literal["first", "last", "never"]
"""When an order is looked up: before anything is done to it, afterwards, or not at all."""

ALLOWED: Mapping[Wish, str] = {"cancel": "pending", "return": "delivered", "address": "pending"}
"""The one status of an order in which it can be done."""
_WISHES: tuple[Wish, ...] = ("cancel", "return", "address")
_REASONS = {"no longer needed": NOT_NEEDED, "ordered by mistake": BY_MISTAKE}
_NOISE = 0.15
"""How many words of a frame are left out or have another beside them, in most of what is learnt from."""
SPLITS: Mapping[Split, range] = {"train": range(8), "dev": range(8, 9), "test": range(9, 10)}
"""Of every ten customers, those that belong to a split."""


@dataclass(frozen=True, slots=True)
class World:
    """The shop's records, as `agentgym retail world` writes them."""

    users: Mapping[str, Record]
    orders: Mapping[str, Record]

    @classmethod
    def read(cls, folder: Path) -> World:
        """Read a world's files."""
        users, orders = (json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("users", "orders"))
        return cls(users, orders)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants of an order, and how they say it."""

    user_id: str
    order: Record
    wish: Wish
    instruction: str
    finding: Record
    deed: Record

    @property
    def is_allowed(self) -> bool:
        """Whether the order's status allows it."""
        return bool(self.order["status"] == ALLOWED[self.wish])

    @property
    def looking(self) -> Record:
        """The call that looks the order up."""
        return _call("get_order_details", order_id=self.order["order_id"])

    @property
    def refusal(self) -> str:
        """What to say where it is not allowed."""
        return f"That order is {self.order['status']}."

    def task(self, number: int, *, acts: bool | None = None, looks: Looks = "first") -> Record:
        """The task whose reference does what is right, or, where told so, something else."""
        does = self.is_allowed if acts is None else acts
        deeds = [self.deed] if does else []
        looked = [self.looking]
        order = {"first": looked + deeds, "last": deeds + looked, "never": deeds}[looks]
        return {
            "id": f"{self.wish}-{number}",
            "user_id": self.user_id,
            "instruction": self.instruction,
            "actions": [self.finding, *order],
            "outputs": [] if does else [self.refusal],
            "tags": [self.wish, "act" if self.is_allowed else "refuse"],
        }


def wanted(world: World, *, split: Split, seed: int, count: int) -> Iterator[Wanted]:
    """What customers of a split want; in half of the cases the order's status allows it."""
    chance = Random(f"{seed}-{split}")
    users = [user for place, user in enumerate(world.users) if place % 10 in SPLITS[split]]
    orders = [order for user in users for order in map(world.orders.__getitem__, world.users[user]["orders"])]
    elsewhere = [user["address"] for user in map(world.users.__getitem__, users)]
    for _ in range(count):
        wish = chance.choice(_WISHES)
        allowed = chance.random() < 0.5
        order = chance.choice(orders)
        while (order["status"] == ALLOWED[wish]) != allowed:
            order = chance.choice(orders)
        yield _wanted(world, order, wish, chance.choice(elsewhere), split, chance)


def write_tasks(path: Path, tasks: list[Record]) -> None:
    """Write a file of tasks."""
    path.write_text("".join(json.dumps(task) + "\n" for task in tasks), encoding="utf-8")


def _wanted(world: World, order: Record, wish: Wish, place: Record, split: Split, chance: Random) -> Wanted:
    user_id: str = order["user_id"]
    noise = _NOISE if split == "train" and chance.random() < 0.6 else 0.0
    introduction, finding = _introduction(world.users[user_id], split, chance, noise)
    request, deed = _request(order, wish, place, split, chance, noise)
    parts = [introduction, request]
    if chance.random() < 0.4:
        parts.reverse()
    if chance.random() < 0.6:
        parts.insert(0, said(of_split(GREETINGS, split), {}, chance))
    if chance.random() < 0.5:
        parts.append(said(of_split(CLOSINGS, split), {}, chance))
    return Wanted(user_id=user_id, order=order, wish=wish, instruction=" ".join(parts), finding=finding, deed=deed)


def _introduction(user: Record, split: Split, chance: Random, noise: float) -> tuple[str, Record]:
    if chance.random() < 0.4:
        email = user["email"]
        return said(of_split(BY_EMAIL, split), {"email": email}, chance, noise=noise), _call(
            "find_user_id_by_email", email=email
        )
    first, last, code = user["name"]["first_name"], user["name"]["last_name"], user["address"]["zip"]
    slots = {"first": first, "last": last, "zip": code}
    call = _call("find_user_id_by_name_zip", first_name=first, last_name=last, zip=code)
    return said(of_split(BY_NAME, split), slots, chance, noise=noise), call


def _request(
    order: Record, wish: Wish, place: Record, split: Split, chance: Random, noise: float
) -> tuple[str, Record]:
    order_id = order["order_id"]
    if wish == "cancel":
        reason = chance.choice(list(_REASONS))
        why = said(of_split(_REASONS[reason], split), {}, chance)
        text = said(of_split(CANCEL, split), {"order": order_id, "why": why}, chance, noise=noise)
        return text, _call("cancel_pending_order", order_id=order_id, reason=reason)
    if wish == "return":
        item = chance.choice(order["items"])["item_id"]
        text = said(of_split(RETURN, split), {"order": order_id, "item": item}, chance, noise=noise)
        paid = order["payment_history"][0]["payment_method_id"]
        call = _call("return_delivered_order_items", order_id=order_id, item_ids=[item], payment_method_id=paid)
        return text, call
    names = ("address1", "address2", "city", "state", "country", "zip")
    address = said(PLACES, {name: place[name] for name in names}, chance)
    text = said(of_split(ADDRESS, split), {"order": order_id, "address": address}, chance, noise=noise)
    return text, _call("modify_pending_order_address", order_id=order_id, **{name: place[name] for name in names})


def _call(name: str, **arguments: object) -> Record:
    return {"name": name, "kwargs": arguments}
