"""The world that plays where no other is given.

It is made at first use: the shop in less time than reading it from files, all tasks in a tenth of a second more; and no
file can differ from what makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from environments.retail.database import RetailDB
from environments.retail.task import RetailTask
from environments.retail.world.tables import make_tables
from environments.retail.world.tasks import make_tasks

SPLITS = {"test": 120, "train": 520}
"""How many tasks there are of each; both are multiples of the scenarios."""
_TEST_SHARE = 5
"""Every fifth customer plays in the test alone."""


@cache
def own_world() -> RetailDB:
    """500 customers, 1000 orders, 50 products."""
    return RetailDB(*make_tables())


def own_tasks(split: str | None = None) -> list[RetailTask]:
    """What its customers want: the splits `test` and `train`, which share no customer."""
    return [task for name in SPLITS if split in (None, name) for task in _own_tasks(name)]


def split_tasks(db: RetailDB, split: str, count: int, *, seed: int = 0) -> list[RetailTask]:
    """Tasks of the customers that belong to a split."""
    users = [user_id for user_id, user in db.users.items() if user["orders"]]
    chosen = [user_id for place, user_id in enumerate(users) if (place % _TEST_SHARE == 0) is (split == "test")]
    return make_tasks(db, count, users=chosen, seed=seed, prefix=split)


@cache
def _own_tasks(split: str) -> Sequence[RetailTask]:
    return tuple(split_tasks(own_world(), split, SPLITS[split]))
