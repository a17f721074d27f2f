"""Template mode: no model; what customers want comes from the shop's state, their words from phrases."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from agentgym.errors import UsageError
from agentgym.seeds import derive_seed
from environments.retail.database import RetailDB
from environments.retail.factory.envelope import Blueprint, Call
from environments.retail.factory.personas import opening
from environments.retail.factory.scenarios import BY_KEY
from environments.retail.records import Order, User
from environments.retail.task import RetailTask
from environments.retail.users.speech import spoken_request
from environments.retail.world.tasks import make_tasks

_BATCH = 8 * len(BY_KEY)
_BARREN = 16
"""After so many batches without a new task of a scenario the shop holds no more."""
_UNSUITED = {"forbidden", "transfer"}
"""What is refused or handed over lacks the call that defines its scenario."""


@dataclass(frozen=True, slots=True)
class Stocked:
    """A task, and whose it is."""

    user_id: str
    blueprint: Blueprint


class Stock:
    """Tasks of some scenarios, made as they are asked for; equal seeds give equal tasks. No task stays in memory."""

    def __init__(
        self, db: RetailDB, keys: Sequence[str], *, seed: int, users: Sequence[str] | None = None, batch: int = _BATCH
    ) -> None:
        self._db = db
        self._seed = seed
        self._users = [name for name, user in db.users.items() if _is_plain(user, db)] if users is None else users
        self._batch = batch
        self._shelves = {key: deque[Stocked]() for key in keys}
        self._given = set[int]()
        self._exhausted = set[str]()
        self._batches = self._spoilt = 0

    def take(self, scenario: str) -> Iterator[Stocked]:
        """Tasks of a scenario, none given before; they end where the shop gives no more."""
        shelf, barren = self._shelves[scenario], 0
        while barren < _BARREN and scenario not in self._exhausted:
            while shelf:
                barren = 0
                yield shelf.popleft()
            self._restock()
            barren += 1
        self._exhausted.add(scenario)

    def _restock(self) -> None:
        self._batches += 1
        seed = derive_seed(self._seed, "template", str(self._batches))
        for task in self._made(seed):
            key = hash((task.user_id, str(task.actions)))
            if task.tags[0] in self._shelves and _UNSUITED.isdisjoint(task.tags) and key not in self._given:
                self._given.add(key)
                blueprint = as_blueprint(task, Random(f"{seed} {task.id}"))
                self._shelves[task.tags[0]].append(Stocked(task.user_id, blueprint))

    def _made(self, seed: int) -> list[RetailTask]:
        """A batch; nothing, where a record in it lacks what the shop's own records have, unless all batches do."""
        try:
            made = make_tasks(self._db, self._batch, users=self._users, seed=seed, prefix="template")
        except (LookupError, ValueError) as error:
            self._spoilt += 1
            if self._spoilt < _BARREN:
                return []
            where = self._db.folder or "the data"
            raise UsageError(f"no tasks can be put together from {where}: records lack something ({error})") from error
        self._spoilt = 0
        return made


def _is_plain(user: User, db: RetailDB) -> bool:
    """Whether they have orders that were paid and can be followed, and are told enough by a payment method's kind."""
    kinds = [method["source"] for method in user["payment_methods"].values()]
    orders = [db.orders[order_id] for order_id in user["orders"]]
    return bool(orders) and len(set(kinds)) == len(kinds) and all(map(_is_whole, orders))


def _is_whole(order: Order) -> bool:
    has_left = order["status"] not in ("pending", "cancelled")
    return bool(order["payment_history"]) and (
        not has_left or any(sent["tracking_id"] for sent in order["fulfillments"])
    )


def as_blueprint(task: RetailTask, chance: Random) -> Blueprint:
    """The task as the customer says it, in the first person."""
    words = f"{opening(chance)} {_identity(task)} {spoken_request(task.instruction)}"
    calls = tuple(Call(name=action.name, arguments=action.kwargs) for action in task.actions)
    return Blueprint(q=words, agt=calls, ogt=task.outputs)


def _identity(task: RetailTask) -> str:
    given = task.actions[0].kwargs
    if "email" in given:
        return f"My e-mail address is {given['email']}."
    return f"My name is {given['first_name']} {given['last_name']} and my zip code is {given['zip']}."
