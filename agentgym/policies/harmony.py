"""The form of gpt-oss, where messages have a channel and a recipient.

Source: https://cookbook.openai.com/articles/openai-harmony.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agentgym.messages import ToolCall
from agentgym.policies.calljson import FoundCalls

_TOKEN = re.compile(r"<\|(start|channel|constrain|message|end|return|call)\|>")
_BEGINS = re.compile(r"(?<!`)(?:<\|channel\|>\s*(?:analysis|commentary|final)\b|<\|start\|>\s*assistant\b)")
_RECIPIENT = re.compile(r"\bto=([^\s<]+)")
_NO_TOOLS = ("assistant", "user", "all")


@dataclass(slots=True)
class _Message:
    header: list[str] = field(default_factory=list)
    channel: str = ""
    body: str = ""
    is_open: bool = False
    """Whether the header is over."""

    @property
    def tool(self) -> str | None:
        """Whom it calls, if anyone."""
        found = _RECIPIENT.search(" ".join(self.header))
        return None if found is None or found[1] in _NO_TOOLS else found[1].removeprefix("functions.")


def is_harmony(text: str) -> bool:
    """Whether special tokens, which most servers take out, structure this text."""
    return "<|message|>" in text and _BEGINS.search(text) is not None


def read_harmony(text: str) -> FoundCalls:
    """Thoughts are on the analysis channel, calls go to a recipient, and all else is text."""
    said: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    for message in _messages(text):
        tool, body = message.tool, message.body.strip()
        if tool is not None and message.is_open:
            calls.append(ToolCall.from_text(tool, body))
        elif body:
            (thoughts if message.channel == "analysis" else said).append(body)
    return FoundCalls("\n\n".join(said), tuple(calls), "\n\n".join(thoughts) or None)


def _messages(text: str) -> Iterator[_Message]:
    first, *rest = _TOKEN.split(text)
    message = _Message(body=first)
    for token, piece in zip(rest[::2], rest[1::2], strict=True):
        if token in ("start", "end", "return", "call") or (message.is_open and token in ("channel", "message")):
            yield message
            message = _Message()
        _add(message, token, piece)
    yield message


def _add(message: _Message, token: str, piece: str) -> None:
    if token in ("channel", "constrain", "message") and not message.is_open:
        # What stood before was the rest of a header that the prompt had begun.
        message.header.append(message.body)
        message.body = ""
    if token == "channel":
        message.channel = piece.split(maxsplit=1)[0] if piece.strip() else ""
    if token == "message":
        message.is_open = True
    if token in ("start", "channel"):
        message.header.append(piece)
    elif token != "constrain" or message.is_open:
        message.body += piece
