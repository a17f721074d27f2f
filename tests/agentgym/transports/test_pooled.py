"""The default transport on both event loops: who shares connections, when they are let go, and one way to fail."""

from __future__ import annotations

import gc
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from agentgym.errors import EndpointFault
from agentgym.testing import FakeEndpoint
from agentgym.transport import Reply, Transport
from agentgym.transports.pooled import PooledTransport

pytestmark = pytest.mark.anyio
Talk = Callable[[SocketStream], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Server:
    """A server of one function; it knows how many connections there were, and when the last one ends."""

    def __init__(self, talk: Talk) -> None:
        self.connections = 0
        self.empty = anyio.Event()
        self.url = ""
        self._open = 0
        self._talk = talk

    async def meet(self, stream: SocketStream) -> None:
        self.connections += 1
        self._open += 1
        try:
            async with stream:
                await self._talk(stream)
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            pass
        finally:
            self._open -= 1
            if not self._open:
                self.empty.set()
                self.empty = anyio.Event()


@asynccontextmanager
async def serving(talk: Talk) -> AsyncIterator[Server]:
    server = Server(talk)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        server.url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/v1"
        tasks.start_soon(listener.serve, server.meet)
        yield server
        tasks.cancel_scope.cancel()


async def asked(stream: SocketStream) -> None:
    """The next request, with a body of two bytes, has come."""
    heard = b""
    while not heard.endswith(b"{}"):
        heard += await stream.receive()


async def polite(stream: SocketStream) -> None:
    while True:
        await asked(stream)
        await stream.send(OK)


async def post(transport: Transport, url: str, *, timeout_s: float = 60.0) -> Reply:
    return await transport.post(url, b"{}", {"Content-Type": "application/json"}, timeout_s=timeout_s)


async def test_all_share_the_connections_and_the_last_to_close_lets_them_go() -> None:
    first, second = PooledTransport(), PooledTransport()
    async with serving(polite) as server:
        assert (await post(first, server.url)).body == b"ok"
        assert (await post(second, server.url)).body == b"ok"
        await first.aclose()
        assert (await post(second, server.url)).body == b"ok"
        assert server.connections == 1
        empty = server.empty
        await second.aclose()
        with anyio.fail_after(60):
            await empty.wait()


async def test_after_closing_a_call_opens_it_again() -> None:
    transport = PooledTransport()
    await transport.aclose()
    async with serving(polite) as server:
        for number in (1, 2):
            assert (await post(transport, server.url)).body == b"ok"
            assert server.connections == number
            await transport.aclose()
            await transport.aclose()


async def test_one_that_was_dropped_unclosed_keeps_nothing_open() -> None:
    dropped: PooledTransport | None = PooledTransport()
    closed = PooledTransport()
    async with serving(polite) as server:
        assert dropped is not None
        await post(dropped, server.url)
        await post(closed, server.url)
        dropped = None
        gc.collect()
        empty = server.empty
        await closed.aclose()
        with anyio.fail_after(60):
            await empty.wait()


async def test_calls_that_open_it_at_the_same_time_open_one() -> None:
    transports = [PooledTransport() for _ in range(20)]
    opened: list[Transport] = []

    async def note(transport: Transport) -> None:
        opened.append(await transport.open())

    async with anyio.create_task_group() as tasks:
        for transport in transports:
            tasks.start_soon(note, transport)
    assert len(set(map(id, opened))) == 1
    for transport in transports:
        await transport.aclose()


async def hang_up(stream: SocketStream) -> None:
    await asked(stream)


async def stop_short(stream: SocketStream) -> None:
    await asked(stream)
    await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


async def greet(stream: SocketStream) -> None:
    await asked(stream)
    await stream.send(b"220 mail.example ESMTP\r\n\r\n")


async def hang(stream: SocketStream) -> None:
    await asked(stream)
    await stream.receive()


@pytest.mark.parametrize(
    ("talk", "kind", "told"),
    [
        (hang_up, "broken", r"no whole answer came: .+"),
        (stop_short, "broken", r"no whole answer came: .+"),
        (greet, "broken", r"no whole answer came: .+"),
        (hang, "timeout", r"no answer within 1 s"),
    ],
)
async def test_what_goes_wrong_is_told_alike_on_both_loops(talk: Talk, kind: str, told: str) -> None:
    transport = PooledTransport()
    async with serving(talk) as server:
        with pytest.raises(EndpointFault) as broken:
            await post(transport, server.url, timeout_s=60.0 if kind == "broken" else 1.0)
        await transport.aclose()
    assert broken.value.kind == kind
    assert re.fullmatch(told, str(broken.value))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "https://127.0.0.1:9/v1", "http://no-such-host.invalid/v1"])
async def test_nobody_there(url: str) -> None:
    transport = PooledTransport()
    with pytest.raises(EndpointFault, match=r"cannot connect: .+") as broken:
        await post(transport, url)
    await transport.aclose()
    assert broken.value.kind == "unreachable"


@pytest.mark.parametrize("proxy", ["socks5://u:hunter2@127.0.0.1:9", "http://u:hunter2@host:port", "ftp://u:hunter2@x"])
async def test_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    transport = PooledTransport()
    with pytest.raises(EndpointFault, match="proxy that can") as broken:
        await post(transport, "http://model.invalid/v1")
    await transport.aclose()
    assert broken.value.kind == "refused"
    assert "hunter2" not in str(broken.value)


async def test_a_call_that_is_cancelled_takes_its_connection_with_it() -> None:
    transport = PooledTransport()
    here = anyio.Event()

    async def note(stream: SocketStream) -> None:
        await asked(stream)
        here.set()
        await stream.receive()

    async with serving(note) as server:
        empty = server.empty
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(post, transport, server.url)
            with anyio.fail_after(60):
                await here.wait()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(60):
            await empty.wait()
        await transport.aclose()


def test_one_transport_serves_loop_after_loop_and_each_lets_go_at_its_end(anyio_backend: str) -> None:
    transport = PooledTransport()
    with FakeEndpoint("fine") as endpoint:

        async def look() -> Transport:
            reply = await transport.get(f"{endpoint.base_url}/models", {}, timeout_s=60)
            assert reply.status == 200
            return await transport.open()

        carriers = [anyio.run(look, backend=anyio_backend) for _ in range(3)]
    assert len(set(map(id, carriers))) == 3
    gc.collect()  # what was left open warns here, and a warning is an error


def test_a_loop_may_end_in_the_middle_of_a_call(anyio_backend: str) -> None:
    async def leave() -> None:
        transport = PooledTransport()
        async with serving(hang) as server, anyio.create_task_group() as tasks:
            tasks.start_soon(post, transport, server.url)
            await anyio.wait_all_tasks_blocked()
            raise KeyError("the program has a mistake")

    with pytest.raises(BaseExceptionGroup):
        anyio.run(leave, backend=anyio_backend)
    gc.collect()
