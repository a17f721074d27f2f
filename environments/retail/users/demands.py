"""What a customer wants done, and what they can say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from environments.retail.database import RetailDB
from environments.retail.deeds import describe_address, describe_deed, describe_method
from environments.retail.desk import WRITES
from environments.retail.task import RetailTask
from environments.retail.users.hearing import Topic


@dataclass(frozen=True, slots=True)
class Demand:
    """Something that the customer wants done."""

    arguments: Mapping[str, Any]
    text: str
    """What it is, as what somebody may do."""

    @property
    def order(self) -> str:
        """The order it concerns; empty where it concerns none."""
        return str(self.arguments.get("order_id", ""))


def demands_of(task: RetailTask, db: RetailDB) -> list[Demand]:
    """The changes that the reference of a task makes."""
    return [
        Demand(action.kwargs, describe_deed(action.name, action.kwargs, db, ids=False))
        for action in task.actions
        if action.name in WRITES
    ]


def _reason(demand: Demand) -> str:
    reason = demand.arguments.get("reason")
    return f"The reason is: {reason}." if reason else ""


def _order(demand: Demand) -> str:
    return f"It is order {demand.order}." if demand.order else ""


def _items(demand: Demand) -> str:
    return f"I would like to {demand.text}." if demand.arguments.get("item_ids") else ""


def _payment(demand: Demand) -> str:
    method = demand.arguments.get("payment_method_id")
    return f"Please use {describe_method(method)}." if method else ""


def _address(demand: Demand) -> str:
    return f"The address is {describe_address(demand.arguments)}." if demand.arguments.get("address1") else ""


DETAILS: dict[Topic, Callable[[Demand], str]] = {
    "reason": _reason,
    "order": _order,
    "items": _items,
    "payment": _payment,
    "address": _address,
}
"""What a demand says of each topic; nothing where it has nothing to do with it."""
