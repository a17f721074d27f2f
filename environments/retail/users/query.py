"""A customer who says the task word for word, and then goes by rules."""

from __future__ import annotations

from typing import Self

from environments.retail.database import RetailDB
from environments.retail.task import RetailTask
from environments.retail.users.rules import RulesUser
from environments.retail.users.user import UserSession


class QueryUser(RulesUser):
    """Says the task word for word, and from then on goes by rules: answers, and agrees to what it wants."""

    def start(self, task: RetailTask, *, db: RetailDB, seed: int) -> UserSession:
        return _QuerySession(task.instruction, super().start(task, db=db, seed=seed))


class _QuerySession(UserSession):
    def __init__(self, query: str, ruled: UserSession, *, opened: bool = False) -> None:
        self._query = query
        self._ruled = ruled
        self._opened = opened

    async def reply(self, line: str) -> str:
        said = await self._ruled.reply(line)
        if self._opened:
            return said
        self._opened = True
        return self._query

    def fork(self) -> Self:
        return type(self)(self._query, self._ruled.fork(), opened=self._opened)
