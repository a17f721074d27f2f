"""The tools that change nothing."""

from __future__ import annotations

from collections.abc import Iterable

from environments.retail.arithmetic import evaluate
from environments.retail.refusal import Refusal
from environments.retail.state import State

_ARITHMETIC = "0123456789+-*/(). "


def calculate(desk: State, /, expression: str) -> str:
    characters: Iterable[str] = expression
    if isinstance(expression, str):
        characters = expression.strip(_ARITHMETIC)  # nothing is left, or what is begins with one that may not be
    if not all(character in _ARITHMETIC for character in characters):
        raise Refusal("invalid characters in expression")
    if not isinstance(expression, str):
        raise TypeError("expression must be text")
    return str(round(float(evaluate(expression)), 2))


def find_user_id_by_email(desk: State, /, email: str) -> str:
    user_id = desk.db.index.user_of_email.get(email.lower())
    if user_id is None:
        raise Refusal("user not found")
    return user_id


def find_user_id_by_name_zip(desk: State, /, first_name: str, last_name: str, zip: str) -> str:
    for lowered, user_id in desk.db.index.users_of_first_name.get(first_name.lower(), ()):
        user = desk.user(user_id)
        if lowered == last_name.lower() and user is not None and user["address"]["zip"] == zip:
            return user_id
    raise Refusal("user not found")


def get_order_details(desk: State, /, order_id: str) -> str:
    if desk.order(order_id) is None:
        raise Refusal("order not found")
    return desk.text("orders", order_id)


def get_product_details(desk: State, /, product_id: str) -> str:
    if product_id not in desk.db.products:
        raise Refusal("product not found")
    return desk.db.text("products", product_id)


def get_user_details(desk: State, /, user_id: str) -> str:
    if desk.user(user_id) is None:
        raise Refusal("user not found")
    return desk.text("users", user_id)


def list_all_product_types(desk: State, /) -> str:
    return desk.db.product_types


def think(desk: State, /, thought: str) -> str:
    return ""


def transfer_to_human_agents(desk: State, /, summary: str) -> str:
    return "Transfer successful"
