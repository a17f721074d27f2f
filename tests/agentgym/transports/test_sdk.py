"""SdkTransport: clients of the openai SDK carry the calls, to a server on the loopback or to none at all."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import anyio
import openai
import pytest

from agentgym import OpenAIPolicy, ToolCall, Turn, Usage, rollout
from agentgym.errors import EndpointFault, UsageError
from agentgym.policies.specs import make_policy
from agentgym.testing import ChatRequest, FakeEndpoint, FakeReply, Trouble
from agentgym.testing.chat import Answer
from agentgym.transport import Reply
from agentgym.transports.sdk import SdkTransport
from environments.guess import Guess, Secret

pytestmark = pytest.mark.anyio
http: Any = import_module("httpx" if openai.__version__.startswith("2.") else "httpx2")
URL = "https://api.openai.com/v1/chat/completions"
CANARY = "sk-canary-0123456789"
BODY = b'{"model":"gpt-4.1","messages":[{"role":"user","content":"hi"}]}'
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer of-the-policy", "User-Agent": "agentgym/0"}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ADMIN_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")


@asynccontextmanager
async def served(answer: Answer, **options: Any) -> AsyncGenerator[tuple[FakeEndpoint, SdkTransport]]:
    async with (
        FakeEndpoint(answer) as endpoint,
        openai.AsyncOpenAI(base_url=endpoint.base_url, **{"api_key": CANARY, **options}) as client,
    ):
        yield endpoint, SdkTransport(client)


async def post(transport: SdkTransport, *, url: str = URL, timeout_s: float = 30.0) -> Reply:
    return await transport.post(url, BODY, HEADERS, timeout_s=timeout_s)


@asynccontextmanager
async def mocked(
    answer: Callable[[Any], Any], *, make: Any = openai.AsyncOpenAI, made_later: bool = False, **options: Any
) -> AsyncGenerator[SdkTransport]:
    """A client whose requests a function answers, given itself or as a function that makes it."""
    connections = http.AsyncClient(transport=http.MockTransport(answer))
    options = {"api_key": CANARY, **options} if "azure_ad_token_provider" not in options else options
    async with make(http_client=connections, **options) as client:
        yield SdkTransport((lambda: client) if made_later else client)


def raising(error: Exception) -> Callable[[Any], Any]:
    def answer(request: Any) -> Any:
        raise error

    return answer


def bisect(request: ChatRequest) -> Turn:
    low, high = 0, 9
    for asked, heard in zip(request.messages[2::2], request.messages[3::2], strict=True):
        n = json.loads(asked["tool_calls"][0]["function"]["arguments"])["n"]  # type: ignore[index,call-overload,arg-type]
        low, high = (n + 1, high) if heard["content"] == "higher" else (low, n - 1)
    return Turn(tool_calls=(ToolCall("guess", {"n": (low + high) // 2}),), usage=Usage(10, 5))


async def test_a_model_plays_an_episode() -> None:
    async with served(bisect) as (_, transport):
        policy = OpenAIPolicy("gpt-4.1", base_url=transport.base_url, transport=transport)
        episode = await rollout(Guess(), policy, Secret(id="seven", digit=7))
        await policy.aclose()
        assert (episode.outcome, len(episode.turns), episode.usage) == ("solved", 2, Usage(20, 10, calls=2))
        assert (await post(transport)).status == 200  # the client is the giver's, and still open


@pytest.mark.parametrize("base", ["https://api.openai.com/v1", "http://else.where/api/openai", None])
async def test_the_body_is_sent_as_it_is_with_the_clients_own_key_and_headers(base: str | None) -> None:
    seen: list[Any] = []

    def answer(request: Any) -> Any:
        seen.append(request)
        return http.Response(200, json={}, headers={"x-mark": "1"})

    async with mocked(answer, base_url="http://mine/v9", default_headers={"X-Team": "blue"}) as transport:
        url = f"{base or transport.base_url}/chat/completions"
        reply = await transport.post(url, BODY, {**HEADERS, "X-Call": "7"}, timeout_s=30)
    (request,) = seen
    assert (reply.status, reply.body, reply.headers["x-mark"]) == (200, b"{}", "1")
    assert (str(request.url), request.content) == ("http://mine/v9/chat/completions", BODY)
    headers = request.headers
    assert (headers["authorization"], headers["x-team"], headers["x-call"]) == (f"Bearer {CANARY}", "blue", "7")
    assert (headers["content-type"], "openai" in headers["user-agent"].lower()) == ("application/json", True)


async def test_other_places_below_the_clients_address_can_be_asked_and_none_beside_it() -> None:
    def answer(request: Any) -> Any:
        return http.Response(200, text=str(request.url))

    async with mocked(answer, base_url="http://mine/v1/") as transport:
        assert (await post(transport, url="http://mine/v1/tokenize?x=1")).body == b"http://mine/v1/tokenize?x=1"
        with pytest.raises(UsageError, match="http://yours/v1/tokenize is not below http://mine/v1"):
            await post(transport, url="http://yours/v1/tokenize")


SECRET = "query-0123456789"


@pytest.mark.parametrize("client", ["own", "sdk"])
async def test_a_query_of_the_base_url_goes_along_and_is_not_told(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeEndpoint(bisect) as endpoint:
        url = f"{endpoint.base_url}?version=3&version=4&api_key={SECRET}"
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        for settings in ({"base_url": url}, {}):
            policy = make_policy("openai:fak", client=client, **settings)
            assert isinstance(policy, OpenAIPolicy)
            assert policy.endpoint.url.endswith(f"/chat/completions?version=3&version=4&api_key={SECRET}")
            assert (await rollout(Guess(), policy, Secret(id="seven", digit=7))).solved
            assert policy.base_url == endpoint.base_url
            assert policy.endpoint.without_key(Reply(200, f"you are {SECRET}".encode())).body == b"you are [key]"
            with pytest.raises(UsageError, match="lists no model 'fak'") as caught:
                await policy.preflight()
            assert SECRET not in str(caught.value)
            await policy.aclose()


async def test_a_query_goes_to_the_server_as_it_is() -> None:
    seen: list[str] = []

    def answer(request: Any) -> Any:
        seen.append(str(request.url))
        return http.Response(200, json={})

    query = f"?api-version=&v=1&v=2&api_key={SECRET}"
    async with mocked(answer, base_url="http://mine/v1") as transport:
        await post(transport, url=f"http://mine/v1/chat/completions{query}")
        await post(transport, url=f"http://yours/v1/chat/completions{query}")
        with pytest.raises(UsageError, match="http://yours/v1/tokenize is not below") as caught:
            await post(transport, url=f"http://yours/v1/tokenize{query}")
    assert seen == [f"http://mine/v1/chat/completions{query}"] * 2
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("base_url", "told"), [(5, "base_url=5 is not a str"), ("http://h:x/v1?api_key=s", "is no base URL")]
)
def test_what_is_no_address_is_told_as_without_the_client(base_url: Any, told: str) -> None:
    for client in ("own", "sdk"):
        with pytest.raises(UsageError, match=told):
            make_policy("openai:m", client=client, base_url=base_url)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # whoever forgets to close one loses its connection
def test_the_client_that_a_spec_makes_is_closed_with_the_policy_and_made_anew_for_who_goes_on() -> None:
    """Also where the event loop that its connections belong to is over."""

    async def play(policy: OpenAIPolicy, *, close: bool) -> SdkTransport:
        assert (await rollout(Guess(), policy, Secret(id="seven", digit=7))).solved
        assert isinstance(policy.transport, SdkTransport)
        if close:
            await policy.aclose()
            assert policy.transport._client.is_closed()
        return policy.transport

    with FakeEndpoint(bisect) as endpoint:
        policy = make_policy("openai:fake", client="sdk", base_url=endpoint.base_url)
        assert isinstance(policy, OpenAIPolicy)
        first = asyncio.run(play(policy, close=True))
        assert asyncio.run(play(policy, close=False)) is first
        asyncio.run(policy.aclose())
        asyncio.run(play(policy, close=True))
        gc.collect()


async def test_a_client_that_puts_its_paths_behind_a_query_is_refused() -> None:
    async with openai.AsyncOpenAI(base_url=f"http://mine/v1?api_key={SECRET}", api_key=CANARY) as client:
        with pytest.raises(UsageError, match="use default_query") as caught:
            SdkTransport(client)
    assert SECRET not in str(caught.value)


async def test_models_are_listed() -> None:
    async with served("hi") as (endpoint, transport):
        reply = await transport.get(f"{endpoint.base_url}/models", HEADERS, timeout_s=30)
    assert (reply.status, json.loads(reply.body)["data"][0]["id"]) == (200, "fake")


@pytest.mark.parametrize("made_later", [False, True], ids=["client", "function"])
@pytest.mark.parametrize("deployment", [None, "mine"])
async def test_azure_is_asked_where_the_model_is_deployed(deployment: str | None, made_later: bool) -> None:
    seen: list[Any] = []

    def answer(request: Any) -> Any:
        seen.append(request)
        return http.Response(200, json={})

    async with mocked(
        answer,
        make=openai.AsyncAzureOpenAI,
        made_later=made_later,
        azure_endpoint="https://res.azure.com",
        azure_deployment=deployment,
        api_version="2030-01-01",
    ) as transport:
        assert CANARY in transport.secrets()
        for base in ("https://api.openai.com/v1", transport.base_url):
            assert (await post(transport, url=f"{base}/chat/completions")).status == 200
            assert (await transport.get(f"{base}/models", HEADERS, timeout_s=30)).status == 200
    place = "https://res.azure.com/openai"
    model = deployment or "gpt-4.1"
    assert [str(request.url) for request in seen] == [
        f"{place}/deployments/{model}/chat/completions?api-version=2030-01-01",
        f"{place}/models?api-version=2030-01-01",
    ] * 2
    assert json.loads(seen[0].content) == json.loads(BODY)
    assert seen[0].headers["api-key"] == CANARY
    assert "of-the-policy" not in seen[0].headers.get("authorization", "")


@pytest.mark.parametrize(
    "azure",
    [
        {"make": openai.AsyncAzureOpenAI, "azure_endpoint": "http://127.0.0.1:1", "api_version": "2030-01-01"},
        {"base_url": "https://res.openai.azure.com/openai/v1"},
    ],
)
async def test_azure_lists_models_and_takes_deployments(azure: dict[str, Any]) -> None:
    def listing(request: Any) -> Any:
        return http.Response(200, json={"data": [{"id": "gpt-4.1"}]})

    async with mocked(listing, **azure) as transport:
        await OpenAIPolicy("mine", base_url=transport.base_url, transport=transport).preflight()


async def test_a_key_that_a_function_gives_is_known_once_it_was_sent() -> None:
    keys = iter(["first-0123456789", "second-0123456789"])

    async def key() -> str:
        return next(keys)

    def answer(request: Any) -> Any:
        return http.Response(401, text=request.headers["authorization"])

    async with mocked(answer, api_key=key) as transport:
        assert (await post(transport)).body == b"Bearer first-0123456789"
        assert (await post(transport)).body == b"Bearer second-0123456789"
        assert {"first-0123456789", "second-0123456789"} <= set(transport.secrets())


async def test_a_token_of_azures_own_is_known_once_it_was_sent() -> None:
    async with mocked(
        raising(http.ReadError("gone")),
        make=openai.AsyncAzureOpenAI,
        azure_endpoint="https://res.azure.com",
        api_version="1",
        azure_ad_token_provider=lambda: "token-0123456789",
    ) as transport:
        with pytest.raises(EndpointFault, match="gone"):
            await post(transport)
        assert "token-0123456789" in transport.secrets()


async def test_keys_in_the_clients_headers_are_secrets() -> None:
    gateway = {"X-Gateway-Key": "gate-0123456789", "Cf-Authorization": "Bearer cf-0123456789", "X-Team": "blue-team-1"}
    async with mocked(raising(AssertionError()), default_headers=gateway) as transport:
        assert {CANARY, "gate-0123456789", "cf-0123456789"} <= set(transport.secrets())
        assert "blue-team-1" not in transport.secrets()


@pytest.mark.parametrize("status", [301, 400, 401, 404, 408, 409, 429, 500, 503, 529])
async def test_any_status_is_a_reply_asked_for_once(status: int) -> None:
    headers = {"retry-after": "0", "location": "/v1/models", "x-should-retry": "true"}
    refusal = FakeReply(status=status, body=b"no, thanks", headers=headers)
    async with served(refusal, max_retries=5) as (endpoint, transport):
        reply = await post(transport)
        assert (reply.status, reply.body, reply.headers.get("retry-after")) == (status, b"no, thanks", "0")
        assert endpoint.count == 1


@pytest.mark.parametrize("body", [b"", b"not JSON", b'{"choices": []}', b"\xff\xfe"])
async def test_an_answer_of_any_kind_is_handed_on_unread(body: bytes) -> None:
    async with served(FakeReply(body=body)) as (_, transport):
        assert (await post(transport)).body == body


@pytest.mark.parametrize("status", [200, 503])
async def test_a_stream_is_told_piece_by_piece_and_whole(status: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"data: 1\n\n", b"data: 2\n\n"):
            yield piece

    heard: list[bytes] = []
    async with mocked(lambda request: http.Response(status, content=pieces())) as transport:
        reply = await transport.post(URL, BODY, HEADERS, timeout_s=30, on_chunk=heard.append)
    assert (reply.status, reply.body, b"".join(heard)) == (status, b"data: 1\n\ndata: 2\n\n", reply.body)
    assert len(heard) == 2 or status != 200


async def test_a_stream_that_breaks_off_is_broken_and_one_that_stops_is_late() -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        raise http.RemoteProtocolError("peer closed connection")

    async def stopping() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        await anyio.sleep_forever()

    for pieces, timeout_s, kind, text in (
        (breaking, 60.0, "broken", "peer closed connection"),
        (stopping, 1.0, "timeout", "within 1 s"),
    ):
        heard: list[bytes] = []
        async with mocked(lambda request, pieces=pieces: http.Response(200, content=pieces())) as transport:
            with pytest.raises(EndpointFault, match=text) as caught:
                await transport.post(URL, BODY, HEADERS, timeout_s=timeout_s, on_chunk=heard.append)
        assert (caught.value.kind, heard) == (kind, [b"data: 1\n\n"])


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (http.ConnectError("refused"), "unreachable", "cannot connect: refused"),
        (http.ConnectTimeout("late"), "unreachable", "cannot connect: no connection in time"),
        (http.ReadTimeout("late"), "timeout", "the client's own timeout"),
        (http.ReadError(""), "broken", "no whole answer came: ReadError"),
        (http.RemoteProtocolError("cut off"), "broken", "no whole answer came: cut off"),
        (http.UnsupportedProtocol("no http://"), "refused", "base URL cannot be asked: no http://"),
        (http.LocalProtocolError(f"Illegal header value b'Bearer {CANARY}'"), "refused", "check the client's key"),
    ],
)
async def test_no_answer_is_a_fault_of_its_kind(error: Exception, kind: str, text: str) -> None:
    async with mocked(raising(error)) as transport:
        with pytest.raises(EndpointFault, match=text) as caught:
            await post(transport)
    assert (caught.value.kind, CANARY in str(caught.value)) == (kind, False)


async def test_real_connections_fail_as_the_fake_ones_do() -> None:
    async with served(Trouble.DISCONNECT) as (endpoint, transport):
        with pytest.raises(EndpointFault, match="no whole answer came") as broken:
            await post(transport)
    async with openai.AsyncOpenAI(base_url=endpoint.base_url, api_key=CANARY) as client:
        with pytest.raises(EndpointFault, match="cannot connect") as unreachable:
            await post(SdkTransport(client))
    assert (broken.value.kind, unreachable.value.kind) == ("broken", "unreachable")


async def test_a_key_with_a_line_break_is_refused_and_not_told() -> None:
    async with served("hi", api_key=f"{CANARY}\n") as (endpoint, transport):
        with pytest.raises(EndpointFault, match="check the client's key") as caught:
            await post(transport)
        assert (caught.value.kind, CANARY in str(caught.value), endpoint.count) == ("refused", False, 0)


async def test_the_deadline_of_the_call_holds_and_that_of_the_client_too() -> None:
    for timeout_s, options, text in ((1.0, {}, "within 1 s"), (60, {"timeout": 1.0}, "the client's own timeout")):
        async with served(Trouble.HANG, **options) as (_, transport):
            with pytest.raises(EndpointFault, match=text) as caught:
                await post(transport, timeout_s=timeout_s)
            assert caught.value.kind == "timeout"


async def test_cancelling_ends_a_call_at_once() -> None:
    async with served(Trouble.HANG) as (_, transport):
        with anyio.move_on_after(0.2) as scope:
            await post(transport)
        assert scope.cancelled_caught


async def test_a_closed_client_is_wrong_use() -> None:
    async with mocked(raising(AssertionError())) as transport:
        pass
    with pytest.raises(UsageError, match="is closed"):
        await post(transport)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (openai.AsyncOpenAI, "the class AsyncOpenAI"),
        (object(), "object"),
        (None, "NoneType"),
    ],
)
def test_only_async_clients_are_taken(given: Any, told: str) -> None:
    with pytest.raises(UsageError, match=f"AsyncAzureOpenAI object, got {told}$"):
        SdkTransport(given)
    with openai.OpenAI(api_key="x") as client, pytest.raises(UsageError, match=r"got OpenAI$"):
        SdkTransport(client)  # type: ignore[arg-type]  # what a person may try


def test_loops_in_turn_leave_nothing_open() -> None:
    async def play() -> None:
        async with openai.AsyncOpenAI(base_url=endpoint.base_url, api_key=CANARY) as client:
            assert (await post(SdkTransport(client))).status == 200

    with FakeEndpoint("hi") as endpoint:
        for backend in ("asyncio", "trio"):
            anyio.run(play, backend=backend)
            gc.collect()  # an open socket would warn here, and warnings are errors


def test_the_sdk_is_imported_only_when_a_client_is_given() -> None:
    program = "import agentgym.transports.sdk, sys; sys.exit('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
