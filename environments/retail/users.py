"""The other side of the conversation: who plays the customer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Self

from agentgym.errors import UnknownNameError, did_you_mean
from environments.retail.database import RetailDB
from environments.retail.task import RetailTask

GREETING = "Hi! How can I help you today?"
"""What every customer hears first; it is no part of the agent's own conversation."""
STOP = "###STOP###"
"""What a customer who wants nothing more says."""


class UserSession(ABC):
    """One customer in one conversation."""

    @abstractmethod
    async def reply(self, line: str) -> str:
        """The answer to what the agent said, the greeting first; with STOP in it the conversation is over."""

    @abstractmethod
    def fork(self) -> Self:
        """An independent copy, which goes on from here."""

    async def aclose(self) -> None:
        """Let go of whatever it holds."""

    def __deepcopy__(self, memo: object) -> Self:
        return self.fork()


class User(ABC):
    """Plays customers; it holds no conversation's state, so one object serves any number of them."""

    @abstractmethod
    def start(self, task: RetailTask, *, db: RetailDB, seed: int) -> UserSession:
        """A customer who wants what the task says."""

    def __deepcopy__(self, memo: object) -> Self:
        return self  # forks of an episode share it


class ScriptedUser(User):
    """Says what it was given, line by line, and then stops.

    It opens with `opening`, or else with the task's instruction.
    """

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


UserSpec = User | Sequence[str] | str
"""A user, the replies of a scripted one, or the name of a kind."""

_KINDS: dict[str, Callable[[], User]] = {"scripted": ScriptedUser}


def make_user(spec: UserSpec) -> User:
    """The user that a spec stands for."""
    if isinstance(spec, User):
        return spec
    if not isinstance(spec, str):
        return ScriptedUser(spec)
    kind = _KINDS.get(spec)
    if kind is None:
        raise UnknownNameError(f"no user {spec!r}; {did_you_mean(spec, _KINDS)}, or a list of replies")
    return kind()
