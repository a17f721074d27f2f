"""The policy contract: whoever gives the next turn of a conversation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from agentgym.episode import Outcome
from agentgym.limits import Limits
from agentgym.messages import Conversation, JsonObject, ToolCall, Turn, Usage
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


def checked_turn(given: Any) -> Turn:
    """What a session gave, if it is a turn that a record can hold; TypeError says what is not."""
    if not isinstance(given, Turn):
        raise TypeError(f"act gave {type(given).__name__}, not a Turn")
    turn: Any = given  # written by anybody: the annotations promise nothing
    if turn.text is None or type(turn.tool_calls) is not tuple:
        turn = replace(turn, text=turn.text or "", tool_calls=tuple(turn.tool_calls or ()))
    if not isinstance(turn.text, str):
        raise TypeError(f"act gave a Turn whose text is {type(turn.text).__name__}: {turn!r:.200}")
    if not isinstance(turn.usage, Usage):
        raise TypeError(f"act gave a Turn whose usage is {type(turn.usage).__name__}, not Usage: {turn!r:.200}")
    for call in turn.tool_calls:
        if not (isinstance(call, ToolCall) and isinstance(call.name, str) and isinstance(call.arguments, dict)):
            raise TypeError(f"act gave {call!r:.200}, not ToolCall(name, {{...}}); ToolCall.from_text reads JSON text")
    checked: Turn = turn
    return checked
