"""The shop's world: read once, shared by every episode, changed by none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from agentgym.errors import UsageError
from environments.retail.canon import canonical
from environments.retail.reading import Tables, check_tables, find_data, read_tables
from environments.retail.records import Order, Product, Record, Table, User

if TYPE_CHECKING:
    from environments.retail.ledger import Ledger

_NAMES = ("users.json", "orders.json", "products.json")


@dataclass(frozen=True, slots=True)
class Sample:
    """A customer, and some of their orders."""

    user_id: str
    user: User
    orders: Mapping[str, Order]


class Index:
    """What can be found in a world without looking through it."""

    def __init__(self, tables: Tables) -> None:
        self.user_of_email: dict[str, str] = {}
        """By the address in lower case."""
        self.users_of_first_name: dict[str, list[tuple[str, str]]] = {}
        """Last name in lower case, and id, in the order of the file; by the first name in lower case."""
        self.product_of_item: dict[str, str] = {}
        self.orders_of_status: dict[str, list[str]] = {}
        for user_id, user in tables.users.items():
            name = user["name"]
            self.user_of_email.setdefault(user["email"].lower(), user_id)
            namesakes = self.users_of_first_name.setdefault(name["first_name"].lower(), [])
            namesakes.append((name["last_name"].lower(), user_id))
        for order_id, order in tables.orders.items():
            self.orders_of_status.setdefault(order["status"], []).append(order_id)
        for product_id, product in tables.products.items():
            self.product_of_item.update(dict.fromkeys(product["variants"], product_id))


class RetailDB:
    """Users, orders and products, with their indexes; its records are shared and must not be changed."""

    def __init__(
        self,
        users: Mapping[str, User],
        orders: Mapping[str, Order],
        products: Mapping[str, Product],
        *,
        folder: Path | None = None,
    ) -> None:
        self.users = users
        self.orders = orders
        self.products = products
        self.folder = folder
        """Where its files lie."""
        self._texts: dict[tuple[Table, str], str] = {}
        self._canonical: dict[tuple[Table, str], str] = {}
        check_tables(self._tables, folder)

    @classmethod
    def load(cls, path: str | Path) -> RetailDB:
        """Read `users.json`, `orders.json` and `products.json` from a folder, or from `data/` in it."""
        folder = find_data(Path(path))
        return cls(*read_tables(folder), folder=folder)

    @cached_property
    def index(self) -> Index:
        """Ids by what customers say of themselves and of their orders."""
        return Index(self._tables)

    def sample(self, seed: int, *, status: str | None = None, orders: int = 3) -> Sample:
        """A customer with up to so many orders, those of a status where one is given; the same for the same seed."""
        if orders < 0:
            raise UsageError(f"orders={orders}: give a number from 0")
        chance = Random(seed)
        listed = self.orders if status is None else self.index.orders_of_status.get(status, ())
        owners = sorted({self.orders[order_id]["user_id"] for order_id in listed})
        if not owners:
            raise UsageError(f"no customer has an order{'' if status is None else f' of status {status!r}'}")
        user_id = chance.choice(owners)
        fitting = [key for key in self.users[user_id]["orders"] if status in (None, self.orders[key]["status"])]
        chosen = sorted(chance.sample(range(len(fitting)), min(orders, len(fitting))))
        return Sample(user_id, self.users[user_id], {key: self.orders[key] for key in (fitting[at] for at in chosen)})

    def text(self, table: Table, key: str) -> str:
        """A record as agents read it."""
        held = self._texts.get((table, key))
        if held is None:
            held = self._texts[table, key] = json.dumps(self.record(table, key))
        return held

    def canonical(self, table: Table, key: str) -> str:
        """The text that decides whether a record is equal to another."""
        held = self._canonical.get((table, key))
        if held is None:
            held = self._canonical[table, key] = self.canonical_text(self.record(table, key))
        return held

    def canonical_text(self, record: Record) -> str:
        """The text that stands for a record where states are compared and hashed."""
        return canonical(record)

    def record(self, table: Table, key: str) -> Record:
        """A record by its table and id."""
        records: Mapping[str, Record] = getattr(self, table)
        return records[key]

    @cached_property
    def product_types(self) -> str:
        """All kinds of products with their ids, as agents read them."""
        named = {product["name"]: product["product_id"] for product in self.products.values()}
        return json.dumps(dict(sorted(named.items())))

    @cached_property
    def ledger(self) -> Ledger:
        """For exact hashes; made when the first is asked for."""
        tables: dict[Table, Mapping[str, Any]] = {
            "orders": self.orders,
            "products": self.products,
            "users": self.users,
        }
        text = self.canonical_text
        return self._ledger_of(
            {name: {key: text(record) for key, record in held.items()} for name, held in tables.items()}
        )

    def _ledger_of(self, texts: Mapping[Table, Mapping[str, str]]) -> Ledger:
        from environments.retail.ledger import Ledger  # not above: most episodes ask for none

        return Ledger(texts)

    @property
    def _tables(self) -> Tables:
        return Tables(self.users, self.orders, self.products)

    def __copy__(self) -> RetailDB:
        return self

    def __deepcopy__(self, memo: object) -> RetailDB:
        return self  # forks of an episode share it


def shared_db(path: str | Path) -> RetailDB:
    """The world of a folder: read once for all who ask, and again only when its files have changed."""
    home = find_data(Path(path))
    stamps = tuple((status.st_mtime_ns, status.st_size) for status in _stats(home))
    return _load(home.resolve(), stamps)


def _stats(home: Path) -> list[Any]:
    return [(home / name).stat() for name in _NAMES if (home / name).exists()]


@lru_cache(maxsize=4)
def _load(folder: Path, stamps: tuple[tuple[int, int], ...]) -> RetailDB:
    return RetailDB.load(folder)
