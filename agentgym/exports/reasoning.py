"""Where the thoughts behind a reply stand: in a field of their own, or between tags at the beginning of its text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal, get_args

from agentgym.exports.dialogue import Dialogue, Said

Reasoning = Literal["field", "inline", "drop"]
REASONING: tuple[Reasoning, ...] = get_args(Reasoning)
_OURS = re.compile(r"<think>\n(.+?)\n</think>\n\n", re.DOTALL)
"""Not where nothing was thought: models that can do without are taught so by empty tags."""
_ANY = re.compile(r"\s*<think>(.*?)</think>\s*", re.DOTALL)
_END = re.compile(r"(<|&(?:amp;)*lt;)/think>")
"""What would end a thought, and what stands for it where a thought holds it."""


def with_reasoning(dialogue: Dialogue, reasoning: Reasoning | None) -> Dialogue:
    """The dialogue with all thoughts in one kind of place; None leaves each where it stands."""
    if reasoning is None:
        return dialogue
    place = {"field": _in_field, "inline": inlined, "drop": _dropped}[reasoning]
    messages = (place(message) if message.role == "assistant" else message for message in dialogue.messages)
    return replace(dialogue, messages=tuple(messages))


def inlined(message: Said) -> Said:
    """The reply with its thoughts in its text, for formats that have no field for them."""
    if not message.reasoning:
        return message
    thought = _END.sub(_escaped, message.reasoning)  # or it would end here
    return replace(message, content=f"<think>\n{thought}\n</think>\n\n{message.content}", reasoning=None)


def taken_out(message: Said) -> Said:
    """The opposite, for exactly what `inlined` writes, which is what most models and templates write too."""
    found = _OURS.match(message.content)
    return message if found is None else _without(message, found, found[1])


def _in_field(message: Said) -> Said:
    found = None if message.reasoning else _ANY.match(message.content)
    return message if found is None else _without(message, found, found[1].strip("\n"))


def _dropped(message: Said) -> Said:
    return replace(_in_field(message), reasoning=None)


def _without(message: Said, found: re.Match[str], thought: str) -> Said:
    return replace(message, content=message.content[found.end() :], reasoning=_END.sub(_unescaped, thought) or None)


def _escaped(end: re.Match[str]) -> str:
    return "&lt;/think>" if end[1] == "<" else f"&amp;{end[0][1:]}"


def _unescaped(end: re.Match[str]) -> str:
    return end[0].replace("&amp;", "&", 1) if "&amp;" in end[1] else "</think>"
