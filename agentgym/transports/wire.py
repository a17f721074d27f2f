"""HTTP/1.1 over asyncio's own connections: a third of what a general client costs a call, in time and in memory."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import ssl
from collections import defaultdict, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any
from urllib.parse import quote, urlsplit

from agentgym.errors import EndpointFault
from agentgym.proxies import environment_proxy
from agentgym.transport import CONNECT_S, IDLE_S, OnChunk, Reply, Transport
from agentgym.transports.answers import AnswerReader, BadAnswer

_LOOKED_UP_S = 30.0
_Address = tuple[Any, ...]
"""What getaddrinfo tells of one: its family comes first, itself last."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a URL leads."""

    host: str
    port: int
    secure: bool
    target: str
    named: str
    """As the Host header says it."""


class WireTransport(Transport):
    """Keeps connections to each server; it is made, used and closed in one running asyncio loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle: defaultdict[tuple[str, int, bool], deque[_Connection]] = defaultdict(deque)
        self._open = set[_Connection]()
        self._lookups: dict[tuple[str, int], tuple[float, asyncio.Future[list[_Address]]]] = {}
        """Until when the addresses of a host hold, and what they are or will be."""
        self._busy: dict[_Connection, tuple[float, float]] = {}
        """When each answer must be there, and how long it was given."""
        self._watch: asyncio.TimerHandle | None = None
        self._proxied: dict[str, Transport | None] = {}
        """For each URL what goes through a proxy, where one is named."""

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, on_chunk: OnChunk | None = None
    ) -> Reply:
        proxied = self._proxied[url] if url in self._proxied else self._find_proxied(url)
        if proxied is not None:
            return await proxied.post(url, body, headers, timeout_s=timeout_s, on_chunk=on_chunk)
        head = _head("POST", url, tuple(headers.items()))
        request = b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        return await self._ask(_place(url), request, timeout_s, on_chunk)

    async def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float) -> Reply:
        proxied = self._proxied[url] if url in self._proxied else self._find_proxied(url)
        if proxied is not None:
            return await proxied.get(url, headers, timeout_s=timeout_s)
        request = _head("GET", url, tuple(headers.items())) + b"\r\n"
        return await self._ask(_place(url), request, timeout_s, None)

    async def aclose(self) -> None:
        for proxied in {proxied for proxied in self._proxied.values() if proxied is not None}:
            await proxied.aclose()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        connections, self._open = self._open, set()
        self._idle.clear()
        for connection in connections:
            connection.give_up(EndpointFault("no whole answer came: the transport was closed"))
        await asyncio.gather(*(connection.closed for connection in connections))

    async def _ask(self, place: _Place, request: bytes, timeout_s: float, on_chunk: OnChunk | None) -> Reply:
        now = self._loop.time()
        connection = self._take_idle(place) or await self._connect(place, timeout_s)
        answer = connection.send(request, AnswerReader(on_chunk))
        self._busy[connection] = (now + timeout_s, timeout_s)
        if self._watch is None or now + _tick_s(timeout_s) < self._watch.when():
            self._look_again(now + _tick_s(timeout_s))
        try:
            reply, reusable = await answer
        except BaseException:
            connection.abort()
            raise
        finally:
            del self._busy[connection]
        if reusable:
            connection.idle_since = self._loop.time()
            self._idle[place.host, place.port, place.secure].append(connection)
        else:
            connection.abort()
        return reply

    def _look(self) -> None:
        """Give up what is past its deadline, every now and then: a timer for each call would cost more."""
        now, soonest = self._loop.time(), math.inf
        for connection, (deadline, timeout_s) in tuple(self._busy.items()):
            soonest = min(soonest, now + _tick_s(timeout_s))
            if deadline <= now:
                connection.give_up(EndpointFault(f"no answer within {timeout_s:g} s", kind="timeout"))
        self._watch = None
        if self._busy:
            self._look_again(soonest)

    def _look_again(self, when: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = self._loop.call_at(when, self._look)

    def _find_proxied(self, url: str) -> Transport | None:
        if environment_proxy(url) is None:
            return self._proxied.setdefault(url, None)
        from agentgym.transports.aiohttp import AiohttpTransport

        there = next((proxied for proxied in self._proxied.values() if proxied is not None), None)
        return self._proxied.setdefault(url, there or AiohttpTransport())

    def _take_idle(self, place: _Place) -> _Connection | None:
        """The connection that was used last; those idle for long are let go."""
        idle = self._idle[place.host, place.port, place.secure]
        oldest = self._loop.time() - IDLE_S
        while idle and (idle[0].is_closed or idle[0].idle_since < oldest):
            idle.popleft().abort()
        while idle:
            connection = idle.pop()
            if not connection.is_closed:
                return connection
        return None

    async def _connect(self, place: _Place, timeout_s: float) -> _Connection:
        within_s = min(CONNECT_S, timeout_s)
        try:
            async with asyncio.timeout(within_s):
                sock = await self._reach(place, within_s)
                _, connection = await self._loop.create_connection(
                    lambda: _Connection(self._loop, self._open),
                    sock=sock,
                    ssl=_tls() if place.secure else None,
                    server_hostname=place.host if place.secure else None,
                )
        except TimeoutError:
            told = f"cannot connect: no connection within {within_s:g} s"
            raise EndpointFault(told, kind="unreachable") from None
        except ssl.SSLError as error:
            raise EndpointFault(f"cannot connect: {error.reason or error}", kind="unreachable") from None
        except OSError as error:
            told = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
            raise EndpointFault(f"cannot connect: {told}", kind="unreachable") from None
        return connection

    async def _reach(self, place: _Place, within_s: float) -> socket.socket:
        """A connection to the first address of the host that takes one."""
        addresses = await self._addresses_of(place)
        if not addresses:
            raise OSError(f"{place.host} has no address")
        for family, *_, address in addresses[:-1]:
            with suppress(OSError):  # too late is one as well
                async with asyncio.timeout(within_s / len(addresses)):
                    return await self._dial(family, address)
        family, *_, address = addresses[-1]
        return await self._dial(family, address)

    async def _dial(self, family: int, address: Any) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await self._loop.sock_connect(sock, address)
        except BaseException:
            sock.close()
            raise
        return sock

    async def _addresses_of(self, place: _Place) -> list[_Address]:
        """Looked up once in a while and for all who ask: a thousand connections at once would ask a thousand times."""
        until, lookup = self._lookups.get((place.host, place.port), (-math.inf, None))
        now = self._loop.time()
        if lookup is None or until < now or (lookup.done() and lookup.exception() is not None):
            ask = partial(socket.getaddrinfo, place.host, place.port, type=socket.SOCK_STREAM)
            lookup = self._loop.run_in_executor(None, ask)
            self._lookups[place.host, place.port] = (now + _LOOKED_UP_S, lookup)
        return await asyncio.shield(lookup)


def _tick_s(timeout_s: float) -> float:
    """How exactly a deadline is kept."""
    return min(1.0, timeout_s / 20)


class _Connection(asyncio.Protocol):
    """One connection, which carries one request at a time."""

    __slots__ = ("_answer", "_loop", "_open", "_reader", "_transport", "closed", "idle_since")

    def __init__(self, loop: asyncio.AbstractEventLoop, open_connections: set[_Connection]) -> None:
        self.closed: asyncio.Future[None] = loop.create_future()
        self.idle_since = 0.0
        self._loop = loop
        self._open = open_connections
        self._answer: asyncio.Future[tuple[Reply, bool]] | None = None
        self._reader: AnswerReader | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport is None or self._transport.is_closing()

    def send(self, request: bytes, reader: AnswerReader) -> asyncio.Future[tuple[Reply, bool]]:
        """Send a request; the answer, and whether the connection may be used again, come later."""
        answer = self._answer = self._loop.create_future()
        self._reader = reader
        if self._transport is None or self._transport.is_closing():
            self._fail(EndpointFault("no whole answer came: the server hung up"))
        else:
            self._transport.write(request)
        return answer

    def give_up(self, error: Exception) -> None:
        """Let go at once, for the reason that who waits is told."""
        self._fail(error)
        self.abort()

    def abort(self) -> None:
        """Let go at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(self)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader is None:
            return self.abort()  # nothing was asked
        try:
            if reader.feed(data):
                self._succeed(reader)
        except BadAnswer as error:
            self.give_up(EndpointFault(f"no whole answer came: {error}"))
        except Exception as error:
            self.give_up(error)  # of who is told of each piece; asyncio would only log it

    def eof_received(self) -> None:
        if self._reader is not None and self._reader.end():
            self._succeed(self._reader)
        else:
            self._miss()

    def connection_lost(self, error: Exception | None) -> None:
        self._miss()  # even where the end makes an answer whole: this one is a reset, or came from here
        self._transport = None
        self._open.discard(self)
        if not self.closed.done():
            self.closed.set_result(None)

    def _miss(self) -> None:
        """No more will come."""
        begun = self._reader is not None and self._reader.begun
        told = "the server hung up in the middle of it" if begun else "the server hung up"
        self._fail(EndpointFault(f"no whole answer came: {told}"))

    def _succeed(self, reader: AnswerReader) -> None:
        answer, self._answer, self._reader = self._answer, None, None
        if answer is None or answer.done():
            return
        try:
            answer.set_result((reader.reply(), reader.reusable))
        except BadAnswer as error:
            answer.set_exception(EndpointFault(f"no whole answer came: {error}"))

    def _fail(self, error: Exception) -> None:
        answer, self._answer, self._reader = self._answer, None, None
        if answer is not None and not answer.done():
            answer.set_exception(error)


@cache
def _place(url: str) -> _Place:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = (parts.hostname or "").encode("idna").decode()
    standard = 443 if secure else 80
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts.query:
        target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    named = f"[{host}]" if ":" in host else host
    port = parts.port or standard
    return _Place(host, port, secure, target, named if port == standard else f"{named}:{port}")


@lru_cache(maxsize=256)
def _head(method: str, url: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    """A request up to what differs from call to call."""
    place = _place(url)
    lines = [f"{method} {place.target} HTTP/1.1", f"Host: {place.named}", "Accept-Encoding: identity"]
    lines += [f"{name}: {value}" for name, value in headers]
    if any("\r" in line or "\n" in line for line in lines):
        raise EndpointFault("a header of the request holds a line break", kind="refused")
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1", "replace")


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    with suppress(NotImplementedError):
        context.set_alpn_protocols(["http/1.1"])
    return context
