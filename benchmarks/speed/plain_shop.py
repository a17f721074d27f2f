"""A shop kept the plain way, which is what a retail environment is compared with: all data copied for every episode."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

Data = dict[str, dict[str, Any]]


class PlainShop:
    """Tools that change a copy of all the data in place, and a reward that replays the reference on another copy."""

    def __init__(self, data: Data) -> None:
        self._original = data
        self.data: Data = {}

    def reset(self) -> None:
        """Copy everything."""
        self.data = copy.deepcopy(self._original)

    def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Call a tool by name."""
        result = getattr(self, name)(**arguments)
        return result if isinstance(result, str) else json.dumps(result)

    def reward(self, actions: list[tuple[str, dict[str, Any]]]) -> float:
        """1 where the data looks as after these actions, else 0."""
        actual = _digest(self.data)
        other = PlainShop(self._original)
        other.reset()
        for name, arguments in actions:
            other.call(name, arguments)
        return float(_digest(other.data) == actual)

    def get_order_details(self, order_id: str) -> Any:
        """The order."""
        return self.data["orders"].get(order_id, "Error: order not found")

    def get_user_details(self, user_id: str) -> Any:
        """The user."""
        return self.data["users"].get(user_id, "Error: user not found")

    def get_product_details(self, product_id: str) -> Any:
        """The product."""
        return self.data["products"].get(product_id, "Error: product not found")

    def find_user_id_by_email(self, email: str) -> str:
        """The user of an e-mail address, by looking at each."""
        for user_id, user in self.data["users"].items():
            if user["email"].lower() == email.lower():
                return str(user_id)
        return "Error: user not found"

    def find_user_id_by_name_zip(self, first_name: str, last_name: str, zip: str) -> str:
        """The user of a name, by looking at each."""
        for user_id, user in self.data["users"].items():
            name = (user["name"]["first_name"].lower(), user["name"]["last_name"].lower(), user["address"]["zip"])
            if name == (first_name.lower(), last_name.lower(), zip):
                return str(user_id)
        return "Error: user not found"

    def cancel_pending_order(self, order_id: str, reason: str) -> Any:
        """Cancel, and pay back."""
        order = self.data["orders"][order_id]
        if order["status"] != "pending":
            return "Error: non-pending order cannot be cancelled"
        refunds = [{**payment, "transaction_type": "refund"} for payment in order["payment_history"]]
        for refund in refunds:
            if "gift_card" in refund["payment_method_id"]:
                card = self.data["users"][order["user_id"]]["payment_methods"][refund["payment_method_id"]]
                card["balance"] = round(card["balance"] + refund["amount"], 2)
        order["status"], order["cancel_reason"] = "cancelled", reason
        order["payment_history"] += refunds
        return order

    def return_delivered_order_items(self, order_id: str, item_ids: list[str], payment_method_id: str) -> Any:
        """Take items back."""
        order = self.data["orders"][order_id]
        if order["status"] != "delivered":
            return "Error: non-delivered order cannot be returned"
        order["status"], order["return_items"] = "return requested", sorted(item_ids)
        order["return_payment_method_id"] = payment_method_id
        return order


def _digest(value: object) -> str:
    return hashlib.sha256(str(_hashable(value)).encode()).hexdigest()


def _hashable(value: object) -> object:
    if isinstance(value, dict):
        return tuple((key, _hashable(inner)) for key, inner in sorted(value.items()))
    return tuple(map(_hashable, value)) if isinstance(value, list) else value
