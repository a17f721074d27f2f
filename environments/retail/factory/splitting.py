"""Tasks in parts that have no customer and no order in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from agentgym.errors import UsageError
from agentgym.jsontext import dump_json
from environments.retail.database import RetailDB
from environments.retail.desk import perform
from environments.retail.factory.envelope import Blueprint
from environments.retail.state import State

PARTS = ("train", "validation", "test")
_SEARCH = "find_user_id_by_"


def read_shares(text: str) -> tuple[float, ...]:
    """Read shares such as 70/15/15; they are taken as parts of their sum."""
    try:
        shares = tuple(float(part) for part in text.split("/"))
    except ValueError:
        shares = ()
    total = sum(shares)
    if len(shares) != len(PARTS) or min(shares) < 0 or not 0 < total < float("inf"):
        raise UsageError(f"{text!r}: give three numbers such as 70/15/15: {', '.join(PARTS)}")
    return tuple(share / total for share in shares)


def split(tasks: Sequence[Blueprint], shares: Sequence[float], db: RetailDB, *, seed: int) -> list[list[int]]:
    """Which tasks go to which part, in their order; what shares a customer or an order stays together."""
    families = _families(tasks, db)
    Random(seed).shuffle(families)
    families.sort(key=len, reverse=True)  # the small ones fill what the large ones leave
    parts: list[list[int]] = [[] for _ in shares]
    for family in families:
        wanting = [share * len(tasks) - len(part) for share, part in zip(shares, parts, strict=True)]
        parts[wanting.index(max(wanting))] += family
    return [sorted(part) for part in parts]


def _families(tasks: Sequence[Blueprint], db: RetailDB) -> list[list[int]]:
    """Tasks that are linked by customers and orders, directly or through others."""
    elder: dict[object, object] = {}

    def eldest(key: object) -> object:
        while elder.setdefault(key, key) != key:
            elder[key] = elder[elder[key]]
            key = elder[key]
        return key

    for place, task in enumerate(tasks):
        for key in _links(task, db):
            elder[eldest(key)] = eldest(place)
    families: dict[object, list[int]] = {}
    for place in range(len(tasks)):
        families.setdefault(eldest(place), []).append(place)
    return list(families.values())


def _links(task: Blueprint, db: RetailDB) -> Iterator[tuple[str, str]]:
    """The customers and the orders of a task; a customer whom the shop does not know, by how they are looked for."""
    for call in task.agt:
        if call.name.startswith(_SEARCH):
            found = perform(State(db), call.name, call.arguments)
            yield ("search", dump_json(call.arguments).decode()) if found.failed else ("user", found.text)
        if isinstance(user_id := call.arguments.get("user_id"), str):
            yield "user", user_id
        if isinstance(order_id := call.arguments.get("order_id"), str):
            yield "order", order_id
            if order_id in db.orders:
                yield "user", db.orders[order_id]["user_id"]
