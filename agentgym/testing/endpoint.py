"""A chat-completions server for tests: it says what it is told to, misbehaves when told to, and remembers all it heard.

```python
async with FakeEndpoint(["Let me think.", Turn(tool_calls=(ToolCall("guess", {"n": 3}),))]) as endpoint:
    episode = await rollout(env, OpenAIPolicy("any", base_url=endpoint.base_url), task)
assert endpoint.count == 2
```
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web
from anyio.from_thread import start_blocking_portal

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject, ToolCall, Turn
from agentgym.testing.completions import completion
from agentgym.testing.misbehaviour import Faults, Lognormal, Trouble
from agentgym.testing.streaming import stream_events


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeReply:
    """An answer to the letter: a turn, JSON, or text and bytes as they stand."""

    body: Turn | JsonObject | str | bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a client asked."""

    body: JsonObject
    headers: Mapping[str, str]
    """Names in any case are found."""

    @property
    def model(self) -> str:
        """The model asked for."""
        return str(self.body.get("model"))

    @property
    def messages(self) -> list[JsonObject]:
        """The conversation so far."""
        return self._objects("messages")

    @property
    def tools(self) -> list[JsonObject]:
        """The tools on offer, as chat completions list them."""
        return self._objects("tools")

    @property
    def n(self) -> int:
        """How many choices are asked for."""
        n = self.body.get("n")
        return n if isinstance(n, int) and n > 0 else 1

    @property
    def wants_usage(self) -> bool:
        """Whether a stream is to end with the usage."""
        options = self.body.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True

    def _objects(self, name: str) -> list[JsonObject]:
        values = self.body.get(name)
        return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


Answer = Turn | str | FakeReply | Trouble
"""A plain string is a turn of text."""
Answerer = Callable[[ChatRequest], Answer | Awaitable[Answer]]


class FakeEndpoint:
    """An OpenAI-compatible server on the loopback, in a thread of its own: it serves tests of any event loop, or none.

    `answers` is one answer for every request, a list that is used up in order (what is asked after its end gets
    status 500), or a function from request to answer (what it raises is logged, and answered with status 500).
    A function runs in the server's thread: a plain one sees one request at a time, an async one, which runs on
    asyncio, may keep some waiting for others.

    `latency` is how long good answers take: seconds, or `Lognormal(...)`. `faults` befall requests at a rate and are
    counted in `injected`. More than `capacity` requests at a time are refused with status 429. Without `remember`
    requests are counted and not kept, so that any number may come.
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
        remember: bool = True,
    ) -> None:
        self.model = model
        self.base_url = ""
        """Where clients find it, once it is entered."""
        self.requests: list[ChatRequest] = []
        """All that was asked, in the order it came."""
        self.count = 0
        """How many completions were asked for."""
        self.answered = 0
        """How many good answers were sent to their end."""
        self.refused = 0
        """How many requests came when as many as it bears were under way."""
        self.in_flight = self.most_in_flight = 0
        self.injected = Counter[Trouble]()
        """The faults that befell requests."""
        self._answer = _answerer(answers)
        self._api_key = api_key
        self._latency = latency
        self._faults = faults
        self._capacity = capacity
        self._retry_after_s = retry_after_s
        self._remember = remember
        self._changed_at = self._busy_s = 0.0
        self._running = ExitStack()

    @property
    def busy_s(self) -> float:
        """Seconds that requests were under way, summed; its growth over a time is the mean number in flight."""
        return self._busy_s + self.in_flight * (time.monotonic() - self._changed_at)

    def __enter__(self) -> Self:
        self._changed_at = time.monotonic()
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
        self._closing = asyncio.Event()
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
            self._closing.set()
            await runner.cleanup()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = _json_object(await request.read())
        if body is None:
            return _response(_NO_REQUEST)
        if self._api_key is not None and request.headers.get("Authorization") != f"Bearer {self._api_key}":
            return _response(_WRONG_KEY)
        asked = ChatRequest(body, request.headers)
        if self._remember:
            self.requests.append(asked)
        self.count += 1
        if self._capacity is not None and self.in_flight >= self._capacity:
            self.refused += 1
            return _response(_busy(self._retry_after_s))
        self._note_in_flight(1)
        try:
            return await self._answer_one(request, asked, self.count)
        finally:
            self._note_in_flight(-1)

    async def _answer_one(self, request: web.Request, asked: ChatRequest, number: int) -> web.StreamResponse:
        trouble = None if self._faults is None else self._faults.draw(number)
        if trouble is not None:
            self.injected[trouble] += 1
        if trouble is not None and trouble not in _WITH_ANSWER:
            return await self._misbehave(trouble, request)
        given = self._answer(asked)
        answer = await given if isinstance(given, Awaitable) else given
        if isinstance(answer, Trouble):
            return await self._misbehave(answer, request)
        reply = answer if isinstance(answer, FakeReply) else FakeReply(body=_turn(answer))
        latency_s = reply.delay_s or _drawn(self._latency, number)
        if latency_s:
            await self._pause(latency_s)
        return await self._send(request, asked, reply, number, trouble)

    async def _send(
        self, request: web.Request, asked: ChatRequest, reply: FakeReply, number: int, trouble: Trouble | None
    ) -> web.StreamResponse:
        if not isinstance(reply.body, Turn):
            self.answered += reply.status == 200
            return _response(reply)
        whole = completion(reply.body, model=asked.model, number=number, n=asked.n)
        if trouble is Trouble.WRONG_ARGUMENTS:
            _spoil(whole)
        streams = bool(asked.body.get("stream"))
        pieces = list(stream_events(whole, with_usage=asked.wants_usage)) if streams else [dump_json(whole)]
        headers = {"Content-Type": "text/event-stream" if streams else "application/json", **reply.headers}
        if not streams and trouble not in (Trouble.CUT, Trouble.DRIP):
            self.answered += 1
            return web.Response(body=pieces[0], headers=headers, status=reply.status)
        response = web.StreamResponse(headers=headers, status=reply.status)
        if not streams:
            response.content_length = len(pieces[0])
        await response.prepare(request)
        await self._write(response, pieces, trouble)
        if trouble is not Trouble.CUT:
            self.answered += 1
        elif request.transport is not None:
            request.transport.close()
        return response

    async def _write(self, response: web.StreamResponse, pieces: list[bytes], trouble: Trouble | None) -> None:
        if trouble is Trouble.CUT:
            whole = b"".join(pieces)
            return await response.write(whole[: len(whole) // 2])
        for piece in pieces:
            step = _DRIP if trouble is Trouble.DRIP else len(piece)
            for start in range(0, len(piece), step):
                await response.write(piece[start : start + step])
                if trouble is Trouble.DRIP:
                    await self._pause(_DRIP_S)

    async def _misbehave(self, trouble: Trouble, request: web.Request) -> web.StreamResponse:
        if trouble is Trouble.BUSY:
            return _response(_busy(0.1 if self._faults is None else self._faults.retry_after_s))
        if trouble in _STATUSES:
            return _response(_STATUSES[trouble])
        if trouble is Trouble.NOT_JSON:
            return web.Response(body=b'{"choices": [{"mess', content_type="application/json")
        if trouble is Trouble.NO_CHOICES:
            return web.json_response({"object": "chat.completion", "choices": []})
        if trouble in _WITH_ANSWER:
            return await self._send(request, ChatRequest({}, {}), FakeReply(body=_ANY_TURN), 0, trouble)
        if trouble is Trouble.HANG:
            await self._pause(None)
        if request.transport is not None:
            request.transport.close()
        return web.Response()

    def _note_in_flight(self, by: int) -> None:
        now = time.monotonic()
        self._busy_s += self.in_flight * (now - self._changed_at)
        self._changed_at = now
        self.in_flight += by
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    async def _pause(self, seconds: float | None) -> None:
        """Wait, but not beyond the closing."""
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return

    async def _list_models(self, request: web.Request) -> web.StreamResponse:
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


_BACKLOG = 2048
"""Clients that come all at once are let in."""
_DRIP, _DRIP_S = 64, 0.002
_WITH_ANSWER = (Trouble.CUT, Trouble.DRIP, Trouble.WRONG_ARGUMENTS)
"""What befalls an answer on its way."""
_ANY_TURN = Turn("something that is long enough to be cut", (ToolCall("anything", {"n": 1}),))
_SCRIPT_OVER = FakeReply(status=500, body={"error": {"message": "the endpoint's list of answers is used up"}})
_NO_REQUEST = FakeReply(status=400, body={"error": {"message": "the request is not a JSON object"}})
_WRONG_KEY = FakeReply(status=401, body={"error": {"message": "Incorrect API key provided"}})
_STATUSES = {
    Trouble.BROKEN: FakeReply(status=500, body={"error": {"message": "the server broke"}}),
    Trouble.UNAVAILABLE: FakeReply(status=503, body={"error": {"message": "not available now"}}),
}
_SHUTDOWN_S = 0.1
"""What an async function may take to end by itself when the endpoint closes; the endpoint's own waits end at once."""


def _turn(answer: Turn | str) -> Turn:
    return Turn(answer) if isinstance(answer, str) else answer


def _busy(retry_after_s: float | None) -> FakeReply:
    headers = {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:g}"}
    return FakeReply(status=429, headers=headers, body={"error": {"message": "too many requests"}})


def _drawn(latency: float | Lognormal, number: int) -> float:
    return latency.draw(number) if isinstance(latency, Lognormal) else latency


def _spoil(whole: JsonObject) -> None:
    """Leave the arguments of every call without their end."""
    choices: Any = whole["choices"]
    for choice in choices:
        for call in choice["message"].get("tool_calls", []):
            call["function"]["arguments"] = '{"n": '


def _response(reply: FakeReply, model: str = "", number: int = 0) -> web.Response:
    body, kind = reply.body, "application/json"
    if isinstance(body, Turn):
        body = dump_json(completion(body, model=model, number=number))
    elif isinstance(body, dict):
        body = dump_json(body)
    else:
        kind = "text/plain"
    headers = {"Content-Type": kind, **reply.headers}
    return web.Response(body=body, status=reply.status, headers=headers)
