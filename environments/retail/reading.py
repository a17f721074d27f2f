"""The shop's three data files, read and checked: whatever is wrong is told with its file and its key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError

from agentgym.errors import DataFileError, one_line
from agentgym.jsontext import parse_json
from environments.retail.records import Order, Product, Table, User

_TOLD = 3
"""How many faults are told of, where there are many."""


class Tables(NamedTuple):
    """All records by their ids, in the order of their files."""

    users: Mapping[str, User]
    orders: Mapping[str, Order]
    products: Mapping[str, Product]


def read_tables(folder: Path) -> Tables:
    """Read the files of a folder, and check their types."""
    return Tables(*(_read_table(folder / f"{name}.json", name) for name in Tables._fields))


def find_data(folder: Path) -> Path:
    """The folder that holds the files: the one given, or `data` in it."""
    for home in (folder, folder / "data"):
        if (home / "users.json").is_file():
            return home
    raise DataFileError(f"{folder}: no users.json there or in data/; give the folder with users, orders, products.json")


def check_tables(tables: Tables, folder: Path | None) -> None:
    """Raise DataFileError where records do not fit each other."""
    faults = [*_user_faults(tables), *_order_faults(tables), *_product_faults(tables)]
    if faults:
        files = {table: table if folder is None else f"{folder / table}.json" for table, _, _ in faults}
        raise DataFileError(_few([f"{files[table]}: {key!r}: {fault}" for table, key, fault in faults]))


def _read_table(path: Path, table: str) -> Any:
    try:
        records = parse_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataFileError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise DataFileError(f"{path}: {error}") from None
    check_types(records, table, str(path))
    return records


def check_types(records: object, table: str, where: str) -> None:
    """Raise DataFileError where they are no records of a table, by their ids."""
    if not isinstance(records, dict):
        raise DataFileError(f"{where}: holds a {type(records).__name__}; it must be one JSON object of records by id")
    try:
        _checker(table).validate_python(records, strict=True)
    except ValidationError as error:
        raise DataFileError(f"{where}: {_few(one_line(error).split('; '))}") from None


@cache
def _checker(table: str) -> TypeAdapter[Any]:
    config = ConfigDict(allow_inf_nan=False)
    record = {"users": User, "orders": Order, "products": Product}[table]
    return TypeAdapter(dict[str, record], config=config)  # type: ignore[valid-type]  # one of three, chosen by name


Fault = tuple[Table, str, str]


def _user_faults(tables: Tables) -> Iterator[Fault]:
    seen: dict[tuple[str, ...], str] = {}
    for user_id, user in tables.users.items():
        name = user["name"]
        for told, identity in (
            ("the e-mail address", (user["email"].lower(),)),
            ("name and zip", (name["first_name"].lower(), name["last_name"].lower(), user["address"]["zip"])),
        ):
            if (first := seen.setdefault(identity, user_id)) != user_id:
                yield "users", user_id, f"{told} {' '.join(identity)!r} is that of {first!r} too"
        yield from (("users", user_id, fault) for fault in _payment_method_faults(user))
        for order_id in _repeated(user["orders"]):
            yield "users", user_id, f"orders: {order_id!r} stands twice"
        for order_id in user["orders"]:
            if order_id not in tables.orders:
                yield "users", user_id, f"orders: there is no order {order_id!r}"
            elif (owner := tables.orders[order_id]["user_id"]) != user_id and owner in tables.users:
                yield "users", user_id, f"orders: {order_id!r} is an order of {owner!r}"


def _payment_method_faults(user: User) -> Iterator[str]:
    for key, method in user["payment_methods"].items():
        if method["id"] != key:
            yield f"payment_methods.{key}.id: is {method['id']!r}; it must be its key"
        if method["source"] == "gift_card" and "balance" not in method:
            yield f"payment_methods.{key}.balance: a gift card needs one"


def _order_faults(tables: Tables) -> Iterator[Fault]:
    for order_id, order in tables.orders.items():
        if order["order_id"] != order_id:
            yield "orders", order_id, f"order_id: is {order['order_id']!r}; it must be its key"
        user = tables.users.get(order["user_id"])
        if user is None:
            yield "orders", order_id, f"user_id: there is no user {order['user_id']!r}"
        elif order_id not in user["orders"]:
            yield "orders", order_id, f"user_id: {order['user_id']!r} does not list this order"
        else:
            yield from (("orders", order_id, fault) for fault in _payment_faults(order, user))
        yield from (("orders", order_id, fault) for fault in _item_faults(order, tables.products))


def _payment_faults(order: Order, user: User) -> Iterator[str]:
    for position, payment in enumerate(order["payment_history"]):
        if payment["payment_method_id"] not in user["payment_methods"]:
            method = payment["payment_method_id"]
            yield f"payment_history.{position}.payment_method_id: {order['user_id']!r} has no {method!r}"


def _item_faults(order: Order, products: Mapping[str, Product]) -> Iterator[str]:
    for position, item in enumerate(order["items"]):
        product = products.get(item["product_id"])
        if product is None:
            yield f"items.{position}.product_id: there is no product {item['product_id']!r}"
        elif item["item_id"] not in product["variants"]:
            yield f"items.{position}.item_id: product {item['product_id']!r} has no variant {item['item_id']!r}"
    held = {item["item_id"] for item in order["items"]}
    for position, fulfillment in enumerate(order.get("fulfillments", ())):
        for item_id in fulfillment["item_ids"]:
            if item_id not in held:
                yield f"fulfillments.{position}.item_ids: the order has no item {item_id!r}"


def _product_faults(tables: Tables) -> Iterator[Fault]:
    homes: dict[str, str] = {}
    names: dict[str, str] = {}
    for product_id, product in tables.products.items():
        if product["product_id"] != product_id:
            yield "products", product_id, f"product_id: is {product['product_id']!r}; it must be its key"
        if (first := names.setdefault(product["name"], product_id)) != product_id:
            yield "products", product_id, f"name: {product['name']!r} is the name of {first!r} too"
        for item_id, variant in product["variants"].items():
            if variant["item_id"] != item_id:
                yield "products", product_id, f"variants.{item_id}.item_id: is {variant['item_id']!r}, not its key"
            if (home := homes.setdefault(item_id, product_id)) != product_id:
                yield "products", product_id, f"variants.{item_id}: is a variant of {home!r} too"


def _few(faults: list[str]) -> str:
    more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
    return "; ".join(faults[:_TOLD]) + more


def _repeated(values: list[str]) -> list[str]:
    return sorted({value for value in values if values.count(value) > 1})
