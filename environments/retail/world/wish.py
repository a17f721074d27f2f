"""One thing that a customer wants."""

from __future__ import annotations

from dataclasses import dataclass

from environments.retail.task import Action

SCENARIOS = (
    "order_cancellation",
    "order_modification",
    "item_return",
    "item_exchange",
    "address_change",
    "payment_update",
    "order_inquiry",
    "product_inquiry",
)
"""What tasks are about."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing that a customer wants, and what has to be done for it."""

    words: str
    """As who plays the customer is told of it."""
    actions: tuple[Action, ...]
    outputs: tuple[str, ...] = ()
    """What they must be told."""
    traits: tuple[str, ...] = ()
    """Tags that it gives to its task."""
