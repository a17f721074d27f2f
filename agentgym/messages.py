"""What agents and environments say to each other: messages, tool calls, turns, and the conversation they form.

Neither these classes nor those of a record have slots: so they are written as JSON four times as fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, overload

from pydantic import JsonValue

from agentgym.jsontext import dump_json, parse_json
from agentgym.quickinit import quick_init

if TYPE_CHECKING:
    from hashlib import blake2b

Role = Literal["system", "user", "assistant", "tool"]
JsonObject = dict[str, JsonValue]


@quick_init
@dataclass(frozen=True)
class ToolCall:
    """One call the agent asks for; a call that arrived as text keeps that text in `raw`."""

    name: str
    arguments: JsonObject = field(default_factory=dict)
    id: str = ""
    raw: str | None = None
    """The arguments as the model wrote them, byte for byte."""
    problem: str | None = None
    """Why `raw` is not a JSON object; `arguments` is then empty."""

    @classmethod
    def from_text(cls, name: str, raw: str, *, id: str = "") -> ToolCall:
        """Read a call whose arguments came as JSON text, keeping what does not parse."""
        try:
            arguments = parse_json(raw)
            if "\\ud" in raw or "\\uD" in raw:  # half of a pair, perhaps, which no record could hold
                arguments = parse_json(dump_json(arguments).decode())
        except ValueError as error:
            return cls(name, id=id, raw=raw, problem=str(error))
        if not isinstance(arguments, dict):
            return cls(name, id=id, raw=raw, problem="the arguments must be a JSON object")
        return cls(name, arguments, id=id, raw=raw)

    @property
    def text(self) -> str:
        """The arguments as JSON text: the model's own, or written from `arguments`."""
        return self.raw if self.raw is not None else dump_json(self.arguments).decode()


@quick_init
@dataclass(frozen=True)
class Usage:
    """What one or more model calls used up."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Prompt tokens the engine had at hand; they are part of `prompt_tokens`."""
    cost_usd: float = 0.0
    calls: int = 0

    @property
    def tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.cost_usd + other.cost_usd,
            self.calls + other.calls,
        )


NO_USAGE = Usage()


class Tally:
    """What calls have used up so far; to count one more makes no object."""

    __slots__ = ("_cached_tokens", "_calls", "_completion_tokens", "_prompt_tokens", "cost_usd")

    def __init__(self) -> None:
        self._prompt_tokens = self._completion_tokens = self._cached_tokens = self._calls = 0
        self.cost_usd = 0.0

    @property
    def tokens(self) -> int:
        """Prompt and completion together."""
        return self._prompt_tokens + self._completion_tokens

    @property
    def usage(self) -> Usage:
        """All of it."""
        return Usage(self._prompt_tokens, self._completion_tokens, self._cached_tokens, self.cost_usd, self._calls)

    def add(self, usage: Usage) -> None:
        """Count a call, or several."""
        self._prompt_tokens += usage.prompt_tokens
        self._completion_tokens += usage.completion_tokens
        self._cached_tokens += usage.cached_tokens
        self.cost_usd += usage.cost_usd
        self._calls += usage.calls


@quick_init
@dataclass(frozen=True)
class TokenSpan:
    """The token ids of one model call exactly as the engine sampled them; trainers never tokenise again."""

    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None = None
    """One natural-log probability per completion token, at `temperature`."""
    temperature: float | None = None
    model_version: str | None = None
    exact: bool = True
    """False where the ids are our own tokenisation of the text, not the engine's."""


@quick_init
@dataclass(frozen=True)
class Turn:
    """One assistant message: text and/or tool calls, and what is known of how it came about."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None
    finish_reason: str | None = None
    """`stop`, `tool_calls`, `length` or whatever else the endpoint says."""
    usage: Usage = NO_USAGE
    latency_s: float | None = None
    span: TokenSpan | None = None
    model: str | None = None
    role: str | None = None
    """Which part of an agent spoke, for agents built of several policies."""
    alternatives: tuple[Turn, ...] = ()
    """The other choices, where several were asked for; their tokens are in this turn's usage."""
    calls: tuple[ModelCall, ...] = ()
    """What an agent of several policies asked them to come to this turn, in order; this turn's usage is their sum."""

    def message(self) -> Message:
        """The turn as the conversation keeps it."""
        return Message("assistant", self.text, tool_calls=self.tool_calls, reasoning=self.reasoning)

    def with_call_ids(self, turn_number: int) -> Turn:
        """The same turn with an id for every call that lacks one, equal between equal runs."""
        calls = [call.id for call in self.tool_calls]
        if "" not in calls:
            return self
        named = [
            call if call.id else replace(call, id=f"call_{turn_number}_{position}")
            for position, call in enumerate(self.tool_calls)
        ]
        return replace(self, tool_calls=tuple(named))


@quick_init
@dataclass(frozen=True)
class Message:
    """One entry of a conversation, in the vocabulary of chat completions."""

    role: Role
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    reasoning: str | None = None

    def wire(self) -> bytes:
        """The message as chat-completions JSON; reasoning stays home."""
        body: JsonObject = {"role": self.role, "content": self.content}
        if self.tool_call_id is not None:
            body["tool_call_id"] = self.tool_call_id
        if self.tool_calls:
            body["content"] = self.content or None
            body["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _sent(call)}}
                for call in self.tool_calls
            ]
        return dump_json(body)


@quick_init
@dataclass(frozen=True)
class ModelCall:
    """One call of a policy within an agent: what it was shown, and what it said."""

    role: str
    """Which part of the agent made it."""
    turn: int
    """The turn it was about, from 1."""
    messages: tuple[Message, ...]
    """The prompt; empty where the policy saw the conversation itself."""
    reply: Turn


def _sent(call: ToolCall) -> str:
    """The arguments, in an object whatever they are: vLLM, SGLang and others answer no history with anything else."""
    return call.text if call.problem is None else dump_json({"invalid_arguments": call.text}).decode()


class Conversation(Sequence[Message]):
    """The messages so far; it only grows, and each message is encoded for the wire once."""

    __slots__ = ("_digest", "_encoded", "_messages", "_wire")

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._messages = list(messages)
        self._wire = bytearray(b"[")
        """The JSON so far, without its closing bracket; one piece takes less memory than a piece for each message."""
        self._encoded = 0
        """How many messages are in it."""
        self._digest: blake2b | None = None
        """Of what is encoded, once somebody asked for it."""

    def append(self, message: Message) -> None:
        """Add what was said last."""
        self._messages.append(message)

    def extend(self, messages: Iterable[Message]) -> None:
        """Add several messages in order."""
        self._messages.extend(messages)

    def wire(self) -> bytes:
        """All messages as one JSON array; only what is new since the last call is encoded."""
        return b"".join((self._encode(), b"]"))

    def digest(self) -> str:
        """Equal for equal conversations; only what is new since the last call is read."""
        if self._digest is None:
            from hashlib import blake2b  # not above: it costs at start

            self._digest = blake2b(self._encode(), digest_size=16)
        elif self._encoded < len(self._messages):
            self._encode()
        return self._digest.hexdigest()

    def _encode(self) -> bytearray:
        wire, begun = self._wire, self._encoded
        if begun < len(self._messages):
            new = b",".join([message.wire() for message in self._messages[begun:]])
            if begun:
                new = b"," + new
            wire += new
            if self._digest is not None:
                self._digest.update(new)
            self._encoded = len(self._messages)
        return wire

    def __len__(self) -> int:
        return len(self._messages)

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> list[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | list[Message]:
        return self._messages[index]

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)
