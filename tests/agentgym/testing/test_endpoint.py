"""The fake endpoint as a plain HTTP client sees it: what it answers, how it misbehaves, what it remembers."""

from __future__ import annotations

import asyncio
import threading

import anyio
import anyio.to_thread
import httpx2
import pytest

from agentgym import ToolCall, Turn
from agentgym.testing import ChatRequest, FakeEndpoint, FakeReply, Trouble
from agentgym.testing.chat import Answer

pytestmark = pytest.mark.anyio
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


async def ask(endpoint: FakeEndpoint, **fields: object) -> httpx2.Response:
    async with httpx2.AsyncClient(timeout=30) as client:
        return await client.post(
            f"{endpoint.base_url}/chat/completions", json={**ASK, **fields}, headers={"X-Mark": "1"}
        )


async def test_one_answer_serves_every_request() -> None:
    async with FakeEndpoint("Hello.") as endpoint:
        replies = [(await ask(endpoint)).json() for _ in range(2)]
    assert [reply["choices"][0]["message"]["content"] for reply in replies] == ["Hello.", "Hello."]
    assert replies[0]["model"] == "m"
    assert replies[0]["choices"][0]["finish_reason"] == "stop"


async def test_a_list_is_used_up_in_order_and_its_end_is_told() -> None:
    async with FakeEndpoint(["one", Turn(tool_calls=(ToolCall("guess", {"n": 3}),))]) as endpoint:
        first, second, third = [await ask(endpoint) for _ in range(3)]
    assert first.json()["choices"][0]["message"]["content"] == "one"
    (call,) = second.json()["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "guess", "arguments": '{"n":3}'}
    assert call["id"]
    assert (third.status_code, "used up" in third.text) == (500, True)


async def test_a_function_sees_what_was_asked_and_all_of_it_is_kept() -> None:
    def echo(request: ChatRequest) -> str:
        return f"{request.messages[-1]['content']} {request.headers['x-mark']} {len(request.tools)}"

    async with FakeEndpoint(echo) as endpoint:
        reply = await ask(endpoint, tools=[{"type": "function"}])
    assert reply.json()["choices"][0]["message"]["content"] == "hi 1 1"
    assert endpoint.count == len(endpoint.requests) == 1
    assert endpoint.requests[0].model == "m"


async def test_an_async_function_may_make_requests_wait_for_each_other() -> None:
    both = asyncio.Barrier(2)

    async def meet(request: ChatRequest) -> Answer:
        await both.wait()
        return "met"

    async with FakeEndpoint(meet) as endpoint, anyio.create_task_group() as group:
        group.start_soon(ask, endpoint)
        group.start_soon(ask, endpoint)
    assert endpoint.count == 2


async def test_a_reply_is_served_to_the_letter() -> None:
    plain = FakeReply(body="slow down", status=429, headers={"Retry-After": "7"})
    answers = [plain, FakeReply(body={"error": "gone"}, status=410), FakeReply(body=b"\xff", delay_s=0.001)]
    async with FakeEndpoint(answers) as endpoint:
        limited, gone, odd = [await ask(endpoint) for _ in range(3)]
    assert (limited.status_code, limited.text, limited.headers["retry-after"]) == (429, "slow down", "7")
    assert (gone.status_code, gone.json()) == (410, {"error": "gone"})
    assert odd.content == b"\xff"


async def test_a_function_that_raises_is_logged_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    def fail(request: ChatRequest) -> Answer:
        raise AssertionError("not what I expected")

    async with FakeEndpoint(fail) as endpoint:
        assert (await ask(endpoint)).status_code == 500
    assert "not what I expected" in caplog.text


async def test_it_misbehaves_as_told() -> None:
    async with FakeEndpoint([Trouble.NOT_JSON, Trouble.NO_CHOICES, Trouble.DISCONNECT, "well again"]) as endpoint:
        broken, empty = await ask(endpoint), await ask(endpoint)
        with pytest.raises(httpx2.RemoteProtocolError):
            await ask(endpoint)
        assert (await ask(endpoint)).status_code == 200
    with pytest.raises(ValueError, match="Unterminated"):
        broken.json()
    assert empty.json()["choices"] == []


async def test_it_hangs_until_it_closes_and_closes_at_once() -> None:
    heard, refused = threading.Event(), list[bool]()

    def hang(request: ChatRequest) -> Trouble:
        heard.set()
        return Trouble.HANG

    async def wait_in_vain() -> None:
        with pytest.raises(httpx2.RemoteProtocolError):
            await ask(endpoint)
        refused.append(True)

    async with anyio.create_task_group() as group:
        with anyio.fail_after(60):
            async with FakeEndpoint(hang) as endpoint:
                group.start_soon(wait_in_vain)
                await anyio.to_thread.run_sync(heard.wait)
    assert refused == [True]


async def test_what_is_no_chat_request_is_refused() -> None:
    async with FakeEndpoint("Hello.") as endpoint, httpx2.AsyncClient() as client:
        reply = await client.post(f"{endpoint.base_url}/chat/completions", content=b"[1]")
        missing = await client.get(f"{endpoint.base_url}/elsewhere")
    assert (reply.status_code, missing.status_code, endpoint.count) == (400, 404, 0)


async def test_it_lists_its_model() -> None:
    async with FakeEndpoint("Hello.", model="tiny") as endpoint, httpx2.AsyncClient() as client:
        models = (await client.get(f"{endpoint.base_url}/models")).json()
    assert [model["id"] for model in models["data"]] == ["tiny"]


def test_it_serves_code_without_an_event_loop() -> None:
    with FakeEndpoint("Hello.") as endpoint:
        assert httpx2.get(f"{endpoint.base_url}/models").status_code == 200
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{endpoint.base_url}/models")
