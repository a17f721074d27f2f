"""From what a model said to what was asked of it, rung by rung: its tool call, a code fence, the first JSON object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from agentgym.errors import one_line
from agentgym.jsontext import parse_json
from agentgym.messages import Turn

_FENCE = re.compile(r"^[ \t]*```[ \t]*(?:json)?[ \t]*\n(.*?)^[ \t]*```[ \t\r]*$", re.MULTILINE | re.DOTALL)
_PIECE = re.compile(r'\{++|\}++|"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_MOST_OBJECTS = 10
"""So many beginnings of an object are looked at; a text with more of them holds no answer."""


class Reply(BaseModel):
    """What a role must say; nothing else may be in it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


ReplyT = TypeVar("ReplyT", bound=Reply)


class NoReply(ValueError):
    """What the model said is not what was asked; the message is what it is told."""


def read_reply(turn: Turn, *kinds: type[ReplyT], tool: str | None = None) -> ReplyT:
    """The first candidate that is a reply of one of the kinds; NoReply tells what is wrong with the first of them all.

    A word like "stop" in free text is nothing: only JSON counts.
    """
    problem: str | None = None
    for written in candidates(turn, tool):
        try:
            return _read(written, kinds)
        except ValueError as error:
            problem = problem or str(error)
    raise NoReply(problem or "there is no JSON object in the answer")


def candidates(turn: Turn, tool: str | None = None) -> Iterator[str]:
    """The JSON texts in a turn, best first; what a model thinks before it answers is no answer."""
    for call in turn.tool_calls:
        if call.name == tool:
            yield call.text
    text = turn.text.rpartition("</think>")[2]
    yield from (fence[1] for fence in _FENCE.finditer(text))
    yield from _objects(text)


def _objects(text: str) -> Iterator[str]:
    """Each JSON object in the text, one after another, and not what is inside of them; prose may hold braces too."""
    begin = text.find("{")
    for _ in range(_MOST_OBJECTS):
        if begin < 0:
            return
        end = _end(text, begin)
        written = text[begin : end or begin]
        yield from [written] if written else []
        begin = text.find("{", end if end is not None and _is_json(written) else begin + 1)


def _end(text: str, begin: int) -> int | None:
    """Where the brace that stands here is closed."""
    depth = 0
    for piece in _PIECE.finditer(text, begin):
        kind, length = piece[0][0], piece.end() - piece.start()
        if kind == "{":
            depth += length
        elif kind == "}" and length >= depth:
            return piece.start() + depth
        elif kind == "}":
            depth -= length
    return None


def _is_json(written: str) -> bool:
    try:
        parse_json(written)
    except ValueError:
        return False
    return True


def _read(written: str, kinds: tuple[type[ReplyT], ...]) -> ReplyT:
    parse_json(written)  # refuses a key that stands twice, which other readers pass over
    problem: Any = None
    for kind in kinds:
        try:
            return kind.model_validate_json(written)
        except ValidationError as error:
            problem = problem or error
    raise NoReply(one_line(problem))
