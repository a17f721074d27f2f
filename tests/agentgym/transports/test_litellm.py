"""LiteLLMTransport against a real server on the loopback: turns and tools, prices, refusals and faults, silence."""

from __future__ import annotations

import gc
import json
import logging
import subprocess
import sys
from typing import Any

import anyio
import orjson
import pytest

from agentgym import OpenAIPolicy, ToolCall, Turn, Usage, rollout
from agentgym.errors import EndpointFault, UsageError
from agentgym.policies.completions import read_reply, read_turns
from agentgym.testing import ChatRequest, FakeEndpoint, FakeReply, Trouble
from agentgym.testing.chat import Answer
from agentgym.transport import Reply
from agentgym.transports.litellm import LiteLLMTransport
from environments.guess import Guess, Secret

pytestmark = pytest.mark.anyio
URL = "https://not.asked/v1/chat/completions"
CANARY = "sk-canary-0123456789"
TOOL = {"type": "function", "function": {"name": "guess", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")


def made(**options: Any) -> LiteLLMTransport:
    pytest.importorskip("litellm")
    return LiteLLMTransport(**options)


def body(**fields: object) -> bytes:
    return orjson.dumps({"model": "openai/any", "messages": [{"role": "user", "content": "hi"}], **fields})


async def ask(endpoint: FakeEndpoint, *, timeout_s: float = 30, model: str = "openai/any", **fields: object) -> Reply:
    transport = made(api_base=endpoint.base_url, api_key=CANARY)
    return await transport.post(URL, body(model=model, **fields), {}, timeout_s=timeout_s)


async def told(answer: Answer, *, timeout_s: float = 30, model: str = "openai/any", **fields: object) -> Reply:
    async with FakeEndpoint(answer) as endpoint:
        return await ask(endpoint, timeout_s=timeout_s, model=model, **fields)


def message(reply: Reply) -> str:
    return str(json.loads(reply.body)["error"]["message"])


def bisect(request: ChatRequest) -> Turn:
    low, high = 0, 9
    for asked, heard in zip(request.messages[2::2], request.messages[3::2], strict=True):
        n = json.loads(asked["tool_calls"][0]["function"]["arguments"])["n"]  # type: ignore[index,call-overload,arg-type]
        low, high = (n + 1, high) if heard["content"] == "higher" else (low, n - 1)
    return Turn(tool_calls=(ToolCall("guess", {"n": (low + high) // 2}),), usage=Usage(10, 5))


async def test_a_model_plays_an_episode_with_tools() -> None:
    async with FakeEndpoint(bisect) as endpoint:
        transport = made(api_base=endpoint.base_url, api_key=CANARY)
        episode = await rollout(
            Guess(), OpenAIPolicy("openai/any", api_key="x", transport=transport), Secret(id="7", digit=7)
        )
        await transport.aclose()
    assert (episode.outcome, len(episode.turns)) == ("solved", 2)
    assert endpoint.requests[0].model == "any"
    assert endpoint.requests[0].tools == [tool.wire() for tool in Guess.tool_specs()]
    assert endpoint.requests[0].headers["authorization"] == f"Bearer {CANARY}"


@pytest.mark.parametrize("model", ["openai/gpt-4.1", "hosted_vllm/any"])
async def test_the_whole_turn_comes_through(model: str) -> None:
    said = Turn("hi", (ToolCall("guess", {"n": 3}, "c1"),), reasoning="because", usage=Usage(1000, 100))
    reply = await told(said, model=model, tools=[TOOL], temperature=0.5)
    (turn,) = read_turns(read_reply(reply.body))
    assert (turn.text, turn.reasoning, turn.finish_reason) == ("hi", "because", "tool_calls")
    assert [(call.name, call.arguments, call.id) for call in turn.tool_calls] == [("guess", {"n": 3}, "c1")]
    assert (turn.usage.prompt_tokens, turn.usage.completion_tokens) == (1000, 100)


async def test_the_price_is_told_where_litellm_knows_it() -> None:
    known, unknown = Turn("hi", usage=Usage(1000, 100)), Turn("hi", usage=Usage(1000, 100))
    priced, free = await told(known, model="openai/gpt-4.1"), await told(unknown)
    assert read_turns(read_reply(priced.body))[0].usage.cost_usd == pytest.approx(0.0028)
    assert read_turns(read_reply(free.body))[0].usage.cost_usd == 0


async def test_fields_that_litellm_does_not_know_reach_the_server() -> None:
    async with FakeEndpoint("hi") as endpoint:
        await ask(endpoint, top_k=3, temperature=0.5, timeout=1e-9)
    assert (endpoint.requests[0].body["top_k"], endpoint.requests[0].body["temperature"]) == (3, 0.5)
    assert not {"timeout", "num_retries", "max_retries", "_skip_mcp_handler"} & set(endpoint.requests[0].body)


@pytest.mark.parametrize("model", ["openai/any", "hosted_vllm/any"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500, 502, 503])
async def test_what_a_server_refuses_is_a_reply_asked_for_once(model: str, status: int) -> None:
    refusal = FakeReply(status=status, body={"error": {"message": "no, thanks"}}, headers={"retry-after": "7"})
    async with FakeEndpoint(refusal) as endpoint:
        reply = await ask(endpoint, model=model)
    assert (reply.status, "no, thanks" in message(reply), reply.headers.get("retry-after")) == (status, True, "7")
    assert endpoint.count == 1


async def test_a_full_context_keeps_its_code() -> None:
    full = FakeReply(status=400, body={"error": {"message": "This model's maximum context length is 10 tokens"}})
    reply = await told(full)
    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize("model", ["openai/any", "hosted_vllm/any"])
@pytest.mark.parametrize(
    ("trouble", "kind", "text"),
    [
        (Trouble.DISCONNECT, "broken", "no whole answer came"),
        (Trouble.NOT_JSON, "broken", "not JSON"),
        (Trouble.HANG, "timeout", "no answer"),
    ],
)
async def test_no_answer_is_a_fault_of_its_kind(model: str, trouble: Trouble, kind: str, text: str) -> None:
    with pytest.raises(EndpointFault, match=text) as caught:
        await told(trouble, model=model, timeout_s=0.5 if trouble is Trouble.HANG else 30)
    assert caught.value.kind == kind


@pytest.mark.parametrize("model", ["openai/any", "hosted_vllm/any", "anthropic/claude-x"])
async def test_a_server_that_is_not_there_is_unreachable(model: str) -> None:
    async with FakeEndpoint("hi") as endpoint:
        pass
    with pytest.raises(EndpointFault, match="cannot connect: Connect call failed") as caught:
        await ask(endpoint, model=model)
    assert caught.value.kind == "unreachable"


async def test_a_refusal_is_not_taken_for_the_fault_before_it() -> None:
    async with FakeEndpoint(FakeReply(status=401, body={"error": {"message": "bad key"}})) as endpoint:
        gone = made(api_base="http://127.0.0.1:9/v1", api_key=CANARY)
        try:
            await gone.post(URL, body(), {}, timeout_s=30)
        except EndpointFault:
            assert (await ask(endpoint)).status == 401
            assert (await ask(endpoint, model="no-such-vendor")).status == 400
        else:
            pytest.fail("something listens on port 9")


async def test_a_missing_key_and_an_unknown_vendor_are_told() -> None:
    transport = made()
    reply = await transport.post(URL, body(model="anthropic/claude-x"), {}, timeout_s=30)
    assert (reply.status, "ANTHROPIC_API_KEY" in message(reply)) == (401, True)
    reply = await transport.post(URL, body(model="nonsense"), {}, timeout_s=30)
    assert (reply.status, "nonsense" in message(reply)) == (400, True)


async def test_a_parameter_the_model_does_not_take_is_refused_or_dropped_as_asked() -> None:
    async with FakeEndpoint("hi") as endpoint:
        for options, status in (({}, 400), ({"drop_params": True}, 200)):
            transport = made(api_base=endpoint.base_url, api_key=CANARY, **options)
            reply = await transport.post(URL, body(model="openai/o3", temperature=0.3), {}, timeout_s=30)
            assert reply.status == status
    assert "temperature" not in endpoint.requests[0].body


async def test_a_stream_is_told_piece_by_piece_and_whole() -> None:
    choices = [{"delta": {"role": "assistant", "content": word}} for word in ("a", "b")]
    choices.append({"delta": {}, "finish_reason": "stop"})  # type: ignore[dict-item]  # of another shape
    chunks = [{"id": "1", "model": "m", "created": 1, "choices": [{"index": 0, **choice}]} for choice in choices]
    lines = [b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks]
    events = FakeReply(body=b"".join(lines) + b"data: [DONE]\n\n", headers={"Content-Type": "text/event-stream"})
    heard: list[bytes] = []
    async with FakeEndpoint(events) as endpoint:
        transport = made(api_base=endpoint.base_url, api_key=CANARY)
        reply = await transport.post(URL, body(stream=True), {}, timeout_s=30, on_chunk=heard.append)
    assert b"".join(heard) == reply.body
    *told, done = reply.body.decode().strip().split("\n\n")
    deltas = [json.loads(line.removeprefix("data: "))["choices"][0]["delta"].get("content") for line in told]
    assert ([delta for delta in deltas if delta], done) == (["a", "b"], "data: [DONE]")


async def test_cancelling_ends_a_call_at_once() -> None:
    async with FakeEndpoint(Trouble.HANG) as endpoint:
        with anyio.move_on_after(0.2) as scope:
            await ask(endpoint)
    assert scope.cancelled_caught


async def test_its_keys_are_known_as_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "mistral-0123456789")
    monkeypatch.setenv("SHORT_KEY", "1")
    transport = made(api_key=CANARY, extra_headers={"X-Api-Key": "header-0123456789"}, api_base="http://a")
    assert {CANARY, "mistral-0123456789", "header-0123456789"} <= set(transport.secrets())
    assert not {"1", "http://a"} & set(transport.secrets())


@pytest.mark.parametrize("name", ["model", "stream", "timeout", "num_retries"])
def test_what_a_call_says_is_no_option(name: str) -> None:
    with pytest.raises(UsageError, match=f"takes no '{name}'"):
        made(**{name: 1})


async def test_only_chat_completions_can_be_asked_for() -> None:
    with pytest.raises(UsageError, match="chat completions only"):
        await made().post("https://a/v1/responses", body(), {}, timeout_s=30)
    assert (await made().get("https://a/v1/models", {}, timeout_s=30)).status == 404


def test_trio_is_refused_by_name() -> None:
    async def play() -> None:
        await made().post(URL, body(), {}, timeout_s=30)

    with pytest.raises(UsageError, match="asyncio only"):
        anyio.run(play, backend="trio")


def test_several_loops_in_turn_leave_nothing_open(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        for model in ("openai/any", "hosted_vllm/any"):
            assert (await ask(endpoint, model=model)).status == 200

    with FakeEndpoint("hi") as endpoint, caplog.at_level(logging.WARNING):
        for _ in range(3):
            anyio.run(play)
            gc.collect()  # an open socket would warn here, and warnings are errors
    assert not caplog.records


SILENT = """
import anyio, orjson, socket, sys
from agentgym.transports.litellm import LiteLLMTransport

def refuse(*_args): raise AssertionError("the network was asked while litellm was imported")
connect, socket.socket.connect = socket.socket.connect, refuse
transport = LiteLLMTransport(api_base=sys.argv[1], api_key="k")
socket.socket.connect = connect
body = orjson.dumps({"model": "openai/any", "messages": [{"role": "user", "content": "hi"}]})

async def main():
    for _ in range(2):
        await transport.post("https://a/v1/chat/completions", body, {}, timeout_s=30)
    await transport.post("https://a/v1/chat/completions", body.replace(b"openai/any", b"nonsense"), {}, timeout_s=30)

anyio.run(main)
"""


def test_a_program_that_uses_it_prints_and_warns_of_nothing() -> None:
    pytest.importorskip("litellm")
    with FakeEndpoint(["hi", FakeReply(status=500)]) as endpoint:
        command = [sys.executable, "-W", "default::ResourceWarning", "-c", SILENT, endpoint.base_url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_litellm_the_command_that_installs_it_is_told() -> None:
    program = "import sys; sys.modules['litellm'] = None; import agentgym.transports.litellm as t; t.LiteLLMTransport()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip().splitlines()[-1] == (
        "agentgym.errors.MissingExtraError: needs the package 'litellm', which is not installed; "
        "run: pip install 'agentgym-async[litellm]'"
    )
