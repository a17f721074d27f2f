"""One look before many calls: what is wrong is told in one line, in seconds, without the key; all else passes."""

from __future__ import annotations

import json
from collections.abc import Mapping

import anyio
import pytest

from agentgym import OpenAIPolicy
from agentgym.errors import EndpointFault, FaultKind, UsageError
from agentgym.policies import preflight
from agentgym.testing import FakeEndpoint
from agentgym.transport import OnChunk, Reply, Transport

pytestmark = pytest.mark.anyio
CANARY = "sk-canary-0123456789"
MOST_S = 8.0


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


class Clock:
    """Time that passes where somebody waits."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await anyio.lowlevel.checkpoint()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    virtual = Clock()
    monkeypatch.setattr(preflight, "running_clock", lambda: virtual)
    monkeypatch.setattr("agentgym.policies.preflight.anyio.sleep", virtual.sleep)
    return virtual


class Scripted(Transport):
    """Answers one after the other, and the last again and again; each takes its time, of which there is an end."""

    def __init__(self, clock: Clock, *answers: Reply | EndpointFault, answer_s: float = 0.01) -> None:
        self.urls: list[str] = []
        self._clock = clock
        self._answers = answers
        self._answer_s = answer_s

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, on_chunk: OnChunk | None = None
    ) -> Reply:
        raise AssertionError("nothing is asked of the model")

    async def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float) -> Reply:
        assert timeout_s > 0
        assert headers["Authorization"] == f"Bearer {CANARY}"
        answer = self._answers[min(len(self.urls), len(self._answers) - 1)]
        self.urls.append(url)
        hangs = isinstance(answer, EndpointFault) and answer.kind == "timeout"
        if hangs or self._answer_s > timeout_s:
            await self._clock.sleep(timeout_s)
            raise EndpointFault(f"no answer within {timeout_s:g} s to {CANARY}", kind="timeout")
        await self._clock.sleep(self._answer_s)
        if isinstance(answer, EndpointFault):
            raise answer
        return answer


def listing(*ids: str) -> Reply:
    return Reply(200, json.dumps({"object": "list", "data": [{"id": id} for id in ids]}).encode())


def fault(kind: FaultKind) -> EndpointFault:
    return EndpointFault(f"what {CANARY} is told", kind=kind)


async def look(transport: Transport, model: str = "m") -> None:
    await OpenAIPolicy(model, base_url="http://models.example/v1/", api_key=CANARY, transport=transport).preflight()


async def told(transport: Transport, model: str = "m") -> str:
    """The one line of a look that found something wrong."""
    with pytest.raises(UsageError) as wrong:
        await look(transport, model)
    line = str(wrong.value)
    assert line.isprintable()
    assert line.startswith("http://models.example/v1")
    assert line.endswith("nevertheless)")
    assert "--no-preflight" in line
    assert CANARY not in line
    assert len(line) < 800
    return line


async def test_against_a_real_server() -> None:
    async with FakeEndpoint("fine", api_key="right", model="tiny") as endpoint:
        await OpenAIPolicy("tiny", base_url=endpoint.base_url, api_key="right").preflight()
        with pytest.raises(UsageError, match="lists no model 'tinny'; did you mean 'tiny'"):
            await OpenAIPolicy("tinny", base_url=endpoint.base_url, api_key="right").preflight()
        assert endpoint.count == 0
    async with FakeEndpoint("fine", lists_models=False) as endpoint:
        await OpenAIPolicy("whatever", base_url=endpoint.base_url).preflight()


async def test_a_key_that_is_surely_needed_is_asked_for_before_anything_is_sent() -> None:
    with pytest.raises(UsageError, match="set OPENAI_API_KEY"):
        await OpenAIPolicy("gpt-x").preflight()


async def test_a_dead_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_PAUSE_S", 0.01)
    policy = OpenAIPolicy("m", base_url="http://127.0.0.1:9/v1", api_key=CANARY)
    with pytest.raises(UsageError, match=r"^http://127\.0\.0\.1:9/v1/models: cannot connect: ") as wrong:
        await policy.preflight()
    await policy.aclose()
    assert CANARY not in str(wrong.value)


async def test_one_short_question_is_enough_where_all_is_well(clock: Clock) -> None:
    server = Scripted(clock, listing("m", "n"))
    await look(server)
    assert server.urls == ["http://models.example/v1/models"]


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_server_without_a_list_is_taken_at_its_word(clock: Clock, status: int) -> None:
    server = Scripted(clock, Reply(status, b"<html>nothing here</html>"))
    await look(server, "whatever")
    assert len(server.urls) == 1


@pytest.mark.parametrize(
    "body", [b'{"data": []}', b'{"data": [{"owner": 1}]}', b"[]", b'{"models": []}', b'{"data": null}']
)
async def test_an_empty_list_says_nothing(clock: Clock, body: bytes) -> None:
    await look(Scripted(clock, Reply(200, body)), "whatever")


@pytest.mark.parametrize("body", [b'{"models": [{"name": "m"}]}', b'["m"]', b'[{"id": "m"}]', b'\xef\xbb\xbf["m"]'])
async def test_lists_come_in_many_shapes(clock: Clock, body: bytes) -> None:
    await look(Scripted(clock, Reply(200, body)))
    assert "lists no model 'other'" in await told(Scripted(clock, Reply(200, body)), "other")


@pytest.mark.parametrize(
    ("model", "listed"),
    [
        ("llama3", "llama3:latest"),
        ("gemini-x", "models/gemini-x"),
        ("maker/m:free", "maker/m"),
        ("a:b:c", "a:b:c"),
        ("openai/gpt", "openai/*"),
    ],
)
async def test_a_model_is_known_by_the_other_names_that_servers_take(clock: Clock, model: str, listed: str) -> None:
    await look(Scripted(clock, listing("other", listed)), model)


async def test_a_wrong_model_is_told_with_the_nearest_of_many(clock: Clock) -> None:
    names = [f"maker-{number}/something" for number in range(400)]
    assert "did you mean 'gpt-large'?" in await told(Scripted(clock, listing(*names, "gpt-large")), "gpt-lareg")
    line = await told(Scripted(clock, listing(*names)), "zzz")
    assert "there are: maker-0/something, " in line
    assert "maker-399" not in line


async def test_a_list_that_says_the_key_or_breaks_lines_is_told_without(clock: Clock) -> None:
    line = await told(Scripted(clock, listing(f"yours-{CANARY}", "two\nlines", "x" * 5000)), "nothing like it")
    assert "yours-[key]" in line
    assert "two lines" in line


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(401, b'{"error": {"message": "no such key: sk-canary-0123456789"}}'), "status 401: no such key: [key]"),
        (Reply(403, b""), "check OPENAI_API_KEY"),
        (Reply(400, b"bad"), "status 400: bad"),
        (Reply(301, b"", {"location": "https://else.example"}), "redirects are not followed"),
        (Reply(200, b"<html><body>Sign in,\nsk-canary-0123456789</body></html>"), "Sign in, [key]"),
        (Reply(429, b'{"error": {"message": "no money", "code": "insufficient_quota"}}'), "no money"),
    ],
)
async def test_what_asking_again_does_not_change_is_told_at_once(clock: Clock, reply: Reply, words: str) -> None:
    server = Scripted(clock, reply)
    assert words in await told(server)
    assert len(server.urls) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (fault("timeout"), "no answer within 5 s to [key]"),
        (fault("broken"), "what [key] is told"),
        (fault("unreachable"), "what [key] is told"),
        (Reply(500, b"<h1>Oh\nno</h1>" + CANARY.encode()), "status 500: <h1>Oh no</h1>[key]"),
        (Reply(503, b""), "status 503: an empty body"),
        (Reply(429, b"", {"retry-after": "3600"}), "status 429"),
        (Reply(200, b"not json"), "not json; check --base-url"),
        (Reply(200, b'{"data": {}}'), "the list of models is none"),
        (Reply(200, b""), "an empty body"),
    ],
)
@pytest.mark.parametrize("answer_s", [0.0, 0.4, 3.0])
async def test_what_may_pass_is_asked_again_but_not_for_long(
    clock: Clock, answer: Reply | EndpointFault, words: str, answer_s: float
) -> None:
    server = Scripted(clock, answer, answer_s=answer_s)
    began = clock()
    assert words in await told(server)
    assert clock() - began <= MOST_S
    assert 2 <= len(server.urls) <= 30


FLEETING = [fault("timeout"), fault("broken"), fault("unreachable"), Reply(500, b""), Reply(429, b"")]


@pytest.mark.parametrize("first", FLEETING)
async def test_a_fault_by_chance_is_survived(clock: Clock, first: Reply | EndpointFault) -> None:
    server = Scripted(clock, first, listing("m"))
    await look(server)
    assert len(server.urls) == 2


async def test_a_machine_that_stood_still_meanwhile_asks_once_more(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def oversleep(seconds: float) -> None:
        await clock.sleep(seconds + MOST_S)

    monkeypatch.setattr("agentgym.policies.preflight.anyio.sleep", oversleep)
    await look(Scripted(clock, fault("broken"), listing("m")))


async def test_a_server_that_hangs_is_given_up_for_real_and_nothing_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "PREFLIGHT_S", 2.0)
    monkeypatch.setattr(preflight, "_ATTEMPT_S", 0.8)
    monkeypatch.setattr(preflight, "_PAUSE_S", 0.01)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as silent:
        port = silent.extra(anyio.abc.SocketAttribute.local_port)
        policy = OpenAIPolicy("m", base_url=f"http://127.0.0.1:{port}/v1", api_key=CANARY)
        with anyio.fail_after(60), pytest.raises(UsageError, match=r"/models: .*within [\d.]+ s ") as wrong:
            await policy.preflight()
        await policy.aclose()
    assert CANARY not in str(wrong.value)
