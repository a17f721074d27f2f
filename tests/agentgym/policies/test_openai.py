"""OpenAIPolicy against a real server on the loopback: turns read, requests built, every fault told, no key let out."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import anyio
import anyio.to_thread
import pytest

from agentgym import (
    Context,
    Conversation,
    Job,
    Limits,
    Message,
    OpenAIPolicy,
    TokenSpan,
    ToolCall,
    Turn,
    Usage,
    make_policy,
    rollout,
    run,
)
from agentgym.errors import ContextOverflow, EndpointFault, UsageError
from agentgym.lines import Retries
from agentgym.messages import JsonObject
from agentgym.testing import ChatRequest, FakeEndpoint, FakeReply, Trouble
from agentgym.testing.chat import Answer
from agentgym.tools import ToolSpec
from agentgym.transport import Reply, Transport
from environments.guess import Guess, Secret


def one_try(model: str, **options: Any) -> OpenAIPolicy:
    """A policy that does not call twice, for tests of what goes wrong."""
    return OpenAIPolicy(model, retries=Retries(attempts=1), **options)


pytestmark = pytest.mark.anyio
SEVEN = Secret(id="seven", digit=7)
HELLO = Conversation([Message("user", "hello")])
CANARY = "sk-canary-0123456789"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def bisect(request: ChatRequest) -> Turn:
    """Guess as a model would that reads what it was told."""
    low, high = 0, 9
    for asked, told in zip(request.messages[2::2], request.messages[3::2], strict=True):
        n = json.loads(asked["tool_calls"][0]["function"]["arguments"])["n"]  # type: ignore[index,call-overload,arg-type]
        low, high = (n + 1, high) if told["content"] == "higher" else (low, n - 1)
    return Turn(tool_calls=(ToolCall("guess", {"n": (low + high) // 2}),), usage=Usage(10, 5))


async def ask(policy: OpenAIPolicy, conversation: Conversation = HELLO, context: Context | None = None) -> Turn:
    return await policy.start(context or Context()).act(conversation)


async def told(answer: Answer, **options: object) -> Turn:
    """The turn that comes of one answer."""
    async with FakeEndpoint(answer) as endpoint:
        return await ask(one_try("m", base_url=endpoint.base_url, **options))  # type: ignore[arg-type]


def choice(message: JsonObject, **fields: object) -> FakeReply:
    return FakeReply(body={"choices": [{"message": message}], **fields})  # type: ignore[dict-item]


class Recorder(Transport):
    """Keeps the bodies it is given and answers each alike."""

    def __init__(self, reply: Reply | None = None) -> None:
        self.reply = reply or Reply(200, b'{"choices": [{"message": {"content": "hi"}}]}')
        self.bodies: list[bytes] = []
        self.closed = False

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, on_chunk: object = None
    ) -> Reply:
        self.bodies.append(body)
        return self.reply

    async def aclose(self) -> None:
        self.closed = True


async def test_a_model_plays_an_episode(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeEndpoint(bisect) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        episode = await rollout(Guess(), one_try("gpt-4.1"), Secret(id="t1", digit=7))
    assert (episode.outcome, episode.policy, len(episode.turns)) == ("solved", "openai:gpt-4.1", 2)
    assert episode.usage == Usage(20, 10, calls=2)
    assert [message["role"] for message in endpoint.requests[-1].messages] == ["system", "user", "assistant", "tool"]
    assert endpoint.requests[0].model == "gpt-4.1"
    assert endpoint.requests[0].tools == [tool.wire() for tool in Guess.tool_specs()]
    turn = episode.turns[0].turn
    assert (turn.model, turn.finish_reason, turn.latency_s is not None) == ("gpt-4.1", "tool_calls", True)


async def test_a_policy_spec_makes_one() -> None:
    async with FakeEndpoint(bisect) as endpoint:
        policy = make_policy("openai:tiny", base_url=endpoint.base_url + "/")
        assert repr(policy) == f"OpenAIPolicy('tiny', base_url='{endpoint.base_url}')"
        assert (await rollout(Guess(), policy, SEVEN)).solved


async def test_two_hundred_episodes_run_at_once_over_one_policy() -> None:
    everyone = asyncio.Barrier(200)

    async def together(request: ChatRequest) -> Turn:
        if len(request.messages) == 2:
            await everyone.wait()
        return bisect(request)

    solved: list[bool] = []

    async def play(digit: int) -> None:
        solved.append((await rollout(Guess(), policy, Secret(id="t", digit=digit))).solved)

    async with FakeEndpoint(together) as endpoint:
        policy = one_try("m", base_url=endpoint.base_url)
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for number in range(200):
                    group.start_soon(play, number % 10)
    assert solved == [True] * 200


def test_one_policy_serves_several_event_loops_in_turn_and_leaves_nothing_behind() -> None:
    async def play() -> bool:
        return (await rollout(Guess(), policy, SEVEN)).solved

    with FakeEndpoint(bisect) as endpoint:
        policy = one_try("m", base_url=endpoint.base_url)
        for backend in ("asyncio", "trio", "asyncio", "trio"):
            assert anyio.run(play, backend=backend)
            gc.collect()  # an open socket would warn here, and warnings are errors


async def test_closing_one_policy_leaves_the_calls_of_another_alone() -> None:
    heard, release = threading.Event(), asyncio.Event()

    async def wait_for_word(request: ChatRequest) -> str:
        if request.messages[0]["content"] == "release":
            release.set()
        heard.set()
        await release.wait()
        return "done"

    turns: list[Turn] = []

    async def call() -> None:
        turns.append(await ask(two))

    async with FakeEndpoint(wait_for_word) as endpoint:
        one, two = (one_try("m", base_url=endpoint.base_url) for _ in range(2))
        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await anyio.to_thread.run_sync(heard.wait)
            await one.aclose()
            turns.append(await ask(one, Conversation([Message("user", "release")])))
        await one.aclose()
        await two.aclose()
        turns.append(await ask(two))
    assert [turn.text for turn in turns] == ["done"] * 3, "and what was closed opens anew"


async def test_the_request_holds_what_was_set_and_nothing_else() -> None:
    policy = one_try(
        "m",
        base_url="http://127.0.0.1/v1",
        temperature=0.5,
        max_tokens=9,
        logprobs=True,
        send_seed=True,
        extra_body={"return_token_ids": True},
        transport=(transport := Recorder()),
    )
    await ask(policy, context=Context(seed=3, tools=Guess.tool_specs()))
    fixed = {"model": "m", "temperature": 0.5, "max_tokens": 9, "logprobs": True, "seed": 3, "return_token_ids": True}
    asked = json.loads(transport.bodies[0])
    assert asked.pop("tools") == [tool.wire() for tool in Guess.tool_specs()]
    assert asked == {**fixed, "messages": [{"role": "user", "content": "hello"}]}
    await ask(one_try("m", base_url="http://127.0.0.1/v1", transport=transport))
    assert set(json.loads(transport.bodies[1])) == {"model", "messages"}


async def test_each_session_tells_of_its_own_tools_model_and_seed() -> None:
    first = ToolSpec("look", "Look.", {"type": "object", "maximum": 1})
    second = replace(first, parameters={"type": "object", "maximum": True})  # equal for Python, not for a server
    policy = one_try("a", base_url="http://127.0.0.1/v1", send_seed=True, transport=(transport := Recorder()))
    sessions = [policy.start(Context(tools=(spec,), seed=seed)) for spec in (first, second, first) for seed in (1, 2)]
    policy.model = "b"
    sessions.append(policy.start(Context(tools=(first,), seed=2)))
    for session in sessions:
        await session.act(HELLO)
    asked = [json.loads(body) for body in transport.bodies]
    told = [(body["model"], body["seed"], body["tools"][0]["function"]["parameters"]["maximum"]) for body in asked]
    assert [model for model, _, _ in told] == ["a"] * 6 + ["b"]
    assert [seed for _, seed, _ in told] == [1, 2, 1, 2, 1, 2, 2]
    assert [bound is True for _, _, bound in told] == [False, False, True, True, False, False, False]


async def test_openai_itself_is_asked_in_its_own_words() -> None:
    policy = one_try("gpt-4.1", api_key="k", max_tokens=9, transport=(transport := Recorder()))
    await ask(policy)
    assert policy.base_url == "https://api.openai.com/v1"
    assert json.loads(transport.bodies[0])["max_completion_tokens"] == 9


async def test_a_message_is_encoded_once_however_often_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Message] = []
    wire = Message.wire

    def counted(message: Message) -> bytes:
        encoded.append(message)
        return wire(message)

    monkeypatch.setattr(Message, "wire", counted)
    session = one_try("m", base_url="http://127.0.0.1/v1", transport=(transport := Recorder())).start(Context())
    conversation = Conversation([Message("user", "hello")])
    for _ in range(5):
        conversation.append((await session.act(conversation)).message())
        conversation.append(Message("user", "go on"))
    assert len(encoded) == 9
    assert all(later.startswith(earlier[:-2]) for earlier, later in pairwise(transport.bodies))


async def test_the_key_is_sent_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeEndpoint("hi") as endpoint:
        await ask(one_try("m", base_url=endpoint.base_url))
        monkeypatch.setenv("OPENAI_API_KEY", f" {CANARY}\n")
        await ask(one_try("m", base_url=endpoint.base_url))
        await ask(one_try("m", base_url=endpoint.base_url, api_key="EMPTY"))
    keys = [request.headers.get("authorization") for request in endpoint.requests]
    assert keys == [None, f"Bearer {CANARY}", "Bearer EMPTY"]


async def test_proxies_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeEndpoint("by proxy") as proxy, FakeEndpoint("straight") as endpoint:
        monkeypatch.setenv("http_proxy", proxy.base_url.removeprefix("http://").removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert (await ask(one_try("m", base_url="http://model.invalid/v1"))).text == "by proxy"
        assert (await ask(one_try("m", base_url=endpoint.base_url))).text == "straight"


async def test_a_transport_that_was_given_is_not_closed() -> None:
    policy = one_try("m", base_url="http://127.0.0.1/v1", transport=(transport := Recorder()))
    await policy.aclose()
    assert not transport.closed


@pytest.mark.parametrize(
    "turn",
    [
        Turn("Hello."),
        Turn(tool_calls=(ToolCall.from_text("a", '{ "n": 1 }', id="1"), ToolCall.from_text("b", "{oops", id="2"))),
        Turn("Look:", (ToolCall.from_text("a", "{}", id="1"),), reasoning="hm", finish_reason="length"),
        Turn("Hi.", usage=Usage(30, 4, 20)),
        Turn("Hi.", span=TokenSpan((1, 2), (3, 4), (-0.5, -1.25), temperature=0.5)),
        Turn("Hi.", span=TokenSpan((1, 2), (3,), None, temperature=0.5)),
    ],
)
async def test_a_turn_comes_back_as_it_was_sampled(turn: Turn) -> None:
    read = await told(turn, temperature=0.5)
    assert (read.text, read.tool_calls, read.reasoning) == (turn.text, turn.tool_calls, turn.reasoning)
    assert read.usage == turn.usage + Usage(calls=1)
    assert read.span == turn.span
    assert read.finish_reason == (turn.finish_reason or ("tool_calls" if turn.tool_calls else "stop"))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"content": None}, Turn("")),
        ({"content": [{"type": "text", "text": "a"}, {"type": "x"}, {"type": "text", "text": "b"}]}, Turn("ab")),
        ({"content": None, "refusal": "no"}, Turn("no")),
        ({"content": "a", "reasoning": "r", "tool_calls": None}, Turn("a", reasoning="r")),
        ({"tool_calls": [{"function": {"name": "t", "arguments": ""}}]}, Turn("", (ToolCall("t", raw="{}"),))),
        ({"tool_calls": [{"function": {"name": "t"}}]}, Turn("", (ToolCall("t", raw="{}"),))),
        (
            {"tool_calls": [{"id": "c", "function": {"name": "t", "arguments": {"n": 1}}}]},
            Turn("", (ToolCall("t", {"n": 1}, "c"),)),
        ),
        (
            {"tool_calls": [{"function": {"name": "t", "arguments": [1]}}]},
            Turn("", (ToolCall("t", raw="[1]", problem="the arguments must be a JSON object"),)),
        ),
    ],
)
async def test_the_shapes_of_other_servers_fit(message: JsonObject, expected: Turn) -> None:
    read = await told(choice(message))
    assert (read.text, read.tool_calls, read.reasoning) == (expected.text, expected.tool_calls, expected.reasoning)
    assert read.usage == Usage(calls=1)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb'{"choices": [{"message": {"content": "a\ud800b"}}]}', "a\ufffdb"),
        (b'{"choices": [{"message": {"content": "a\xffb"}}]}', "a\ufffdb"),
        (b'{"choices": [{"message": {"content": "a"}, "score": NaN}]}', "a"),
    ],
)
async def test_odd_bytes_do_not_break_a_reply(body: bytes, text: str) -> None:
    assert (await told(FakeReply(body=body))).text == text


async def test_logprobs_that_do_not_match_the_tokens_are_left_out() -> None:
    one: JsonObject = {"message": {"content": "a"}, "token_ids": [1, 2], "logprobs": {"content": [{"logprob": -1.0}]}}
    reply = FakeReply(body={"choices": [one], "prompt_token_ids": [5]})
    assert (await told(reply)).span == TokenSpan((5,), (1, 2))


async def test_a_span_keeps_which_weights_were_sampled_from() -> None:
    one: JsonObject = {"message": {"content": "a"}, "token_ids": [1]}
    reply = FakeReply(body={"choices": [one], "prompt_token_ids": [5], "system_fingerprint": "base+3"})
    assert (await told(reply)).span == TokenSpan((5,), (1,), model_version="base+3")


@pytest.mark.parametrize("raw", ['{"n": 7', "[7]", "seven", ""])
async def test_what_a_model_wrote_amiss_goes_back_as_an_object(raw: str) -> None:
    """vLLM, SGLang and `transformers serve` read the arguments of a history, and fail on what is no object."""
    broken: JsonObject = {"tool_calls": [{"id": "a", "function": {"name": "guess", "arguments": raw}}]}
    async with FakeEndpoint([choice(broken), "I give up."]) as endpoint:
        episode = await rollout(Guess(), one_try("m", base_url=endpoint.base_url), SEVEN)
    (sent,) = endpoint.requests[1].messages[2]["tool_calls"]  # type: ignore[misc]
    arguments = json.loads(sent["function"]["arguments"])  # type: ignore[index,call-overload,arg-type]
    assert arguments == ({"invalid_arguments": raw} if raw else {})
    assert episode.turns[0].turn.tool_calls[0].text == (raw or "{}"), "the record keeps what was written"
    assert episode.outcome == "failed"


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"n": 3}, "1 of the 3 choices"),
        ({"token_ids": True}, "none of the token ids"),
        ({"logprobs": True}, "ask for token_ids too"),
        ({"n": 1}, ""),
    ],
)
async def test_what_a_server_passes_over_is_told_once(
    wish: dict[str, Any], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with FakeEndpoint(choice({"content": "hi"})) as endpoint:
        policy = one_try("m", base_url=endpoint.base_url, **wish)
        await ask(policy)
        await ask(policy)
    told = [record.getMessage() for record in caplog.records if record.name == "agentgym.policies.openai"]
    assert len(told) == (1 if says else 0)
    assert says in "".join(told)


HTML = FakeReply(body="<html>\n<h1>Welcome to\x1b nginx</h1>" + "x" * 1000, headers={"Content-Type": "text/html"})


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            FakeReply(status=401, body={"error": {"message": "no such key"}}),
            "status 401: no such key; check OPENAI_API_KEY",
        ),
        (FakeReply(status=403, body={"detail": "not yours"}), "status 403: not yours; check OPENAI_API_KEY"),
        (FakeReply(status=404, body={"message": "no model m"}), "no model m; check the model name and --base-url"),
        (FakeReply(status=429, body={"error": "slow\ndown"}), "status 429: slow down"),
        (FakeReply(status=500), "status 500: an empty body"),
        (FakeReply(status=503, body="<html>busy</html>"), "status 503: <html>busy</html>"),
        (FakeReply(status=307, headers={"Location": "http://elsewhere/"}), "redirects are not followed"),
        (HTML, "the reply is not JSON: status 200, text/html: <html> <h1>Welcome to nginx</h1>xxx"),
        (FakeReply(body="[1]"), "the reply is not a JSON object"),
        (FakeReply(body="[" * 100_000), "the reply is not JSON"),
        (FakeReply(body={"choices": [{}]}), "the first choice has no message"),
        (FakeReply(body={"error": {"message": "overloaded"}}), "the reply has no choices: .*overloaded"),
        (choice({"content": 5}), "the content is no text, but int"),
        (choice({"content": ["a"]}), "a part of the content"),
        (choice({"tool_calls": "guess"}), "the tool calls are not a list"),
        (choice({"tool_calls": [{"id": "1"}]}), "tool call 0 names no function"),
        (FakeReply(body={"choices": [{"message": {}, "token_ids": ["a"]}], "prompt_token_ids": []}), "token ids"),
        (Trouble.NOT_JSON, "the reply is not JSON"),
        (Trouble.NO_CHOICES, "the reply has no choices"),
        (Trouble.DISCONNECT, "no whole answer came: .*(disconnected|hung up)"),
        (Trouble.HANG, "no (answer|connection) within 0.5 s"),
    ],
)
async def test_a_fault_of_the_endpoint_is_one_line_and_never_the_agents(answer: Answer, says: str) -> None:
    async with FakeEndpoint(answer) as endpoint:
        timeout_s = 0.5 if answer is Trouble.HANG else 30
        policy = one_try("m", base_url=endpoint.base_url, timeout_s=timeout_s)
        with pytest.raises(EndpointFault, match=says) as fault:
            await ask(policy)
        episode = await rollout(Guess(), policy, SEVEN)
    told = str(fault.value)
    assert told.startswith(f"{endpoint.base_url}/chat/completions: ")
    assert told.isprintable()
    assert len(told) < 600
    assert episode.cause is not None
    assert (episode.outcome, episode.cause.boundary, episode.cause.error) == (
        "not_evaluable",
        "policy",
        "EndpointFault",
    )


async def test_a_refused_connection_names_the_address() -> None:
    async with FakeEndpoint("hi") as endpoint:
        pass
    with pytest.raises(EndpointFault, match=f"{endpoint.base_url}/chat/completions: cannot connect: "):
        await ask(one_try("m", base_url=endpoint.base_url))


async def test_cancellation_and_the_time_limit_pass_a_call_that_hangs() -> None:
    heard = threading.Event()

    def hang(request: ChatRequest) -> Trouble:
        heard.set()
        return Trouble.HANG

    async with FakeEndpoint(hang) as endpoint:
        policy = one_try("m", base_url=endpoint.base_url)
        episode = await rollout(Guess(), policy, SEVEN, limits=Limits(seconds=0.5))
        assert (episode.outcome, episode.limit) == ("truncated", "time")
        heard.clear()
        async with anyio.create_task_group() as group:
            group.start_soon(rollout, Guess(), policy, SEVEN)
            await anyio.to_thread.run_sync(heard.wait)
            group.cancel_scope.cancel()
        await policy.aclose()


@pytest.mark.parametrize("api_key", [None, "", "EMPTY"])
async def test_openai_itself_needs_a_key_before_the_first_call(api_key: str | None) -> None:
    with pytest.raises(UsageError, match="set OPENAI_API_KEY"):
        await rollout(Guess(), one_try("gpt-4.1", api_key=api_key), SEVEN)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"base_url": "localhost:8000"}, "'localhost:8000' is no base URL"),
        ({"base_url": "http://[1"}, "is no base URL"),
        ({"base_url": "http://host:99999/v1"}, "is no base URL"),
        ({"base_url": "http://a..b/v1"}, "is no base URL"),
        ({"base_url": "http://me:secret@host/v1"}, "holds a user name or a password"),
        ({"api_key": "sk-\u00e9"}, "characters that no header can carry"),
        ({"api_key": "sk-1\nsk-2"}, "characters that no header can carry"),
        ({"timeout_s": 0}, "must be a positive number"),
        ({"timeout_s": float("inf")}, "must be a positive number"),
        ({"extra_body": {"stream": True}}, "may not hold 'stream'"),
    ],
)
def test_wrong_use_is_told_at_once_and_without_secrets(options: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says) as error:
        one_try("m", **options)  # type: ignore[arg-type]
    assert "secret" not in str(error.value)
    assert "sk-" not in str(error.value)


def echo_the_key(request: ChatRequest) -> FakeReply:
    key = request.headers["authorization"]
    replies = (
        FakeReply(status=401, body={"error": {"message": f"wrong key {key}"}}),
        FakeReply(status=500, body="x" * 180 + key),
        FakeReply(status=403, body=f"<html>{key}</html>"),
        FakeReply(body={"choices": [], "seen": key}),
        FakeReply(body=key),
    )
    return replies[int(str(request.messages[-1]["content"]))]


async def test_the_key_shows_nowhere(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    shown: list[str] = []
    async with FakeEndpoint(echo_the_key) as endpoint:
        policy = one_try("m", base_url=endpoint.base_url)
        for number in range(5):
            with pytest.raises(EndpointFault) as fault:
                await ask(policy, Conversation([Message("user", str(number))]))
            shown += [str(fault.value), repr(fault.value)]
    async with FakeEndpoint(lambda request: FakeReply(status=403, body=request.headers["authorization"])) as endpoint:
        policy = one_try("m", base_url=endpoint.base_url)
        episode = await rollout(Guess(), policy, SEVEN)
    shown += [episode.to_json().decode(), repr(episode), repr(policy), repr(policy.start(Context())), policy.name]
    assert "status 403: Bearer [key]; check OPENAI_API_KEY" in shown[-5]
    assert "canary" not in "\n".join([*shown, caplog.text])


async def test_a_placeholder_for_a_key_leaves_messages_readable() -> None:
    async with FakeEndpoint(FakeReply(status=401, body="no key x; ask max")) as endpoint:
        with pytest.raises(EndpointFault, match=r"no key \[key\]; ask max"):
            await ask(one_try("m", base_url=endpoint.base_url, api_key="x"))


@pytest.mark.parametrize("placeholder", ["none", "null", "test", "1", "0"])
async def test_a_placeholder_for_a_key_is_no_secret_in_what_a_model_says(placeholder: str) -> None:
    said = Turn(f"{placeholder}: null, 1", (ToolCall("guess", {"word": placeholder}),))
    async with FakeEndpoint(said) as endpoint:
        turn = await ask(one_try("m", base_url=endpoint.base_url, api_key=placeholder))
    assert (turn.text, turn.tool_calls[0].arguments) == (said.text, {"word": placeholder})


async def test_the_key_does_not_show_where_a_header_is_told() -> None:
    def echo(request: ChatRequest) -> FakeReply:
        return FakeReply(body="hi", headers={"Content-Type": f"text/plain; {request.headers['authorization']}"})

    async with FakeEndpoint(echo) as endpoint:
        with pytest.raises(EndpointFault, match=r"text/plain; Bearer \[key\]: hi"):
            await ask(one_try("m", base_url=endpoint.base_url, api_key=CANARY))


async def test_the_key_does_not_show_in_what_a_transport_tells() -> None:
    class Chatty(Recorder):
        async def post(
            self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, on_chunk: object = None
        ) -> Reply:
            raise EndpointFault(f"sent {dict(headers)} in vain")

    with pytest.raises(EndpointFault, match="in vain") as fault:
        await ask(one_try("m", base_url="http://127.0.0.1/v1", api_key=CANARY, transport=Chatty()))
    assert "canary" not in str(fault.value)


async def test_a_server_that_called_a_tool_is_not_taken_for_one_that_knows_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One conversation that it refuses, whatever its words, changes nothing for the others."""
    refusal = FakeReply(status=400, body={"error": {"message": "messages with role tool: tool_call_id too long"}})

    def answer(request: ChatRequest) -> Turn | FakeReply:
        return refusal if endpoint.count == 2 else bisect(request)

    async with FakeEndpoint(answer) as endpoint:
        policy = one_try("m", base_url=endpoint.base_url)
        assert (await rollout(Guess(), policy, SEVEN)).outcome == "not_evaluable"
        assert (await rollout(Guess(), policy, SEVEN)).outcome == "solved"
    assert all(request.tools for request in endpoint.requests)
    assert "knows no tools" not in caplog.text


async def test_a_server_that_knows_no_tools_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    def answer(request: ChatRequest) -> Turn | FakeReply:
        return FakeReply(status=400, body={"error": "no tools here"}) if request.tools else Turn("who knows")

    async with FakeEndpoint(answer) as endpoint:
        policy = one_try("m", base_url=endpoint.base_url)
        for _ in range(2):
            await rollout(Guess(), policy, SEVEN, limits=Limits(turns=1))
    (told,) = [record.getMessage() for record in caplog.records if "knows no tools" in record.getMessage()]
    assert "no tools here" in told


OVERFLOWS = [
    "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 200 `max_new_tokens`",
    "`inputs` must have less than 4096 tokens. Given: 5000",
    "Input length (9000 tokens) exceeds the maximum allowed length (8192 tokens)",
    "The input (8391 tokens) is longer than the model's context length (8192 tokens).",
    "Input prompt (9000 tokens) is too long and exceeds limit of 8192",
    "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000",
    "Cannot truncate prompt with n_keep (6155) >= n_ctx (4096)",
    "Range of input length should be [1, 129024]",
    "Invalid request: Your request exceeded model token limit: 8192",
    "Prompt exceeds max length",
]


@pytest.mark.parametrize("words", OVERFLOWS)
async def test_a_conversation_that_does_not_fit_is_told_from_a_refusal_in_many_words(words: str) -> None:
    with pytest.raises(ContextOverflow):
        await told(FakeReply(status=422, body={"error": {"message": words}}))


@pytest.mark.parametrize(
    "words",
    [
        "'max_tokens' or 'max_completion_tokens' is too large: {0}. {1} and your request has 12 input tokens",
        "{1}. However, you requested 100012 tokens (12 in the messages, {0} in the completion).",
        "{1}. However, you requested {0} output tokens and your prompt contains 12 input tokens",
    ],
)
async def test_a_reply_longer_than_the_context_is_asked_for_by_mistake(words: str) -> None:
    context = "This model's maximum context length is 4096 tokens"
    async with FakeEndpoint(
        FakeReply(status=400, body={"error": {"message": words.format(100_000, context)}})
    ) as wrong:
        with pytest.raises(UsageError, match="give a smaller max_tokens"):
            await run([Job(make=Guess, task=SEVEN, seed=0)], OpenAIPolicy("fake", base_url=wrong.base_url))
        assert wrong.count == 1
    with pytest.raises(ContextOverflow):
        await told(FakeReply(status=400, body={"error": {"message": words.format(2000, context)}}))


@pytest.mark.parametrize(
    "error",
    [
        {"message": OVERFLOWS[3], "code": 400},
        {"message": "Bad request", "code": "context_length_exceeded"},
        {"message": "Provider returned error", "metadata": {"raw": '{"message":"prompt is too long: 9 tokens"}'}},
    ],
)
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("stream", [False, True])
async def test_what_does_not_fit_is_asked_once_wherever_the_server_says_so(
    error: JsonObject, status: int, stream: bool
) -> None:
    body = json.dumps({"error": error})
    reply = FakeReply(status=status, body=f"data: {body}\n\n" if stream and status == 200 else body)
    async with FakeEndpoint(reply) as endpoint:
        policy = OpenAIPolicy("m", base_url=endpoint.base_url, stream=stream)
        episode = await rollout(Guess(), policy, SEVEN)
    assert (episode.outcome, episode.limit, endpoint.count) == ("truncated", "context", 1)


@pytest.mark.parametrize(
    ("place", "words", "knows_none"),
    [
        ("v1", "This model's maximum context length is 9 tokens (8 of text input, 5 of tool input)", False),
        ("toolhost/v1", "temperature must be at most 2", False),
        ("v1", "the model `M-Tool-Use` takes no temperature", False),
        ("v1", "tool choice is not supported", True),
    ],
)
async def test_only_what_is_said_of_tools_tells_that_a_server_knows_none(
    place: str, words: str, knows_none: bool
) -> None:
    recorder = Recorder(Reply(400, json.dumps({"error": {"message": words}}).encode()))
    policy = one_try("M-Tool-Use", base_url=f"http://127.0.0.1/{place}", transport=recorder)
    with pytest.raises(EndpointFault):
        await ask(policy, context=Context(tools=Guess.tool_specs()))
    assert len(recorder.bodies) == 1 + knows_none


@pytest.mark.parametrize("words", ["tools param requires --jinja flag", "Unsupported param: tools"])
async def test_a_llama_cpp_that_was_begun_without_tools_is_told_of_them_in_text(words: str) -> None:
    def answer(request: ChatRequest) -> str | FakeReply:
        return FakeReply(status=500, body={"error": {"message": words}}) if request.tools else "hello"

    async with FakeEndpoint(answer) as endpoint:
        policy = OpenAIPolicy("m", base_url=endpoint.base_url)
        assert (await ask(policy, context=Context(tools=Guess.tool_specs()))).text == "hello"
    assert endpoint.count == 2


@pytest.mark.parametrize(
    "until", ["Wed, 21 Oct 99999999999999999999 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:00 +9999999999999999"]
)
async def test_a_date_that_is_none_asks_for_no_pause(until: str) -> None:
    with pytest.raises(EndpointFault, match="status 429") as fault:
        await told(FakeReply(status=429, headers={"Retry-After": until}))
    assert fault.value.retry_after_s is None


async def test_no_money_ends_a_run_as_a_wrong_key_does() -> None:
    async with FakeEndpoint(FakeReply(status=402, body={"error": {"message": "Insufficient Balance"}})) as endpoint:
        with pytest.raises(UsageError, match="status 402: Insufficient Balance"):
            await run([Job(make=Guess, task=SEVEN, seed=0)], OpenAIPolicy("fake", base_url=endpoint.base_url))
        assert endpoint.count == 1


def test_two_seeds_are_one_too_many() -> None:
    with pytest.raises(UsageError, match="extra_body may not hold 'seed'"):
        OpenAIPolicy("m", send_seed=True, extra_body={"seed": 4})


def in_numbers(text: str) -> str:
    return "".join(f"\\u{ord(char):04X}" for char in text)


@pytest.mark.parametrize("key", ["gw/Zm9v/YmFyYmF6", "sk-verysecretkey123", 'odd"key\\of/mine'])
@pytest.mark.parametrize(
    "spell", [json.dumps, lambda key: json.dumps(key).replace("/", "\\/"), lambda key: f'"{in_numbers(key)}"']
)
@pytest.mark.parametrize("status", [200, 400])
async def test_a_key_is_found_however_json_spells_it(key: str, spell: Callable[[str], str], status: int) -> None:
    inside = json.dumps({"name": "guess", "arguments": f'{{"n": {spell(key)}}}'})
    message = f'{{"content": {spell(key)}, "tool_calls": [{{"id": {spell(key)}, "function": {inside}}}]}}'
    body = f'{{"choices": [{{"message": {message}}}], "note": "\\u00e9t\\u00e9 \\n {key[:5]}"}}'
    async with FakeEndpoint(FakeReply(status=status, body=body)) as endpoint:
        episode = await rollout(Guess(), one_try("m", base_url=endpoint.base_url, api_key=key), SEVEN)
    written = episode.to_json().decode()
    assert json.dumps(key)[1:-1] not in written
    assert json.dumps(json.dumps(key)[1:-1])[1:-1] not in written
    assert "[key]" in written
