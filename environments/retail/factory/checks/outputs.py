"""Whether what the customer must be told is true, and whether there is anything that silence would not do."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache

from environments.retail.desk import WRITES
from environments.retail.factory.checks.entries import Entry
from environments.retail.factory.checks.facts import STATUSES, facts_in, numeral, plain, statuses_in
from environments.retail.factory.checks.references import texts_of
from environments.retail.factory.checks.replay import Replay
from environments.retail.factory.envelope import Blueprint
from environments.retail.guidelines import POLICY
from environments.retail.records import Order, Product, Table
from environments.retail.telling import is_value


def output_entries(blueprint: Blueprint, replay: Replay) -> Iterator[Entry]:
    """What the customer is to be told and nothing bears out."""
    support = _Support(replay)
    for output in blueprint.ogt:
        for fact in dict.fromkeys(facts_in(output)):
            if not support.bears(fact):
                message = f"{fact!r} in {output!r} is neither in what the calls give nor in the customer's records"
                yield Entry("OUTPUT_UNSUPPORTED", "error", message, value=fact)
        for status in dict.fromkeys(statuses_in(output)):
            if not support.bears_status(status, output):
                message = f"no order that it can mean is {status!r}, as {output!r} has it"
                yield Entry("OUTPUT_UNSUPPORTED", "error", message, value=status)


def measure_entries(blueprint: Blueprint, replay: Replay, *, changes: bool) -> Iterator[Entry]:
    """A task that is solved by doing nothing, or nearly."""
    writes = [traced for traced in replay.trace if traced.call.name in WRITES]
    if changes or any(not traced.worked for traced in writes):
        return
    facts = {fact for output in blueprint.ogt for fact in _checkable(output, replay)}
    if not facts:
        message = "the calls change nothing, and ogt holds nothing that can be checked, so that doing nothing solves it"
        yield Entry("UNVERIFIABLE", "error", message)
    elif facts <= {*facts_in(blueprint.q), plain(blueprint.q)} | {f for f in facts if f in plain(blueprint.q)}:
        message = "all that the customer must be told stands in q, so that an echo tells it"
        yield Entry("UNVERIFIABLE", "warning", message, value=[*sorted(facts)])


def _checkable(output: str, replay: Replay) -> Iterator[str]:
    yield from facts_in(output)
    yield from statuses_in(output)
    said = plain(output)
    if said and is_value(output) and any(traced.worked and said in _given(traced.outcome) for traced in replay.trace):
        yield said


def _given(outcome: object) -> str:
    return plain(getattr(outcome, "text", ""))


class _Support:
    """What bears facts out, looked for only as far as it has to be."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._state = replay.state
        self._db = replay.state.db

    def bears(self, fact: str) -> bool:
        """Whether a number, an id or a date stands in what the calls gave, in the records, or follows from them."""
        return fact in self._traced or fact in self._recorded or fact in self._reckoned

    def bears_status(self, status: str, output: str) -> bool:
        """Whether an order is so, or was, or becomes so: the one that is named, or any of the customer's."""
        named = [fact.upper() for fact in facts_in(output) if fact.startswith("#w")]
        order_ids = named if len(set(named)) == 1 else [*self._order_ids]
        return any(held.startswith(status) for order_id in order_ids for held in self._statuses(order_id))

    @cached_property
    def _traced(self) -> set[str]:
        texts = (traced.outcome.text for traced in self._replay.trace if traced.outcome and not traced.outcome.failed)
        return {fact for text in texts for fact in _facts(text)}

    @cached_property
    def _recorded(self) -> set[str]:
        """In the records of the customer, of what they ordered, and of what the calls name; and in the policy."""
        user_id = self._replay.user_id
        records: list[tuple[Table, str]] = [("users", user_id)] if user_id in self._db.users else []
        records += (("orders", order_id) for order_id in self._order_ids)
        records += (("products", product_id) for product_id in self._product_ids)
        before = (self._db.text(*record) for record in records)
        after = (self._state.text(*record) for record in records)
        found = {fact for text in (*before, *after) for fact in _facts(text)} | _facts(POLICY)
        return found | {*map(str.casefold, (*self._db.products, *self._db.index.product_of_item))}

    @cached_property
    def _reckoned(self) -> set[str]:
        """Counts, and sums that need no calculator; of others the calls must hold one."""
        numbers: set[float] = {len(self._order_ids), len(self._db.products)}
        for order_id in self._order_ids:
            for order in (self._db.orders[order_id], self._state.order(order_id)):
                numbers |= _of_order(order) if order is not None else set()
        for product_id in self._product_ids:
            numbers |= _of_product(self._db.products[product_id])
        numbers |= set(self._of_changes())
        return {numeral(f"{abs(number):.2f}") for number in numbers}

    def _of_changes(self) -> Iterator[float]:
        """How many items are concerned, and what they, and the orders, come to."""
        total = 0.0
        writes = [traced.call for traced in self._replay.trace if traced.call.name in WRITES]
        yield len(writes)
        for call in writes:
            order = self._db.orders.get(str(call.arguments.get("order_id")))
            if order is None:
                continue
            chosen = texts_of(call, "item_ids")
            prices = {item["item_id"]: item["price"] for item in order["items"]}
            worth = sum(prices.get(item_id, 0.0) for item_id in chosen) if chosen else _worth(order)
            total += worth
            yield from (len(chosen), worth, _worth(order) - worth, total)
            swapped = [self._price_of(item_id) for item_id in texts_of(call, "new_item_ids")]
            yield from (sum(swapped), sum(swapped) - worth, _worth(order) + sum(swapped) - worth)

    def _price_of(self, item_id: str) -> float:
        product_id = self._db.index.product_of_item.get(item_id)
        return 0.0 if product_id is None else self._db.products[product_id]["variants"][item_id]["price"]

    def _statuses(self, order_id: str) -> Iterator[str]:
        for order in (self._db.orders.get(order_id), self._state.order(order_id)):
            if order is not None:
                yield order["status"]

    @cached_property
    def _order_ids(self) -> list[str]:
        """Those of the customer, and others that the calls look at with success."""
        user = self._db.users.get(self._replay.user_id)
        own = [] if user is None else user["orders"]
        named = (str(t.call.arguments.get("order_id")) for t in self._replay.trace if t.worked)
        return [*dict.fromkeys((*own, *(order_id for order_id in named if order_id in self._db.orders)))]

    @cached_property
    def _product_ids(self) -> list[str]:
        """Of what was ordered, and of what the calls look at."""
        ordered = (item["product_id"] for key in self._order_ids for item in self._db.orders[key]["items"])
        named = (str(traced.call.arguments.get("product_id")) for traced in self._replay.trace)
        return [*dict.fromkeys((*ordered, *(product_id for product_id in named if product_id in self._db.products)))]


def _of_order(order: Order) -> set[float]:
    paid = sum(entry["amount"] for entry in order["payment_history"] if entry["transaction_type"] == "payment")
    back = sum(entry["amount"] for entry in order["payment_history"] if entry["transaction_type"] == "refund")
    return {len(order["items"]), _worth(order), paid, back, paid - back}


def _of_product(product: Product) -> set[float]:
    variants = product["variants"].values()
    return {len(variants), sum(variant["available"] for variant in variants)}


def _worth(order: Order) -> float:
    return sum(item["price"] for item in order["items"])


@lru_cache(maxsize=4096)
def _facts(text: str) -> frozenset[str]:
    """Of a record, whose text is asked for again and again."""
    return frozenset(facts_in(text)) | {status for status in STATUSES if status in text}
