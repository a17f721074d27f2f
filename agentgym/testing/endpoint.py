"""A chat-completions server for tests: it says what it is told to, misbehaves when told to, and remembers all it heard.

```python
async with FakeEndpoint(["Let me think.", Turn(tool_calls=(ToolCall("guess", {"n": 3}),))]) as endpoint:
    episode = await rollout(env, OpenAIPolicy("any", base_url=endpoint.base_url), task)
assert endpoint.count == 2
```
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import ExitStack, asynccontextmanager
from hashlib import blake2b
from types import TracebackType
from typing import Self

import orjson
from aiohttp import web
from anyio.from_thread import start_blocking_portal

from agentgym.errors import UsageError
from agentgym.messages import JsonObject, Turn
from agentgym.testing.chat import Answer, Answerer, ChatRequest, FakeReply
from agentgym.testing.delivery import ON_THE_WAY, Delivery
from agentgym.testing.misbehaviour import Faults, Lognormal, Trouble, refuse_bad_seconds
from agentgym.testing.pauses import Pauses
from agentgym.testing.refusals import refusal, too_many_requests, wrong_key
from agentgym.testing.traffic import Stats, Traffic

_BACKLOG = 2048
"""Clients that come all at once are let in."""
_SHUTDOWN_S = 0.1
"""What an async function may take to end by itself when the endpoint closes; the endpoint's own waits end at once."""
_SCRIPT_OVER = refusal(500, "the endpoint's list of answers is used up")
_NO_REQUEST = refusal(400, "the request is not a JSON object")


class FakeEndpoint:
    """An OpenAI-compatible server on the loopback, in a thread of its own: it serves tests of any event loop, or none.

    `answers` is one answer for every request, a list that is used up in order (what is asked after its end gets
    status 500), or a function from request to answer (what it raises is logged, and answered with status 500).
    A function runs in the server's thread: a plain one sees one request at a time, an async one, which runs on
    asyncio, may keep some waiting for others.

    `latency` is how long good answers take: seconds, or `Lognormal(...)`. `faults` befall requests at a rate and are
    counted in `injected`. More than `capacity` requests at a time are refused with status 429. Some servers keep no
    list of their models (`lists_models=False`). Without `remember` requests are counted and not kept, so that any
    number may come.
    """

    def __init__(
        self,
        answers: Answer | Sequence[Answer] | Answerer,
        *,
        model: str = "fake",
        api_key: str | None = None,
        latency: float | Lognormal = 0.0,
        faults: Faults | None = None,
        capacity: int | None = None,
        retry_after_s: float | None = None,
        lists_models: bool = True,
        remember: bool = True,
    ) -> None:
        if capacity is not None and capacity < 1:
            raise UsageError(f"FakeEndpoint(capacity={capacity!r}): give a whole number, 1 or more")
        if not isinstance(latency, Lognormal):
            refuse_bad_seconds("FakeEndpoint", latency=latency)
        refuse_bad_seconds("FakeEndpoint", retry_after_s=retry_after_s)
        self.model = model
        self.base_url = ""
        """Where clients find it, once it is entered."""
        self.requests: list[ChatRequest] = []
        """All that was asked, in the order it came."""
        self._answer = _answerer(answers)
        self._api_key = api_key
        self._latency = latency
        self._faults = faults or Faults(rate=0.0)
        self._capacity = capacity
        self._retry_after_s = retry_after_s
        self._lists_models = lists_models
        self._remember = remember
        self._came = Counter[str]()
        self._traffic = Traffic()
        self._running = ExitStack()

    @property
    def count(self) -> int:
        """How many completions were asked for."""
        return self._traffic.count

    @property
    def answered(self) -> int:
        """How many good answers were sent to their end."""
        return self._traffic.answered

    @property
    def refused(self) -> int:
        """How many requests came when as many as it bears were under way."""
        return self._traffic.refused

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return self._traffic.in_flight

    @property
    def most_in_flight(self) -> int:
        """How many were under way at most."""
        return self._traffic.most_in_flight

    @property
    def injected(self) -> Counter[Trouble]:
        """The faults that befell requests."""
        return self._traffic.injected

    @property
    def busy_s(self) -> float:
        """Seconds that requests were under way, summed; its growth over a time is the mean number in flight."""
        return self._traffic.busy_s

    def stats(self) -> Stats:
        """All that was counted, at one moment."""
        return self._traffic.stats()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal("asyncio", name="fake-endpoint"))
            self.base_url = stack.enter_context(portal.wrap_async_context_manager(self._serve()))
            self._running = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()

    # Starting and stopping take milliseconds and wait for no client: done at once, no cancellation can come between.
    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    @asynccontextmanager
    async def _serve(self) -> AsyncGenerator[str]:
        self._pauses = Pauses()
        app = web.Application(client_max_size=0)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._list_models)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0, backlog=_BACKLOG)
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            self._pauses.close()
            await runner.cleanup()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        try:
            raw = await request.read()
        except ConnectionError:  # a client that gave up while it was sending hears no answer
            return web.Response(status=400)
        body = _json_object(raw)
        digest = blake2b(raw, digest_size=16).hexdigest() if self._remember else ""
        asked = ChatRequest(body or {}, request.headers, digest)
        delivery = Delivery(request, asked, self._traffic.count + 1, self._pauses, self._faults)
        refused = self._refused(body, request)
        if refused is not None:
            return await delivery.send(refused)
        self._traffic.count += 1
        if self._remember:
            self.requests.append(asked)
        if self._capacity is not None and self._traffic.in_flight >= self._capacity:
            self._traffic.refused += 1
            return await delivery.send(too_many_requests(self._retry_after_s))
        self._traffic.enter()
        try:
            response = await self._deliver(asked, delivery)
            if delivery.good:
                self._traffic.note_answered(digest)
            return response
        finally:
            self._traffic.leave()

    async def _deliver(self, asked: ChatRequest, delivery: Delivery) -> web.StreamResponse:
        draw = self._draw(asked)
        trouble = self._faults.draw(draw)
        if trouble is not None:
            self._traffic.injected[trouble] += 1
        if trouble is not None and trouble not in ON_THE_WAY:
            return await delivery.misbehave(trouble)
        given = self._answer(asked)
        answer = await given if isinstance(given, Awaitable) else given
        if isinstance(answer, Trouble):
            return await delivery.misbehave(answer)
        reply = answer if isinstance(answer, FakeReply) else FakeReply(body=_turn(answer))
        delay_s = reply.delay_s or (self._latency_s(draw) if reply.status == 200 else 0.0)
        if delay_s:
            await self._pauses.pause(delay_s)
        return await delivery.send(reply, trouble)

    def _latency_s(self, draw: int | str) -> float:
        return self._latency.draw(draw) if isinstance(self._latency, Lognormal) else self._latency

    def _draw(self, asked: ChatRequest) -> int | str:
        """What the chances of this request depend on."""
        if not self._remember:
            return self._traffic.count
        self._came[asked.digest] += 1
        return f"{asked.digest}:{self._came[asked.digest]}"

    def _refused(self, body: JsonObject | None, request: web.Request) -> FakeReply | None:
        if body is None:
            return _NO_REQUEST
        return None if self._has_key(request) else wrong_key()

    def _has_key(self, request: web.Request) -> bool:
        return self._api_key is None or request.headers.get("Authorization") == f"Bearer {self._api_key}"

    async def _list_models(self, request: web.Request) -> web.StreamResponse:
        if not self._lists_models:
            raise web.HTTPNotFound
        if not self._has_key(request):
            return await Delivery(request, ChatRequest({}, {}), 0, self._pauses, self._faults).send(wrong_key())
        return web.json_response({"object": "list", "data": [{"id": self.model, "object": "model"}]})


def _json_object(body: bytes) -> JsonObject | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _answerer(answers: Answer | Sequence[Answer] | Answerer) -> Answerer:
    if isinstance(answers, (Turn, str, FakeReply, Trouble)):
        return lambda request: answers
    if isinstance(answers, Sequence):
        script = iter(answers)
        return lambda request: next(script, _SCRIPT_OVER)
    return answers


def _turn(answer: Turn | str) -> Turn:
    return Turn(answer) if isinstance(answer, str) else answer
