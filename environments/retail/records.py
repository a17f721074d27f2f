"""The shop's records as they lie in the data files; key order is part of them, for agents see it."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

Table = Literal["orders", "products", "users"]


class Name(TypedDict):
    first_name: str
    last_name: str


class Address(TypedDict):
    address1: str
    address2: str
    city: str
    country: str
    state: str
    zip: str


class PaymentMethod(TypedDict):
    source: Literal["credit_card", "paypal", "gift_card"]
    id: str
    balance: NotRequired[float]
    """Of a gift card; a whole number until it first pays or receives."""
    brand: NotRequired[str]
    last_four: NotRequired[str]


class User(TypedDict):
    name: Name
    address: Address
    email: str
    payment_methods: dict[str, PaymentMethod]
    orders: list[str]


class Variant(TypedDict):
    item_id: str
    options: dict[str, str]
    available: bool
    price: float


class Product(TypedDict):
    name: str
    product_id: str
    variants: dict[str, Variant]


class Item(TypedDict):
    name: str
    product_id: str
    item_id: str
    price: float
    options: dict[str, str]


class Payment(TypedDict):
    transaction_type: Literal["payment", "refund"]
    amount: float
    payment_method_id: str


class Fulfillment(TypedDict):
    tracking_id: list[str]
    item_ids: list[str]


class Order(TypedDict):
    order_id: str
    user_id: str
    address: Address
    items: list[Item]
    fulfillments: NotRequired[list[Fulfillment]]
    status: str
    payment_history: list[Payment]
    cancel_reason: NotRequired[str | None]
    exchange_items: NotRequired[list[str]]
    exchange_new_items: NotRequired[list[str]]
    exchange_payment_method_id: NotRequired[str]
    exchange_price_difference: NotRequired[float]
    return_items: NotRequired[list[str]]
    return_payment_method_id: NotRequired[str]


Record = Order | Product | User
