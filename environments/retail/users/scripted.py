"""The customer who was told every word beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from environments.retail.database import RetailDB
from environments.retail.task import RetailTask
from environments.retail.users.user import STOP, User, UserSession


class ScriptedUser(User):
    """Says what it was given, line by line, and then stops.

    It opens with `opening`, or else with the task's instruction.
    """

    converses = False

    def __init__(self, replies: Sequence[str] = (), *, opening: str | None = None) -> None:
        self._replies = tuple(replies)
        self._opening = opening

    def start(self, task: RetailTask, *, db: RetailDB, seed: int) -> UserSession:
        opening = task.instruction if self._opening is None else self._opening
        return _ScriptedSession((opening, *self._replies))


class _ScriptedSession(UserSession):
    def __init__(self, lines: tuple[str, ...], said: int = 0) -> None:
        self._lines = lines
        self._said = said

    async def reply(self, line: str) -> str:
        self._said += 1
        return self._lines[self._said - 1] if self._said <= len(self._lines) else STOP

    def fork(self) -> Self:
        return type(self)(self._lines, self._said)
