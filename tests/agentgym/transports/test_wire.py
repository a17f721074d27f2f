"""The transport of our own, against servers that keep to nothing."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import EndpointFault
from agentgym.transport import Reply
from agentgym.transports.answers import BadAnswer
from agentgym.transports.wire import WireTransport

pytestmark = pytest.mark.asyncio
SHUT = "no whole answer came: the transport was closed"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Server:
    """A server of one function; it knows how many connections it was given."""

    def __init__(self, talk: Talk) -> None:
        self.connections = 0
        self.url = ""
        self.visits = asyncio.Semaphore(0)
        """One to acquire for each connection."""
        self._talk = talk

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.visits.release()
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(talk: Talk, context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Server, WireTransport]]:
    server = Server(talk)
    listening = await asyncio.start_server(server.meet, "127.0.0.1", 0, ssl=context, backlog=1000)
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


async def post(transport: WireTransport, url: str, *, body: bytes = b"{}", timeout_s: float = 60.0) -> Reply:
    return await transport.post(url, body, {"Content-Type": "application/json"}, timeout_s=timeout_s)


async def fault(transport: WireTransport, url: str, *, body: bytes = b"{}", timeout_s: float = 60.0) -> EndpointFault:
    with pytest.raises(EndpointFault) as broken:
        await post(transport, url, body=body, timeout_s=timeout_s)
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
        for _ in range(3):
            await asyncio.gather(*(post(transport, server.url) for _ in range(50)))
        assert server.connections <= 50


async def test_five_hundred_calls_are_under_way_at_once_and_their_host_is_looked_up_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lookups, here, all_here = 0, 0, asyncio.Event()
    look_up = socket.getaddrinfo

    def count(*asked: Any, **options: Any) -> Any:
        nonlocal lookups
        lookups += 1
        return look_up(*asked, **options)

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal here
        _, body = await request(reader)
        here += 1
        if here == 500:
            all_here.set()
        await all_here.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    monkeypatch.setattr(socket, "getaddrinfo", count)
    async with serving(wait) as (server, transport):
        calls = [post(transport, server.url, body=b"%d" % number, timeout_s=30) for number in range(500)]
        assert [int(reply.body) for reply in await asyncio.gather(*calls)] == list(range(500))
        assert server.connections == 500
    assert lookups == 1


async def test_the_body_and_the_headers_arrive_as_they_were_given() -> None:
    heard: list[tuple[bytes, bytes]] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await request(reader))
        writer.write(OK)

    body = bytes(range(256)) * 1000
    async with serving(listen) as (server, transport):
        await transport.post(f"{server.url}?v=1&x=a b", body, {"Authorization": "Bearer k"}, timeout_s=60)
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


async def test_a_huge_request_arrives_whole_at_a_server_that_reads_slowly() -> None:
    body = b"0123456789abcdef" * 1_250_000

    async def sip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, got = await request(reader)
        writer.write(OK if got == body else b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")

    async with serving(sip) as (server, transport):
        assert (await post(transport, server.url, body=body, timeout_s=30)).status == 200


async def test_one_that_reads_nothing_of_it_is_given_up_in_time() -> None:
    over = asyncio.Event()

    async def sulk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()

    async with serving(sulk) as (server, transport):
        assert (await fault(transport, server.url, body=b"x" * 20_000_000, timeout_s=1.0)).kind == "timeout"
        over.set()


async def test_what_comes_packed_though_nobody_asked_is_unpacked() -> None:
    heard: list[bytes] = []

    async def pack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await request(reader))[0])
        packed = gzip.compress(b"ok")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)

    async with serving(pack) as (server, transport):
        assert (await post(transport, server.url)).body == b"ok"
    assert b"\r\nAccept-Encoding: identity\r\n" in heard[0]


async def test_a_redirect_is_an_answer_for_the_key_goes_nowhere_else() -> None:
    async def send_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 307 Away\r\nConnection: close\r\nLocation: /v1/other\r\nContent-Length: 0\r\n\r\n")

    async with serving(send_away) as (server, transport):
        assert (await post(transport, server.url)).status == 307
        assert (await transport.get(server.url, {}, timeout_s=60)).headers["location"] == "/v1/other"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"])
async def test_a_server_that_hangs_up_too_soon_is_told_as_such(said: bytes) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(said)

    async with serving(hang_up) as (server, transport):
        broken = await fault(transport, server.url)
    assert broken.kind == "broken"
    assert "hung up in the middle of it" in str(broken) if said else "hung up" in str(broken)


@pytest.mark.parametrize(
    "said", [b"\r\nhalf", b"Content-Length: 9\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
async def test_an_answer_that_a_reset_cut_off_is_not_whole(said: bytes) -> None:
    came = asyncio.Event()

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + said)
        await came.wait()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with serving(reset) as (server, transport):
        with pytest.raises(EndpointFault, match="hung up in the middle of it") as broken:
            await transport.post(server.url, b"{}", {}, timeout_s=60, on_chunk=lambda chunk: came.set())
        assert broken.value.kind == "broken"


async def test_a_server_that_says_nothing_is_given_up_in_time_and_its_connection_too() -> None:
    gone = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        await reader.read()  # until the client has had enough
        gone.set()

    async with serving(hang) as (server, transport):
        broken = await fault(transport, server.url, timeout_s=1.0)
        assert broken.kind == "timeout"
        assert str(broken) == "no answer within 1 s"
        await asyncio.wait_for(gone.wait(), 60)


async def test_drops_do_not_lengthen_the_deadline() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(drip) as (server, transport):
        assert (await fault(transport, server.url, timeout_s=1.0)).kind == "timeout"


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again() -> None:
    closed = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK)
        writer.write_eof()
        await reader.read()  # until the client has hung up too
        closed.set()

    async with serving(once) as (server, transport):
        for _ in range(3):
            closed.clear()
            assert (await post(transport, server.url)).status == 200
            await asyncio.wait_for(closed.wait(), 5)
        assert server.connections == 3


async def test_one_that_it_closes_on_the_next_request_is_told_of_and_nothing_is_sent_twice() -> None:
    asked: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await request(reader))[1])
        writer.write(OK)
        asked.append((await request(reader))[1])

    async with serving(once) as (server, transport):
        assert (await post(transport, server.url, body=b"1")).status == 200
        # Whether the server has begun to answer, nobody knows: who asked decides whether to ask, and to pay, again.
        assert str(await fault(transport, server.url, body=b"2")) == "no whole answer came: the server hung up"
        assert asked == [b"1", b"2"]
        assert (await post(transport, server.url, body=b"3")).status == 200


async def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(polite) as (server, transport):
        await post(transport, server.url)
        monkeypatch.setattr("agentgym.transports.wire.IDLE_S", -1.0)
        await post(transport, server.url)
        assert server.connections == 2


async def test_what_comes_without_a_question_ends_the_connection() -> None:
    again, gone = asyncio.Event(), asyncio.Event()

    async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK)
        if not again.is_set():
            await again.wait()
            writer.write(OK)
            await reader.read()
            gone.set()

    async with serving(chat) as (server, transport):
        await post(transport, server.url)
        again.set()
        await asyncio.wait_for(gone.wait(), 60)
        await post(transport, server.url)
        assert server.connections == 2


async def test_an_empty_line_after_an_answer_ends_the_connection_and_nothing_else() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK + b"\r\n")
        await reader.read()

    async with serving(answer) as (server, transport):
        for _ in range(2):
            assert (await post(transport, server.url)).status == 200
        assert server.connections == 2


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
        await asyncio.wait_for(gone.wait(), 60)


async def test_who_is_told_of_the_pieces_may_raise_and_hears_of_it() -> None:
    def choke(piece: bytes) -> None:
        raise ValueError("not to my taste")

    async with serving(polite) as (server, transport):
        with pytest.raises(ValueError, match="not to my taste") as raised:
            await transport.post(server.url, b"{}", {}, timeout_s=60, on_chunk=choke)
        assert not isinstance(raised.value, BadAnswer)
        assert (await post(transport, server.url)).status == 200
        assert server.connections == 2


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n\r\nwithout a length"])
async def test_closing_ends_calls_under_way(said: bytes) -> None:
    asked = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(said)
        asked.set()
        await reader.read()

    async with serving(hang) as (server, transport):
        calls = [asyncio.create_task(fault(transport, server.url)) for _ in range(3)]
        await asyncio.wait_for(asked.wait(), 5)
        for _ in calls:
            await server.visits.acquire()
        await transport.aclose()
        assert {str(broken) for broken in await asyncio.gather(*calls)} == {SHUT}
        await transport.aclose()


async def test_deadlines_are_kept_after_closing_too() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(hang) as (server, transport):
        early = asyncio.create_task(fault(transport, server.url, timeout_s=1.0))
        await server.visits.acquire()
        await transport.aclose()
        await early
        async with asyncio.timeout(60):
            assert (await fault(transport, server.url, timeout_s=1.0)).kind == "timeout"


async def test_a_short_deadline_is_kept_beside_a_long_one() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(hang) as (server, transport):
        long = asyncio.create_task(fault(transport, server.url, timeout_s=600))
        await server.visits.acquire()
        async with asyncio.timeout(60):
            assert (await fault(transport, server.url, timeout_s=1.0)).kind == "timeout"
        long.cancel()


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
            await transport.post(server.url, b"", {"X": "a\r\nEvil: b"}, timeout_s=60)
        assert server.connections == 0


async def test_a_name_with_several_addresses_is_reached_at_the_one_that_answers() -> None:
    async with serving(polite) as (server, transport):
        url = server.url.replace("127.0.0.1", "localhost")  # which is ::1 too on most machines, where nobody listens
        assert (await post(transport, url)).status == 200


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, Any]) -> None:
    """Let every host have these addresses."""
    listed = [(family, socket.SOCK_STREAM, 6, "", address) for family, address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **options: listed)


@pytest.mark.parametrize("first", [(socket.AF_INET6, ("::1", 9)), (socket.AF_INET, ("127.0.0.1", 9)), (999, "?")])
async def test_addresses_that_nobody_answers_at_or_that_this_machine_cannot_reach_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, first: tuple[int, Any]
) -> None:
    async with serving(polite) as (server, transport):
        port = int(server.url.split(":")[2].partition("/")[0])
        resolving(monkeypatch, first, (socket.AF_INET, ("127.0.0.1", port)))
        assert (await post(transport, "http://model.example/v1")).status == 200
        resolving(monkeypatch, first)
        assert (await fault(transport, "http://other.example/v1")).kind == "unreachable"
        resolving(monkeypatch)
        assert "third.example has no address" in str(await fault(transport, "http://third.example/v1"))


async def test_a_lookup_that_failed_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*asked: Any, **options: Any) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async with serving(polite) as (server, transport):
        monkeypatch.setattr(socket, "getaddrinfo", fail)
        assert str(await fault(transport, server.url)) == "cannot connect: Temporary failure in name resolution"
        monkeypatch.undo()
        assert (await post(transport, server.url)).status == 200


async def test_a_lookup_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **options: over.wait(30))
    transport = WireTransport()
    try:
        broken = await fault(transport, "http://slow.example/v1", timeout_s=1.0)
    finally:
        over.set()
    assert (broken.kind, str(broken)) == ("unreachable", "cannot connect: no connection within 1 s")
    await transport.aclose()


async def test_a_call_that_is_cancelled_while_it_looks_up_leaves_the_others_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looking, go = threading.Event(), threading.Event()
    look_up = socket.getaddrinfo

    def wait(*asked: Any, **options: Any) -> Any:
        looking.set()
        go.wait(30)
        return look_up(*asked, **options)

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    async with serving(polite) as (server, transport):
        first, second = (asyncio.create_task(post(transport, server.url)) for _ in range(2))
        await asyncio.to_thread(looking.wait, 30)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        go.set()
        assert (await second).status == 200


async def test_calls_go_through_the_proxy_that_is_named_and_straight_where_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[bytes] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heard.append((await request(reader))[0].splitlines()[0])
            writer.write(OK.replace(b"ok", b"by"))

    async with serving(pass_on) as (proxy, transport), serving(polite) as (server, _):
        place = server.url.split("/")[2]
        monkeypatch.setenv("HTTP_PROXY", proxy.url.split("/")[2])
        monkeypatch.setenv("NO_PROXY", place)
        for _ in range(2):
            assert (await post(transport, "http://model.invalid/v1/chat")).body == b"by"
        assert (await transport.get("http://model.invalid/v1/models", {}, timeout_s=60)).body == b"by"
        assert (await post(transport, server.url)).body == b"ok"
    told = [b"POST http://model.invalid/v1/chat HTTP/1.1"] * 2 + [b"GET http://model.invalid/v1/models HTTP/1.1"]
    assert heard == told
    assert proxy.connections == 1


@pytest.mark.parametrize("proxy", ["socks5://u:hunter2@127.0.0.1:9", "http://u:hunter2@host:port", "::::", "http://["])
async def test_a_proxy_that_cannot_be_used_is_told_of_without_its_password(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    transport = WireTransport()
    broken = await fault(transport, "https://model.invalid/v1")
    await transport.aclose()
    assert broken.kind == "refused"
    assert "HTTPS_PROXY names no proxy that can be used" in str(broken)
    assert "hunter2" not in str(broken)


async def test_a_proxy_that_refuses_or_is_dead_is_told_of_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    async with serving(refuse) as (proxy, transport):
        monkeypatch.setenv("HTTPS_PROXY", f"http://u:hunter2@{proxy.url.split('/')[2]}")
        broken = await fault(transport, "https://model.invalid/v1")
        assert str(broken) == "cannot connect: the proxy answers 407 Proxy Authentication Required"
        monkeypatch.setenv("HTTPS_PROXY", "http://u:hunter2@127.0.0.1:9")
        broken = await fault(transport, "https://other.invalid/v1")
        assert broken.kind == "unreachable"
        assert "hunter2" not in str(broken)


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


async def test_a_server_that_never_shakes_hands_is_given_up_in_time_and_its_connection_too() -> None:
    gone = asyncio.Event()

    async def stare(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()

    async with serving(stare) as (server, transport):
        broken = await fault(transport, server.url.replace("http:", "https:"), timeout_s=1.0)
        assert (broken.kind, str(broken)) == ("unreachable", "cannot connect: no connection within 1 s")
        await asyncio.wait_for(gone.wait(), 60)


async def test_plain_speech_where_a_handshake_was_hoped_for_is_told_of() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async with serving(greet) as (server, transport):
        broken = await fault(transport, server.url.replace("http:", "https:"))
    assert (broken.kind, str(broken)) == ("unreachable", "cannot connect: WRONG_VERSION_NUMBER")


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
