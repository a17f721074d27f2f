"""What is wrong with tasks: references that fail, dangle or change nothing, outputs that cannot be told, ..."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from environments.retail.conduct import comparable_arguments
from environments.retail.database import RetailDB
from environments.retail.env import RetailEnv
from environments.retail.task import Action, RetailTask

Kind = Literal[
    "unreadable",
    "failing action",
    "dangling reference",
    "nothing to do",
    "unsayable output",
    "duplicate",
    "another customer",
    "same item",
    "no items",
    "echoed output",
]
_DOUBTS: tuple[Kind, ...] = ("duplicate", "another customer", "same item", "no items", "echoed output")
_TABLES = {"order_id": "orders", "user_id": "users", "product_id": "products"}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a task."""

    task: str
    """Its id; empty where it cannot be read."""
    kind: Kind
    what: str

    @property
    def is_flaw(self) -> bool:
        """Whether the task measures less than it should, or nothing; else it is only strange."""
        return self.kind not in _DOUBTS


def audit_tasks(tasks: Iterable[RetailTask], env: RetailEnv) -> Iterator[Finding]:
    """What is wrong with tasks that an environment is to play."""
    first_of: dict[object, str] = {}
    for task in tasks:
        findings = [*_flaws(task, env), *_dangling(task, env.db), *_doubts(task, env.db)]
        first = first_of.setdefault(_meaning(task), task.id)
        if first != task.id:
            findings.append(("duplicate", f"the customer wants the same as in {first}"))
        yield from (Finding(task.id, kind, what) for kind, what in findings)


_Found = tuple[Kind, str]


_KINDS: dict[str, Kind] = {"action": "failing action", "output": "unsayable output", "doing": "nothing to do"}
"""By the first word of what the environment tells."""


def _flaws(task: RetailTask, env: RetailEnv) -> Iterator[_Found]:
    return ((_KINDS[flaw.split()[0]], flaw) for flaw in env.flaws(task))


def _dangling(task: RetailTask, db: RetailDB) -> Iterator[_Found]:
    for number, action in enumerate(task.actions):
        for name, table in _TABLES.items():
            key = action.kwargs.get(name)
            if isinstance(key, str) and key not in getattr(db, table):
                yield "dangling reference", f"actions.{number}.{name}: there is no {table[:-1]} {key!r}"
        for name in ("item_ids", "new_item_ids"):
            for key in _listed(action, name):
                if key not in db.index.product_of_item:
                    yield "dangling reference", f"actions.{number}.{name}: there is no item {key!r}"
        method = action.kwargs.get("payment_method_id")
        if isinstance(method, str) and method not in _payment_methods(action, task, db):
            yield "dangling reference", f"actions.{number}.payment_method_id: the customer has no {method!r}"


def _doubts(task: RetailTask, db: RetailDB) -> Iterator[_Found]:
    for number, action in enumerate(task.actions):
        order = db.orders.get(str(action.kwargs.get("order_id")))
        owner = action.kwargs.get("user_id") if order is None else order["user_id"]
        if task.user_id and isinstance(owner, str) and owner in db.users and owner != task.user_id:
            yield "another customer", f"actions.{number}: {action.name} concerns {owner}, not {task.user_id}"
        for old, new in zip(_listed(action, "item_ids"), _listed(action, "new_item_ids"), strict=False):
            if old == new:
                yield "same item", f"actions.{number}: {old} is swapped for itself"
        if action.kwargs.get("item_ids") == []:
            yield "no items", f"actions.{number}: {action.name} of no items changes the order's status alone"
    told = task.instruction.lower().replace(",", "")
    for number, output in enumerate(task.outputs):
        if output.strip() and output.lower() in told:
            yield "echoed output", f"outputs.{number}: {output!r} stands in the instruction, so an echo tells it"


def _payment_methods(action: Action, task: RetailTask, db: RetailDB) -> Container[str]:
    """Those of the customer whose order it is."""
    order = db.orders.get(str(action.kwargs.get("order_id")))
    user = db.users.get(task.user_id if order is None else order["user_id"])
    return () if user is None else user["payment_methods"]


def _meaning(task: RetailTask) -> object:
    """Equal for tasks that want the same; where nothing is to be done, it is the words that tell them apart."""
    acts = tuple((action.name, comparable_arguments(action.name, action.kwargs)) for action in task.actions)
    return task.user_id, acts or " ".join(task.instruction.casefold().split()), frozenset(task.outputs)


def _listed(action: Action, name: str) -> list[str]:
    """The ids of a list; what is none of text is left to the tools to refuse."""
    value = action.kwargs.get(name)
    return [key for key in value if isinstance(key, str)] if isinstance(value, list) else []
