"""The policy contract: whoever gives the next turn of a conversation."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

from agentgym.episode import Outcome
from agentgym.limits import Limits
from agentgym.messages import NO_USAGE, Conversation, JsonObject, ToolCall, Turn, Usage
from agentgym.prices import Price
from agentgym.quickinit import quick_init
from agentgym.tools import ToolSpec


@quick_init
@dataclass(frozen=True, kw_only=True)
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

    @property
    def settings(self) -> JsonObject:
        """What its turns depend on besides its name, for records; no secret is in it."""
        return {}

    @property
    def base_url(self) -> str | None:
        """Where its model is served, for one that asks over a network."""
        return None

    @property
    def prices(self) -> Mapping[str, Price]:
        """What the tokens of its models cost, by the models' specs, where that is to be counted."""
        return {}

    @abstractmethod
    def start(self, context: Context) -> Session:
        """A session for one episode."""

    async def preflight(self) -> None:
        """Find out in seconds whether it can play at all; UsageError says what is wrong."""

    async def aclose(self) -> None:
        """Let go of what all sessions share, such as connections."""


def checked_turn(given: object) -> Turn:
    """What a session gave, if it is a turn that a record can hold; TypeError says what is not."""
    if not isinstance(given, Turn):
        raise TypeError(f"act gave {type(given).__name__}, not a Turn")
    if cast(object, given.text) is None or type(given.tool_calls) is not tuple:
        given = replace(given, text=given.text or "", tool_calls=tuple(given.tool_calls or ()))
    misfit = _misfit(given)
    if misfit is not None:
        raise TypeError(f"act gave a Turn with {misfit}: {given!r:.200}")
    return given


def _misfit(turn: Any) -> str | None:
    """What is not as the annotations of a turn promise; anybody may have written it."""
    if not isinstance(turn.text, str):
        return f"a text that is {type(turn.text).__name__}"
    if not isinstance(turn.usage, Usage):
        return f"a usage that is {type(turn.usage).__name__}, not Usage"
    if turn.usage is not NO_USAGE and not 0 <= turn.usage.cost_usd < math.inf:
        return f"a cost that is no finite number: {turn.usage.cost_usd!r}"
    if turn.latency_s is not None and not 0 <= turn.latency_s < math.inf:
        return f"a latency that is no finite number: {turn.latency_s!r}"
    for call in turn.tool_calls:
        held = (getattr(call, "name", None), getattr(call, "arguments", None))
        if not (isinstance(call, ToolCall) and isinstance(held[0], str) and isinstance(held[1], dict)):
            return "a call that is not ToolCall(name, {...}); ToolCall.from_text reads JSON text"
    return None
