"""The policy contract: whoever gives the next turn of a conversation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from agentgym.episode import Outcome
from agentgym.limits import Limits
from agentgym.messages import Conversation, JsonObject, Turn
from agentgym.tools import ToolSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a policy is told before an episode: never the task, nor its solution."""

    tools: tuple[ToolSpec, ...] = ()
    instructions: str = ""
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    """The policy's own; independent of the environment's chances."""
    answer_schema: JsonObject | None = None
    """JSON Schema of the text to answer with, in an environment without tools."""
    reference: Callable[[], Iterator[Turn]] | None = None
    """The environment's own solution, for a policy with `reads_reference` only."""


class Session(ABC):
    """One episode's conversation with a policy; it may keep state."""

    @abstractmethod
    async def act(self, conversation: Conversation) -> Turn:
        """The next turn after all that was said."""

    async def close(self, outcome: Outcome) -> None:
        """Learn how the episode ended, and let go."""


class Policy(ABC):
    """Starts sessions; it holds no episode's state, so one object serves any number of episodes at once."""

    reads_reference: ClassVar[bool] = False
    """Only the oracle asks to see the environment's own solution."""

    @property
    def name(self) -> str:
        """What records call this policy."""
        return type(self).__name__.removesuffix("Policy").lower()

    @abstractmethod
    def start(self, context: Context) -> Session:
        """A session for one episode."""

    async def aclose(self) -> None:
        """Let go of what all sessions share, such as connections."""
