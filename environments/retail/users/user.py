"""The other side of the conversation: what whoever plays the customer can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from agentgym.messages import NO_USAGE, Usage
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

    def take_usage(self) -> Usage:
        """What its model calls used up since this was asked last."""
        return NO_USAGE

    async def aclose(self) -> None:
        """Let go of whatever it holds."""

    def __deepcopy__(self, memo: object) -> Self:
        return self.fork()


class User(ABC):
    """Plays customers; it holds no conversation's state, so one object serves any number of them."""

    converses: bool = True
    """Whether it hears what it is told; one that does not is served first and spoken to last by the reference."""

    @property
    def name(self) -> str:
        """What records call it."""
        return type(self).__name__.removesuffix("User").lower()

    @abstractmethod
    def start(self, task: RetailTask, *, db: RetailDB, seed: int) -> UserSession:
        """A customer who wants what the task says; it asks no model before the first line."""

    def __deepcopy__(self, memo: object) -> Self:
        return self  # forks of an episode share it
