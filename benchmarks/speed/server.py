"""A chat-completions server as lean as asyncio allows, in a process of its own: what is measured is the client."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from urllib.request import urlopen

import orjson

CALL = {"id": "c", "type": "function", "function": {"name": "noop", "arguments": '{"n":3}'}}
CHOICE = {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [CALL]}}
REPLY = orjson.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [CHOICE],
        "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
    }
)
_BACKLOG = 4096


@dataclass
class _Counts:
    in_flight: int = 0
    most: int = 0


@dataclass(frozen=True)
class Server:
    """One that runs."""

    port: int

    @property
    def base_url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def most_in_flight(self) -> int:
        """How many calls were under way at most since this was asked before."""
        with urlopen(f"http://127.0.0.1:{self.port}/most") as reply:
            most: int = orjson.loads(reply.read())
        return most


@contextmanager
def serving(latency_s: float) -> Iterator[Server]:
    """A server that takes this long for each answer."""
    # Forked, a child would share the parent's memory, and count its pages as its own.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, latency_s), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Server(ours.recv())
    finally:
        ours.close()
        process.join()


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, counts: _Counts, latency_s: float) -> None:
        self._counts = counts
        self._latency_s = latency_s
        self._loop = asyncio.get_running_loop()
        self._unread = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, found, rest = self._unread.partition(b"\r\n\r\n")
        length = _content_length(head)
        if not found or len(rest) < length:
            return
        self._unread = rest[length:]
        if head.startswith(b"GET"):
            self._write(orjson.dumps(self._counts.most))
            self._counts.most = self._counts.in_flight
            return
        self._counts.in_flight += 1
        self._counts.most = max(self._counts.most, self._counts.in_flight)
        if self._latency_s:
            self._loop.call_later(self._latency_s, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        self._counts.in_flight -= 1
        self._write(REPLY)

    def _write(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        if not self._transport.is_closing():
            self._transport.write(head + body)


def _content_length(head: bytes) -> int:
    _, found, value = head.lower().partition(b"content-length:")
    return int(value.partition(b"\r\n")[0]) if found else 0


def _serve(ready: Connection, latency_s: float) -> None:
    async def run() -> None:
        counts = _Counts()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Client(counts, latency_s), "127.0.0.1", 0, backlog=_BACKLOG)
        ready.send(server.sockets[0].getsockname()[1])
        over = asyncio.Event()
        loop.add_reader(ready.fileno(), over.set)  # whoever started it has closed, or is gone
        await over.wait()
        server.close()

    asyncio.run(run())
