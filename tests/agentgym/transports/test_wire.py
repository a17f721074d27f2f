"""The transport of our own, against servers that keep to nothing."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentgym.errors import EndpointFault
from agentgym.transport import Reply
from agentgym.transports.wire import WireTransport

pytestmark = pytest.mark.asyncio
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """A server of one function; it knows how many connections it was given."""

    def __init__(self, talk: Talk) -> None:
        self.connections = 0
        self.url = ""
        self._talk = talk

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(talk: Talk, context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Server, WireTransport]]:
    server = Server(talk)
    listening = await asyncio.start_server(server.meet, "127.0.0.1", 0, ssl=context)
    scheme = "http" if context is None else "https"
    server.url = f"{scheme}://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1/chat"
    transport = WireTransport()
    try:
        yield server, transport
    finally:
        await transport.aclose()
        listening.close()


async def request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head and the body of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    return head, await reader.readexactly(length)


async def post(transport: WireTransport, url: str, *, body: bytes = b"{}", timeout_s: float = 5.0) -> Reply:
    return await transport.post(url, body, {"Content-Type": "application/json"}, timeout_s=timeout_s)


async def fault(transport: WireTransport, url: str, *, timeout_s: float = 5.0) -> EndpointFault:
    with pytest.raises(EndpointFault) as broken:
        await post(transport, url, timeout_s=timeout_s)
    assert "\n" not in str(broken.value)
    return broken.value


async def polite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await request(reader)
        writer.write(OK)


async def test_one_connection_carries_call_after_call_and_many_at_once_have_their_own() -> None:
    async with serving(polite) as (server, transport):
        for _ in range(5):
            assert (await post(transport, server.url)).body == b"ok"
        assert server.connections == 1
        await asyncio.gather(*(post(transport, server.url) for _ in range(50)))
        assert server.connections <= 50
        await asyncio.gather(*(post(transport, server.url) for _ in range(50)))
        assert server.connections <= 50


async def test_the_body_and_the_headers_arrive_as_they_were_given() -> None:
    heard: list[tuple[bytes, bytes]] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await request(reader))
        writer.write(OK)

    body = bytes(range(256)) * 1000
    async with serving(listen) as (server, transport):
        await transport.post(f"{server.url}?v=1&x=a b", body, {"Authorization": "Bearer k"}, timeout_s=5)
    ((head, got),) = heard
    assert got == body
    assert head.startswith(b"POST /v1/chat?v=1&x=a%20b HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nAuthorization: Bearer k\r\n" in head


async def test_a_huge_answer_comes_whole() -> None:
    size = 20_000_000

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(200):
            writer.write(b"x" * (size // 200))
            await writer.drain()

    async with serving(pour) as (server, transport):
        assert len((await post(transport, server.url, timeout_s=30)).body) == size


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"])
async def test_a_server_that_hangs_up_too_soon_is_told_as_such(said: bytes) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(said)

    async with serving(hang_up) as (server, transport):
        broken = await fault(transport, server.url)
    assert broken.kind == "broken"
    assert "hung up in the middle of it" in str(broken) if said else "hung up" in str(broken)


async def test_a_server_that_says_nothing_is_given_up_in_time_and_its_connection_too() -> None:
    gone = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        await reader.read()  # until the client has had enough
        gone.set()

    async with serving(hang) as (server, transport):
        broken = await fault(transport, server.url, timeout_s=0.2)
        assert broken.kind == "timeout"
        assert str(broken) == "no answer within 0.2 s"
        await asyncio.wait_for(gone.wait(), 5)


async def test_drops_do_not_lengthen_the_deadline() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(drip) as (server, transport):
        assert (await fault(transport, server.url, timeout_s=0.2)).kind == "timeout"


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again() -> None:
    closed = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with serving(once) as (server, transport):
        for _ in range(3):
            closed.clear()
            assert (await post(transport, server.url)).status == 200
            await asyncio.wait_for(closed.wait(), 5)
        assert server.connections == 3


async def test_more_than_was_asked_for_is_an_error_and_ends_the_connection() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK + OK)
        await reader.read()

    async with serving(babble) as (server, transport):
        assert "more came than was asked for" in str(await fault(transport, server.url))
        assert "more came" in str(await fault(transport, server.url))
        assert server.connections == 2


async def test_no_http_at_all() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        await reader.read()

    async with serving(greet) as (server, transport):
        assert (await fault(transport, server.url)).kind == "broken"


async def test_a_call_that_is_cancelled_takes_its_connection_with_it() -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        asked.set()
        await reader.read()
        gone.set()

    async with serving(hang) as (server, transport):
        call = asyncio.create_task(post(transport, server.url))
        await asyncio.wait_for(asked.wait(), 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(gone.wait(), 5)


async def test_closing_ends_calls_under_way() -> None:
    asked = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        asked.set()
        await reader.read()

    async with serving(hang) as (server, transport):
        call = asyncio.create_task(fault(transport, server.url))
        await asyncio.wait_for(asked.wait(), 5)
        await transport.aclose()
        assert (await call).kind == "broken"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:9/v1", "cannot connect: "),
        ("http://no-such-host.invalid/v1", "cannot connect: "),
        ("http://[::1]:9/v1", "cannot connect: "),
    ],
)
async def test_nobody_there(url: str, told: str) -> None:
    transport = WireTransport()
    broken = await fault(transport, url)
    await transport.aclose()
    assert broken.kind == "unreachable"
    assert str(broken).startswith(told)


async def test_a_header_cannot_smuggle_another_one() -> None:
    async with serving(polite) as (server, transport):
        with pytest.raises(EndpointFault, match="line break"):
            await transport.post(server.url, b"", {"X": "a\r\nEvil: b"}, timeout_s=5)
        assert server.connections == 0


async def test_a_name_with_several_addresses_is_reached_at_the_one_that_answers() -> None:
    async with serving(polite) as (server, transport):
        url = server.url.replace("127.0.0.1", "localhost")  # which is ::1 too on most machines, where nobody listens
        assert (await post(transport, url)).status == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    try:
        subprocess.run([*command, *names], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl here to make a certificate with")
    return cert, key


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with serving(polite, context) as (server, transport):
        broken = await fault(transport, server.url)
    assert broken.kind == "unreachable"
    assert "CERTIFICATE_VERIFY_FAILED" in str(broken)


async def test_one_that_is_vouched_for_is_taken(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from agentgym.transports import wire

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    wire._tls.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    try:
        async with serving(polite, context) as (server, transport):
            assert (await post(transport, server.url)).body == b"ok"
            assert (await post(transport, server.url)).body == b"ok"
            assert server.connections == 1
    finally:
        wire._tls.cache_clear()
