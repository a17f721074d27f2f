"""Calls of the shop's tools by name, on the state of one episode; nothing an agent passes makes them raise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from environments.retail import changes, lookups
from environments.retail.canon import canonical
from environments.retail.refusal import Refusal
from environments.retail.state import State

Tools = Mapping[str, Callable[..., str]]
"""What the shop's tools do, by their names."""
TOOLS: Tools = {
    function.__name__: function
    for function in (
        lookups.calculate,
        changes.cancel_pending_order,
        changes.exchange_delivered_order_items,
        lookups.find_user_id_by_email,
        lookups.find_user_id_by_name_zip,
        lookups.get_order_details,
        lookups.get_product_details,
        lookups.get_user_details,
        lookups.list_all_product_types,
        changes.modify_pending_order_address,
        changes.modify_pending_order_items,
        changes.modify_pending_order_payment,
        changes.modify_user_address,
        changes.return_delivered_order_items,
        lookups.think,
        lookups.transfer_to_human_agents,
    )
}
WRITES = frozenset(name for name, function in TOOLS.items() if function.__module__ == changes.__name__)
"""The tools that change the shop."""
TERMINAL = "transfer_to_human_agents"
"""The tool that ends the conversation."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call gave."""

    text: str
    """What the agent reads."""
    changed: bool = False
    """Whether anything in the shop is different now."""
    failed: bool = False


def perform(state: State, name: str, arguments: Mapping[str, Any], *, tools: Tools = TOOLS) -> Outcome:
    """Call a tool with arguments of any kind, as they are; a call that fails changes nothing."""
    function = tools.get(name)
    if function is None:
        return Outcome(f"Unknown action {name}", failed=True)
    before = (dict(state.orders), dict(state.users)) if name in WRITES else None
    try:
        text = function(state, **arguments)
    except (Refusal, TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        # The tools trust the types of what they are passed; with others it is Python that objects.
        if before is not None:
            state.orders, state.users = before
        return Outcome(f"Error: {error}", failed=True)
    return Outcome(text, changed=before is not None and _differs(state, *before))


def _differs(state: State, orders: Mapping[str, object], users: Mapping[str, object]) -> bool:
    """Whether what was just written is other than what it replaced."""
    for table, now, before in (("orders", state.orders, orders), ("users", state.users, users)):
        for key, record in now.items():
            earlier = before.get(key) or getattr(state.db, table)[key]
            if record is not earlier and (record != earlier or canonical(record) != canonical(earlier)):
                return True
    return False
