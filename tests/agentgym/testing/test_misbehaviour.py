"""The endpoint for tests does to its clients what real ones do, and keeps count of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import aiohttp
import pytest

from agentgym import Conversation, Message, OpenAIPolicy, ToolCall, Turn, Usage
from agentgym.errors import ContextOverflow, EndpointFault, UsageError
from agentgym.lines import Retries
from agentgym.policy import Context
from agentgym.testing import (
    ChatRequest,
    FakeEndpoint,
    FakeReply,
    Faults,
    Lognormal,
    Trouble,
    context_too_long,
    too_many_requests,
)
from agentgym.testing.misbehaviour import INFRASTRUCTURE

CALL = Turn("a thought", (ToolCall("guess", {"n": 3}, "c1"),), reasoning="why not", usage=Usage(7, 5))
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def ask(endpoint: FakeEndpoint, work: Callable[[aiohttp.ClientSession, str], Awaitable[Any]]) -> Any:
    """What a plain client meets."""

    async def go() -> Any:
        async with aiohttp.ClientSession() as session:
            return await work(session, f"{endpoint.base_url}/chat/completions")

    return asyncio.run(go())


async def post(session: aiohttp.ClientSession, url: str, *, within_s: float = 60) -> tuple[int, bytes, str | None]:
    async with session.post(url, json=BODY, timeout=aiohttp.ClientTimeout(total=within_s)) as reply:
        return reply.status, await reply.read(), reply.headers.get("Retry-After")


def one(trouble: Trouble) -> FakeEndpoint:
    return FakeEndpoint(CALL, faults=Faults(rate=1.0, kinds=[trouble], retry_after_s=3.0))


def test_statuses_are_what_busy_and_broken_servers_send() -> None:
    with one(Trouble.BUSY) as busy, one(Trouble.UNAVAILABLE) as unavailable, one(Trouble.BROKEN) as broken:
        assert ask(busy, post)[::2] == (429, "3")
        assert ask(unavailable, post)[0] == 503
        assert ask(broken, post)[0] == 500
        assert (busy.injected, busy.answered, busy.count) == ({Trouble.BUSY: 1}, 0, 1)


def test_answers_that_are_none() -> None:
    with one(Trouble.NOT_JSON) as torn, one(Trouble.NO_CHOICES) as empty, one(Trouble.WRONG_ARGUMENTS) as wrong:
        status, body, _ = ask(torn, post)
        assert status == 200
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            json.loads(body)
        assert json.loads(ask(empty, post)[1])["choices"] == []
        message = json.loads(ask(wrong, post)[1])["choices"][0]["message"]
        assert message["tool_calls"][0]["function"]["arguments"] == '{"n": '
        assert wrong.answered == 1, "it is the model's fault, and paid for"


@pytest.mark.parametrize("trouble", [Trouble.DISCONNECT, Trouble.CUT])
def test_connections_that_end_too_soon(trouble: Trouble) -> None:
    with one(trouble) as endpoint, pytest.raises(aiohttp.ClientError):
        ask(endpoint, post)
    assert endpoint.answered == 0


def test_a_hang_lasts_and_a_drip_ends() -> None:
    with one(Trouble.HANG) as hanging, pytest.raises(TimeoutError):
        ask(hanging, partial(post, within_s=0.5))
    with one(Trouble.DRIP) as dripping:
        assert json.loads(ask(dripping, post)[1])["choices"][0]["message"]["content"] == "a thought"
    assert dripping.answered == 1


def test_what_befalls_a_turn_befalls_a_reply_in_json() -> None:
    with FakeEndpoint(CALL) as well:
        body = json.loads(ask(well, post)[1])

    def spoiled(trouble: Trouble) -> FakeEndpoint:
        return FakeEndpoint(FakeReply(body=body), faults=Faults(rate=1.0, kinds=[trouble]))

    with spoiled(Trouble.CUT) as cut, pytest.raises(aiohttp.ClientError):
        ask(cut, post)
    assert cut.answered == 0
    with spoiled(Trouble.DRIP) as dripping, spoiled(Trouble.WRONG_ARGUMENTS) as wrong:
        assert json.loads(ask(dripping, post)[1]) == body
        (call,) = json.loads(ask(wrong, post)[1])["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "guess", "arguments": '{"n": '}
    assert body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"n":3}'


def test_only_good_answers_take_the_latency_and_count_as_answered() -> None:
    refused = [FakeReply(body=body, status=500) for body in ("no", CALL)]
    with FakeEndpoint(refused, latency=3600.0) as endpoint:
        assert [ask(endpoint, post)[0] for _ in refused] == [500, 500]
    assert (endpoint.count, endpoint.answered) == (2, 0)


def test_equal_seeds_bring_equal_faults_at_about_their_rate() -> None:
    first, again, other = ([Faults(rate=0.1, seed=seed).draw(number) for number in range(5000)] for seed in (1, 1, 2))
    assert first == again != other
    assert 400 < sum(trouble is not None for trouble in first) < 600
    assert set(first) == {None, *INFRASTRUCTURE}
    with pytest.raises(UsageError, match="between 0 and 1"):
        Faults(rate=2.0)


def test_latencies_are_drawn_around_their_median() -> None:
    drawn = sorted(Lognormal(0.2, 0.5).draw(number) for number in range(2001))
    assert drawn[1000] == pytest.approx(0.2, rel=0.1)
    assert drawn[-1] > 0.6


def test_more_than_it_bears_is_refused_and_counted() -> None:
    async def many(session: aiohttp.ClientSession, url: str) -> list[int]:
        return [status for status, *_ in await asyncio.gather(*(post(session, url) for _ in range(20)))]

    async def when_all_have_come(request: ChatRequest) -> str:
        while endpoint.refused < 12:  # noqa: ASYNC110  # the endpoint counts, and tells nobody
            await asyncio.sleep(0.005)
        return "hello"

    with FakeEndpoint(when_all_have_come, capacity=8, remember=False) as endpoint:
        begun = time.monotonic()
        statuses = ask(endpoint, many)
        took_s = time.monotonic() - begun
    assert (statuses.count(200), statuses.count(429)) == (8, 12)
    assert (endpoint.count, endpoint.refused, endpoint.most_in_flight, endpoint.requests) == (20, 12, 8, [])
    assert 0 < endpoint.busy_s < 8 * took_s


def test_a_key_may_be_asked_for() -> None:
    async def with_key(session: aiohttp.ClientSession, url: str) -> int:
        async with session.post(url, json=BODY, headers={"Authorization": "Bearer right"}) as reply:
            return reply.status

    with FakeEndpoint("hello", api_key="right") as endpoint:
        assert ask(endpoint, post)[0] == 401
        assert ask(endpoint, with_key) == 200


@pytest.mark.anyio
@pytest.mark.parametrize("n", [1, 3])
async def test_a_stream_says_what_the_whole_answer_says(n: int) -> None:
    said: list[bytes] = []
    async with FakeEndpoint(CALL) as endpoint:
        plain = OpenAIPolicy("m", base_url=endpoint.base_url, n=n)
        streamed = OpenAIPolicy("m", base_url=endpoint.base_url, n=n, stream=True, on_chunk=said.append)
        conversation = Conversation([Message("user", "hello")])
        turns = [await policy.start(Context()).act(conversation) for policy in (plain, streamed)]
    one, other = ((turn.text, turn.tool_calls, turn.reasoning, turn.usage, turn.finish_reason) for turn in turns)
    assert one == other
    assert one[0] == "a thought"
    assert [len(turn.alternatives) for turn in turns] == [n - 1, n - 1]
    assert b"".join(said).endswith(b"data: [DONE]\n\n")


@pytest.mark.anyio
@pytest.mark.parametrize("trouble", INFRASTRUCTURE)
@pytest.mark.parametrize("stream", [False, True])
async def test_every_trouble_is_a_fault_that_passes_but_a_slow_answer(trouble: Trouble, stream: bool) -> None:
    faults = Faults(rate=1.0, kinds=[trouble])
    async with FakeEndpoint(CALL, faults=faults) as endpoint:
        timeout_s = 1.0 if trouble is Trouble.HANG else 60.0
        policy = OpenAIPolicy(
            "m", base_url=endpoint.base_url, timeout_s=timeout_s, stream=stream, retries=Retries(attempts=1)
        )
        session, conversation = policy.start(Context()), Conversation([Message("user", "hello")])
        if trouble is Trouble.DRIP:
            assert (await session.act(conversation)).text == "a thought"
            return
        with pytest.raises(EndpointFault) as broken:
            await session.act(conversation)
    assert broken.value.passing


def test_faults_depend_on_what_is_asked_and_not_on_the_order() -> None:
    def befallen(words: list[str]) -> dict[str, int]:
        async def work(session: aiohttp.ClientSession, url: str) -> dict[str, int]:
            statuses = {}
            for word in words:
                async with session.post(url, json={**BODY, "user": word}) as reply:
                    statuses[word] = reply.status
            return statuses

        with FakeEndpoint("hello", faults=Faults(rate=0.5, kinds=[Trouble.BROKEN], seed=3)) as endpoint:
            statuses: dict[str, int] = ask(endpoint, work)
        return statuses

    words = [f"word {number}" for number in range(40)]
    assert befallen(words) == befallen(words[::-1])
    assert set(befallen(words).values()) == {200, 500}


def test_kinds_may_have_weights() -> None:
    faults = Faults(rate=1.0, kinds={Trouble.BUSY: 9, Trouble.HANG: 1})
    drawn = [faults.draw(number) for number in range(1000)]
    assert 850 < drawn.count(Trouble.BUSY) < 950
    for wrong in ({Trouble.BUSY: -1.0}, {Trouble.BUSY: 0.0}, ["busy"]):
        with pytest.raises(UsageError):
            Faults(rate=0.1, kinds=wrong)  # type: ignore[arg-type]


def test_what_was_paid_twice_is_counted() -> None:
    async def thrice(session: aiohttp.ClientSession, url: str) -> None:
        for _ in range(3):
            await post(session, url)

    with FakeEndpoint("hello") as endpoint:
        before = endpoint.stats()
        ask(endpoint, thrice)
        after = endpoint.stats()
    assert (after.count, after.answered, after.paid_again) == (3, 3, 2)
    assert 0 <= after.mean_in_flight(before) <= 1


def test_arguments_that_no_tool_has_are_the_models_fault() -> None:
    with one(Trouble.UNFIT_ARGUMENTS) as wrong:
        message = json.loads(ask(wrong, post)[1])["choices"][0]["message"]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"no_such_argument": 1}


def test_refusals_read_as_those_of_real_servers() -> None:
    async def fault(reply: FakeReply) -> EndpointFault:
        async with FakeEndpoint(reply) as endpoint:
            policy = OpenAIPolicy("m", base_url=endpoint.base_url, retries=Retries(attempts=1))
            with pytest.raises(EndpointFault) as broken:
                await policy.start(Context()).act(Conversation([Message("user", "hello")]))
        return broken.value

    assert isinstance(asyncio.run(fault(context_too_long())), ContextOverflow)
    assert isinstance(asyncio.run(fault(context_too_long(server="vllm"))), ContextOverflow)
    assert asyncio.run(fault(too_many_requests(7.5))).retry_after_s == 7.5
