"""Whether what tasks refer to is there, and whether orders are those of the customers they are named with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from agentgym.messages import JsonObject
from environments.retail.database import RetailDB
from environments.retail.desk import perform
from environments.retail.factory.envelope import Blueprint, Call
from environments.retail.state import State

SAMPLES = 10
"""So many of what is wrong are shown of each kind."""
_TABLES = {"user_id": "users", "order_id": "orders", "product_id": "products"}
_SEARCH = "find_user_id_by_"


@dataclass(slots=True)
class _Kind:
    """References of one kind."""

    total: int = 0
    valid: int = 0
    samples: list[JsonValue] = field(default_factory=list)

    def add(self, sample: JsonObject, *, valid: bool) -> None:
        self.total += 1
        self.valid += valid
        if not valid and len(self.samples) < SAMPLES:
            self.samples.append(sample)

    @property
    def invalid(self) -> int:
        return self.total - self.valid

    def to_json(self) -> JsonObject:
        return {
            "total": self.total,
            "valid": self.valid,
            "invalid": self.invalid,
            "valid_ratio": percent(self.valid, self.total),
            "invalid_samples": self.samples,
        }


def references(tasks: Iterable[tuple[str, Blueprint]], db: RetailDB) -> JsonObject:
    """How many ids the calls of tasks name, and how many of them the shop knows; ratios in percent."""
    kinds = {name: _Kind() for name in _TABLES}
    owners = _Kind()
    actions = 0
    for task_id, blueprint in tasks:
        customer: str | None = None
        for index, call in enumerate(blueprint.agt):
            actions += 1
            place: JsonObject = {"task_id": task_id, "index": index, "action": call.name}
            for name, value in _ids(call):
                kinds[name].add({**place, "value": value}, valid=_is_known(db, name, value))
            customer = _customer(call, customer, db)
            for order_id in (value for name, value in _ids(call) if name == "order_id"):
                if customer is not None:
                    owner = _owner(order_id, db)
                    sample = {**place, "order_id": order_id, "user_id": customer, "owner": owner}
                    owners.add(sample, valid=owner == customer)
    total, valid = sum(kind.total for kind in kinds.values()), sum(kind.valid for kind in kinds.values())
    return {
        "total_actions": actions,
        "total_id_references": total,
        "valid_references": valid,
        "invalid_references": total - valid,
        "reference_ratio": percent(valid, total),
        "order_user_checks": owners.total,
        "valid_order_user_associations": owners.valid,
        "invalid_order_user_associations": owners.invalid,
        "order_user_match_ratio": percent(owners.valid, owners.total),
        "details": {
            **{name: kind.to_json() for name, kind in kinds.items()},
            "order_user_association": owners.to_json(),
        },
    }


def percent(part: int, total: int) -> float:
    """0 where there is nothing to have a part of."""
    return 100 * part / total if total else 0.0


def _ids(call: Call) -> Iterator[tuple[str, JsonValue]]:
    """The ids that a call names, by the kind of each; lists of them one by one."""
    for name in _TABLES:
        for key in (name, f"{name}s"):
            value = call.arguments.get(key)
            if value is not None:
                yield from ((name, entry) for entry in (value if isinstance(value, list) else [value]))


def _is_known(db: RetailDB, name: str, value: JsonValue) -> bool:
    table: Mapping[str, object] = getattr(db, _TABLES[name])
    return isinstance(value, str) and value in table


def _customer(call: Call, known: str | None, db: RetailDB) -> str | None:
    """Who is served from this call on: whom it finds, whom it names, or who was served before."""
    if call.name.startswith(_SEARCH):
        found = perform(State(db), call.name, call.arguments)
        return known if found.failed else found.text
    named = call.arguments.get("user_id")
    return named if isinstance(named, str) else known


def _owner(order_id: JsonValue, db: RetailDB) -> str | None:
    order = db.orders.get(order_id) if isinstance(order_id, str) else None
    return None if order is None else order["user_id"]
