"""One episode's view of the world: the shared records, and its own copies of those it changed."""

from __future__ import annotations

import json
from collections.abc import Iterator

from environments.retail.database import RetailDB
from environments.retail.records import Order, Record, Table, User

REASONS: tuple[str | None, ...] = ("no longer needed", "ordered by mistake")
"""Why an order may be cancelled."""


class State:
    """What an episode made of its world; forking and comparing it cost what was changed.

    A record that stands in it is never changed: it is replaced by another.
    """

    __slots__ = ("_texts", "db", "fixed_refunds", "orders", "reasons", "users")

    def __init__(self, db: RetailDB, *, fixed_refunds: bool = False, reasons: tuple[str | None, ...] = REASONS) -> None:
        self.db = db
        self.fixed_refunds = fixed_refunds
        """Whether cancelling after a change of payment pays back once only."""
        self.reasons = reasons
        self.orders: dict[str, Order] = {}
        """Those that were changed; so `users`."""
        self.users: dict[str, User] = {}
        self._texts: dict[tuple[Table, str], tuple[Record, str]] = {}
        """How changed records read, each with the record it is the text of."""

    def order(self, order_id: str) -> Order | None:
        """The order as it is now."""
        return self.orders.get(order_id) or self.db.orders.get(order_id)

    def user(self, user_id: str) -> User | None:
        """The user as they are now."""
        return self.users.get(user_id) or self.db.users.get(user_id)

    def text(self, table: Table, key: str) -> str:
        """A record as agents read it."""
        changed = self._changed(table, key)
        if changed is None:
            return self.db.text(table, key)
        held = self._texts.get((table, key))
        if held is None or held[0] is not changed:
            held = self._texts[table, key] = (changed, json.dumps(changed))
        return held[1]

    def canonical(self, table: Table, key: str) -> str:
        """The text that decides whether a record is equal to another."""
        changed = self._changed(table, key)
        return self.db.canonical(table, key) if changed is None else self.db.canonical_text(changed)

    def difference(self) -> dict[tuple[Table, str], str]:
        """The canonical text of every record that is not as it was."""
        texts = ((record, self.canonical(*record)) for record in self._touched())
        return {record: text for record, text in texts if text != self.db.canonical(*record)}

    def digest(self) -> str:
        """The exact hash of the whole world as it is now."""
        return self.db.ledger.digest(self.difference())

    def fork(self) -> State:
        """An independent copy."""
        twin = State(self.db, fixed_refunds=self.fixed_refunds, reasons=self.reasons)
        twin.orders, twin.users, twin._texts = dict(self.orders), dict(self.users), dict(self._texts)
        return twin

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        return self.db is other.db and all(self._agrees(other, record) for record in self._touched_by_either(other))

    def __deepcopy__(self, memo: object) -> State:
        return self.fork()

    def _agrees(self, other: State, record: tuple[Table, str]) -> bool:
        """Whether a record is equal in both; what reads the same is, and that is found out sooner."""
        return self.text(*record) == other.text(*record) or self.canonical(*record) == other.canonical(*record)

    def _touched_by_either(self, other: State) -> set[tuple[Table, str]]:
        return {*self._touched(), *other._touched()}

    def _touched(self) -> Iterator[tuple[Table, str]]:
        yield from (("orders", key) for key in self.orders)
        yield from (("users", key) for key in self.users)

    def _changed(self, table: Table, key: str) -> Record | None:
        if table == "orders":
            return self.orders.get(key)
        return self.users.get(key) if table == "users" else None
