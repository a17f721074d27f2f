"""Reads one HTTP/1.1 answer as its bytes come (RFC 9112); what does not keep to it is a BadAnswer."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

from agentgym.transport import OnChunk, Reply

_LONGEST_HEAD = 1 << 16
_NO_BODY = (204, 304)


class BadAnswer(ValueError):
    """What came is no answer; the message says why."""


class AnswerReader:
    """One answer: `feed` it until it is whole, or `end` it where the connection does."""

    __slots__ = ("_body", "_buffer", "_left", "_on_chunk", "_state", "headers", "reusable", "status")

    def __init__(self, on_chunk: OnChunk | None = None) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.reusable = False
        """Whether the connection may carry another request."""
        self._buffer = bytearray()
        self._body: list[bytes] = []
        self._left = 0
        """How many bytes of the body, or of a chunk, are still to come."""
        self._on_chunk = on_chunk
        self._state: Callable[[], bool] | None = self._read_head

    @property
    def begun(self) -> bool:
        """Whether anything came."""
        return bool(self.status or self._buffer)

    def feed(self, data: bytes) -> bool:
        """Take what came; whether the answer is whole."""
        self._buffer += data
        while self._state is not None and self._state():
            pass
        if self._state is None and self._buffer:
            if self._buffer.strip(b"\r\n"):
                raise BadAnswer("more came than was asked for")
            self.reusable = False  # the rest of such a line may be yet to come
        return self._state is None

    def end(self) -> bool:
        """The connection has ended; whether that makes the answer whole."""
        if self._state != self._read_to_end:
            return False
        self._state = None
        return True

    def reply(self) -> Reply:
        """The whole answer."""
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        return Reply(self.status, _decoded(body, self.headers.get("content-encoding", "")), self.headers)

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                raise BadAnswer("its head is too long")
            return False
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        version, _, rest = lines[0].partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdecimal():
            raise BadAnswer(f"no HTTP/1.1 answer: {lines[0][:60]!r}")
        status = int(rest[:3])
        if 100 <= status < 200:
            return True  # the answer itself comes later
        self.status = status
        self.headers = headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise BadAnswer(f"no header: {line[:60]!r}")
            headers[name.lower()] = value.strip()
        self._expect_body(version)
        return True

    def _expect_body(self, version: str) -> None:
        headers = self.headers
        connection = headers.get("connection", "").lower()
        self.reusable = "close" not in connection and (version != "HTTP/1.0" or "keep-alive" in connection)
        if self.status in _NO_BODY:
            self._state = None
        elif "chunked" in headers.get("transfer-encoding", "").lower():
            self._state = self._read_chunk_size
        elif "content-length" in headers:
            self._left = _number(headers["content-length"], 10)
            self._state = self._read_body if self._left else None
        else:
            self.reusable = False
            self._state = self._read_to_end

    def _read_body(self) -> bool:
        self._take()
        if not self._left:
            self._state = None
        return False

    def _read_to_end(self) -> bool:
        self._left = len(self._buffer)
        self._take()
        return False

    def _read_chunk_size(self) -> bool:
        line = self._line()
        if line is None:
            return False
        self._left = _number(line.partition(b";")[0].decode("latin-1").strip(), 16)
        self._state = self._read_chunk if self._left else self._read_trailer
        return True

    def _read_chunk(self) -> bool:
        self._take()
        if self._left or len(self._buffer) < 2:
            return False
        if self._buffer[:2] != b"\r\n":
            raise BadAnswer("a chunk is longer than it says")
        del self._buffer[:2]
        self._state = self._read_chunk_size
        return True

    def _read_trailer(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if not line:
            self._state = None
        return True

    def _take(self) -> None:
        """Move what is there of the body from the buffer to it."""
        piece = bytes(self._buffer[: self._left])
        if piece:
            del self._buffer[: len(piece)]
            self._left -= len(piece)
            self._body.append(piece)
            if self._on_chunk is not None:
                self._on_chunk(piece)

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                raise BadAnswer("a line of it is too long")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


def _number(text: str, base: int) -> int:
    digits = "0123456789abcdefABCDEF" if base == 16 else "0123456789"
    if not text or len(text) > 16 or text.strip(digits):
        raise BadAnswer(f"no length: {text[:60]!r}")
    return int(text, base)


def _decoded(body: bytes, encoding: str) -> bytes:
    """What a server compressed though it was not asked to."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadAnswer(f"its encoding {encoding!r} was not asked for")
    try:
        return zlib.decompress(body) if encoding == "deflate" else gzip.decompress(body)
    except (zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise BadAnswer(f"it does not decompress: {error}") from None
