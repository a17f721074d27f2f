"""What a client asks of a chat-completions server, and what may be answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from agentgym.messages import JsonObject, Turn
from agentgym.testing.misbehaviour import Trouble

_MOST_CHOICES = 128
"""What OpenAI allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeReply:
    """An answer to the letter: a turn, JSON, or text and bytes as they stand."""

    body: Turn | JsonObject | str | bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    """How long it takes; without one, a good answer takes as long as the endpoint's latency says."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a client asked."""

    body: JsonObject
    headers: Mapping[str, str]
    """Names in any case are found."""
    digest: str = ""
    """The same for the same bytes of body; empty where the endpoint remembers nothing."""

    @property
    def model(self) -> str:
        """The model asked for."""
        return str(self.body.get("model"))

    @property
    def messages(self) -> list[JsonObject]:
        """The conversation so far."""
        return self._objects("messages")

    @property
    def tools(self) -> list[JsonObject]:
        """The tools on offer, as chat completions list them."""
        return self._objects("tools")

    @property
    def n(self) -> int:
        """How many choices are asked for."""
        n = self.body.get("n")
        return min(n, _MOST_CHOICES) if isinstance(n, int) and n > 0 else 1

    @property
    def streams(self) -> bool:
        """Whether the answer is to come as a stream of events."""
        return self.body.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        """Whether a stream is to end with the usage."""
        options = self.body.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True

    def _objects(self, name: str) -> list[JsonObject]:
        values = self.body.get(name)
        return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


Answer = Turn | str | FakeReply | Trouble
"""A plain string is a turn of text."""
Answerer = Callable[[ChatRequest], Answer | Awaitable[Answer]]
