"""The calls of a task, carried out one after the other on the shop, with what each check says of them."""

from __future__ import annotations

from collections.abc import Iterator

from environments.retail.database import RetailDB
from environments.retail.desk import WRITES, Outcome, perform
from environments.retail.factory.checks.arguments import TOOLS, argument_entries
from environments.retail.factory.checks.entries import Entry, Traced
from environments.retail.factory.checks.policy import policy_entries
from environments.retail.factory.checks.references import is_search, reference_entries, search_entries, text_of
from environments.retail.factory.envelope import Blueprint, Call
from environments.retail.factory.normalise import normalize_arguments
from environments.retail.state import REASONS, State
from environments.retail.tools import OWNER

_PERSONAL = WRITES | {"get_order_details", "get_user_details"}
"""Calls that concern one customer."""


class Replay:
    """One task's calls on a fresh shop, which costs what they change."""

    def __init__(self, blueprint: Blueprint, db: RetailDB) -> None:
        self.query = blueprint.q
        self.state = State(db, reasons=(*REASONS, None))
        self.trace: list[Traced] = []
        self.entries: list[Entry] = []
        self.corrections: list[str] = []
        self.customer = ""
        """Whom the calls so far established last."""
        self.customers: dict[str, int] = {}
        """All users that calls name or find, with the first that does."""
        for index, call in enumerate(blueprint.agt):
            self._take(call, index)

    @property
    def calls(self) -> tuple[Call, ...]:
        """As they were carried out."""
        return tuple(traced.call for traced in self.trace)

    @property
    def user_id(self) -> str:
        """Whose task it is: who was found or named first, or else whose order comes first."""
        known = next((user_id for user_id in self.customers if user_id in self.state.db.users), "")
        return known or next(self._owners(), "")

    def _take(self, call: Call, index: int) -> None:
        call = self._corrected(self._normalised(call, index), index)
        misfits = list(argument_entries(call, index))
        self.entries += misfits
        self._check_context(call, index)
        self.entries += reference_entries(call, index, self.state, self.customer)
        if misfits:
            self.trace.append(Traced(call))
        else:
            self.entries += policy_entries(call, index, self.state, self.calls)
            self._carry_out(call, index)
        self._note_customer(call, index)

    def _normalised(self, call: Call, index: int) -> Call:
        tool = TOOLS.get(call.name)
        if tool is None:
            return call
        arguments, changes = normalize_arguments(call.name, call.arguments, tool.parameters)
        given = call.arguments.get("order_id")
        kept = isinstance(given, str) and given in self.state.db.orders
        if kept:
            arguments["order_id"] = given  # this shop writes its ids otherwise
        for change in changes:
            if change.rule != "unknown" and not (kept and change.argument == "order_id"):
                self.corrections.append(f"action {index} ({call.name}): {change}")
        return Call(name=call.name, arguments=arguments)

    def _corrected(self, call: Call, index: int) -> Call:
        """With the customer in the place of a user who does not exist, where the order is the customer's."""
        named, order_id = text_of(call, OWNER), text_of(call, "order_id")
        order = None if order_id is None else self.state.order(order_id)
        if named is None or order is None or self.state.user(named) is not None:
            return call
        if order["user_id"] != self.customer:
            return call
        self.corrections.append(f"action {index} ({call.name}): {OWNER}: owner: {named!r} -> {self.customer!r}")
        return Call(name=call.name, arguments={**call.arguments, OWNER: self.customer})

    def _check_context(self, call: Call, index: int) -> None:
        """Nothing personal before it is known who the customer is."""
        if call.name not in _PERSONAL or self.customer or any(e.code == "USER_CONTEXT_MISSING" for e in self.entries):
            return
        named = text_of(call, OWNER)
        if named is None or named not in self.query:
            message = "nobody found out before who the customer is; begin with find_user_id_by_email or ..._name_zip"
            self.entries.append(Entry("USER_CONTEXT_MISSING", "error", message, index, call.name, call.name))

    def _carry_out(self, call: Call, index: int) -> None:
        outcome = _perform(self.state, call)
        self.trace.append(Traced(call, outcome))
        if not outcome.failed:
            return
        if is_search(call):
            self.entries += search_entries(call, index, self.state)
        self.entries.append(Entry("EXEC_ERROR", "error", outcome.text, index, outcome.text, call.name))

    def _note_customer(self, call: Call, index: int) -> None:
        traced = self.trace[-1]
        found = traced.outcome.text if is_search(call) and traced.worked and traced.outcome else text_of(call, OWNER)
        if found:
            self.customers.setdefault(found, index)
            if found in self.state.db.users:
                self.customer = found

    def _owners(self) -> Iterator[str]:
        for call in self.calls:
            order = self.state.db.orders.get(text_of(call, "order_id") or "")
            if order is not None:
                yield order["user_id"]


def _perform(state: State, call: Call) -> Outcome:
    """As the profile `typed` has it: an order's tool may be told whose the order must be."""
    if "order_id" not in call.arguments:
        return perform(state, call.name, call.arguments)
    owner, order = call.arguments.get(OWNER), state.order(str(call.arguments["order_id"]))
    if owner is not None and order is not None and order["user_id"] != owner:
        return Outcome(f"Error: {OWNER}: the order is not one of {owner}", failed=True)
    arguments = {name: value for name, value in call.arguments.items() if name != OWNER}
    if call.name == "cancel_pending_order":
        arguments.setdefault("reason", None)
    return perform(state, call.name, arguments)
