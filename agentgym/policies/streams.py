"""Answers that come as server-sent events, put together into the one reply that a server sends otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain

import orjson
from pydantic import JsonValue

from agentgym.jsontext import dump_json
from agentgym.policies.completions import join_parts
from agentgym.policies.deltas import Answer

_DONE = "[DONE]"
_BOM = b"\xef\xbb\xbf"
_STREAM = re.compile(rb"\s*(?:data|event|id|retry|error)?:")


def read_stream(body: bytes) -> bytes:
    """The plain completion that a whole stream amounts to; a body that is no stream stays as it is.

    Raises ValueError where the stream broke off, tells of an error, or holds what is no chunk.
    """
    body = body.removeprefix(_BOM)
    if not _STREAM.match(body):
        return body
    events, answer = _Events(), Answer()
    for chunk in chain(events.feed(body), events.rest()):
        if chunk == _DONE:
            return dump_json(answer.whole())
        answer.add(chunk)
    if not answer.finished:
        raise ValueError("the stream broke off before the answer was finished")
    return dump_json(answer.whole())


class StreamText:
    """The text of one answer while it comes, without what is thought and called; for `on_chunk`, one an answer."""

    def __init__(self) -> None:
        self._events = _Events()

    def feed(self, piece: bytes) -> str:
        """What is new of the first choice's text; pieces may be cut anywhere."""
        return "".join([text for chunk in self._events.feed(piece) for text in _texts(chunk)])


def _texts(chunk: JsonValue | bytes) -> Iterator[str]:
    choices = chunk.get("choices") if isinstance(chunk, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and not choice.get("index"):
            delta = choice.get("delta")
            content = delta.get("content") if isinstance(delta, dict) else None
            if isinstance(content, list):
                content = join_parts([part for part in content if isinstance(part, dict)], "text")
            yield content if isinstance(content, str) else ""


class _Events:
    """Cuts a stream into what its events hold, by https://html.spec.whatwg.org/multipage/server-sent-events.html."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        """The beginning of a line."""
        self._data: list[bytes] = []
        """The lines of an event so far, where the first of them is not JSON by itself."""
        self._kind = b""

    def feed(self, piece: bytes) -> Iterator[JsonValue | bytes]:
        """The events that end in this piece: their JSON, or their bytes where they are none."""
        self._held.append(piece)
        if b"\n" not in piece and b"\r" not in piece:
            return
        *lines, last = b"".join(self._held).splitlines(keepends=True)
        # After a carriage return at the very end, a line feed of the same line may follow.
        self._held = [last]
        if last.endswith(b"\n"):
            lines.append(last)
            self._held = []
        for line in lines:
            yield from self._line(line.rstrip(b"\r\n"))

    def rest(self) -> Iterator[JsonValue | bytes]:
        """The last event, where the stream ended before a blank line; what was cut off in it is left out."""
        last = b"".join(self._held).rstrip(b"\r")
        if last:
            yield from self._line(last)
        parsed = _parsed(b"\n".join(self._data))
        if not isinstance(parsed, bytes):
            yield self._event(parsed)

    def _line(self, line: bytes) -> Iterator[JsonValue | bytes]:
        if not line:
            if self._data:
                yield self._event(_parsed(b"\n".join(self._data)))
            self._data, self._kind = [], b""
            return
        name, _, value = line.partition(b":")
        if line.startswith(b"{"):
            # Some servers write an error as it stands.
            name, value = b"data", line
        value = value.removeprefix(b" ")
        if name == b"event":
            self._kind = value
        elif name == b"error":
            yield {"error": value.decode(errors="replace")}
        elif name == b"data" and (value or self._data):
            yield from self._more(value)

    def _more(self, value: bytes) -> Iterator[JsonValue | bytes]:
        """A line of data is mostly a whole event, and some servers leave out the blank line after it."""
        parsed = value if self._data else _parsed(value)
        if isinstance(parsed, bytes):
            self._data.append(value)
        else:
            yield self._event(parsed)

    def _event(self, parsed: JsonValue | bytes) -> JsonValue | bytes:
        if self._kind != b"error" or (isinstance(parsed, dict) and parsed.get("error")):
            return parsed
        return {"error": parsed.decode(errors="replace") if isinstance(parsed, bytes) else parsed}


def _parsed(data: bytes) -> JsonValue | bytes:
    if data.strip() == _DONE.encode():
        return _DONE
    try:
        value: JsonValue = orjson.loads(data)
        return value
    except orjson.JSONDecodeError:
        pass
    try:
        # Keeps half a surrogate pair, whose other half may stand in the next chunk.
        value = json.loads(data.decode(errors="replace"))
        return value
    except (ValueError, RecursionError):
        return data
