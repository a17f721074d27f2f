"""How a conversation is put to a model that calls tools natively, and to one that is told of them in the text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

from agentgym.jsontext import dump_json
from agentgym.messages import Conversation, JsonObject, Message, Turn
from agentgym.policies.textcalls import calls_in_text, may_hold_calls, text_wire, tools_text
from agentgym.tools import ToolSpec


class Dialect(ABC):
    """One session's way of speaking; everything before the messages is the same in every request."""

    reads_text: bool
    """Whether calls stand in the text, because the model was told to write them there."""

    def __init__(self, fields: JsonObject) -> None:
        self._head = dump_json(fields)[:-1] + b',"messages":'
        self._head_digest = blake2b(self._head, digest_size=8).hexdigest()

    @abstractmethod
    def body(self, conversation: Conversation) -> bytes:
        """A whole request."""

    def read(self, turn: Turn) -> Turn:
        """What the model says, with the calls in it."""
        return turn

    def digest(self, conversation: Conversation) -> str:
        """Equal for equal requests; what it costs does not grow with what was said before."""
        return self._head_digest + conversation.digest()


class NativeDialect(Dialect):
    """Tools and calls have fields of their own; it remembers nothing, so sessions may share it."""

    reads_text = False

    def __init__(self, fields: JsonObject, tools: Sequence[ToolSpec]) -> None:
        super().__init__(fields | {"tools": [tool.wire() for tool in tools]} if tools else fields)
        self._fields = fields
        self._tools = tools
        self._names = frozenset(tool.name for tool in tools)

    def suits(self, fields: JsonObject, tools: Sequence[ToolSpec]) -> bool:
        """Whether another one would begin its requests alike; equal tools may yet be written differently."""
        return fields == self._fields and [*map(id, tools)] == [*map(id, self._tools)]

    def body(self, conversation: Conversation) -> bytes:
        return b"".join((self._head, conversation.wire(), b"}"))

    def read(self, turn: Turn) -> Turn:
        """Servers that run without a tool parser leave the calls in the text."""
        if turn.tool_calls or not self._names or not may_hold_calls(turn.text):
            return turn
        return _with_calls(turn, self._names, fenced=False)


class TextDialect(Dialect):
    """The tools are described at the beginning, and calls and results are tagged text."""

    reads_text = True

    def __init__(self, fields: JsonObject, tools: Sequence[ToolSpec]) -> None:
        super().__init__(fields)
        self._names = frozenset(tool.name for tool in tools)
        self._tools = tools
        self._said: list[bytes] = []
        self._conversation: Conversation | None = None
        """What is said of; an agent of several parts puts a new one to a session every time."""

    def body(self, conversation: Conversation) -> bytes:
        if conversation is not self._conversation:
            self._said, self._conversation = [], conversation
        said = self._said
        if not said and len(conversation):
            said.append(text_wire(self._opening(conversation[0])))
            if conversation[0].role != "system":
                said.append(text_wire(conversation[0]))
        told = len(said) - (len(conversation) > 0 and conversation[0].role != "system")
        said.extend(text_wire(message) for message in conversation[told:])
        return b"".join((self._head, b"[", b",".join(said), b"]}"))

    def read(self, turn: Turn) -> Turn:
        return _with_calls(turn, self._names, fenced=True) if self._names else turn

    def _opening(self, first: Message) -> Message:
        """The system message, with the tools in it."""
        parts = [first.content] if first.role == "system" else []
        parts += [tools_text(self._tools)] if self._tools else []
        return Message("system", "\n\n".join(parts))


def _with_calls(turn: Turn, names: frozenset[str], *, fenced: bool) -> Turn:
    found = calls_in_text(turn.text, names, fenced=fenced)
    if not found.calls and found.text == turn.text:
        return turn
    return replace(turn, text=found.text, tool_calls=found.calls, reasoning=found.reasoning or turn.reasoning)
