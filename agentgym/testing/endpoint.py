"""A chat-completions server for tests: it says what it is told to, misbehaves when told to, and remembers all it heard.

```python
async with FakeEndpoint(["Let me think.", Turn(tool_calls=(ToolCall("guess", {"n": 3}),))]) as endpoint:
    episode = await rollout(env, OpenAIPolicy("any", base_url=endpoint.base_url), task)
assert endpoint.count == 2
```
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self

import orjson
from aiohttp import web
from anyio.from_thread import start_blocking_portal

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject, Turn
from agentgym.testing.completions import completion


class Trouble(Enum):
    """What a server does wrong."""

    DISCONNECT = "hangs up before any answer"
    HANG = "answers only when the endpoint closes, by hanging up"
    NOT_JSON = "breaks off in the middle of its JSON"
    NO_CHOICES = "answers without a choice"


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
    """

    def __init__(self, answers: Answer | Sequence[Answer] | Answerer, *, model: str = "fake") -> None:
        self.model = model
        self.base_url = ""
        """Where clients find it, once it is entered."""
        self.requests: list[ChatRequest] = []
        """All that was asked, in the order it came."""
        self._answer = _answerer(answers)
        self._running = ExitStack()

    @property
    def count(self) -> int:
        """How many completions were asked for."""
        return len(self.requests)

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
        self._closing = asyncio.Event()
        app = web.Application(client_max_size=0)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._list_models)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            self._closing.set()
            await runner.cleanup()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = _json_object(await request.read())
        if body is None:
            return _response(_NO_REQUEST)
        asked = ChatRequest(body, request.headers)
        self.requests.append(asked)
        number = self.count
        given = self._answer(asked)
        answer = await given if isinstance(given, Awaitable) else given
        if isinstance(answer, Trouble):
            return await self._misbehave(answer, request)
        reply = answer if isinstance(answer, FakeReply) else FakeReply(body=_turn(answer))
        if reply.delay_s:
            await self._pause(reply.delay_s)
        return _response(reply, asked.model, number)

    async def _misbehave(self, trouble: Trouble, request: web.Request) -> web.StreamResponse:
        if trouble is Trouble.NOT_JSON:
            return web.Response(body=b'{"choices": [{"mess', content_type="application/json")
        if trouble is Trouble.NO_CHOICES:
            return web.json_response({"object": "chat.completion", "choices": []})
        if trouble is Trouble.HANG:
            await self._pause(None)
        if request.transport is not None:
            request.transport.close()
        return web.Response()

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


_SCRIPT_OVER = FakeReply(status=500, body={"error": {"message": "the endpoint's list of answers is used up"}})
_NO_REQUEST = FakeReply(status=400, body={"error": {"message": "the request is not a JSON object"}})
_SHUTDOWN_S = 0.1
"""What an async function may take to end by itself when the endpoint closes; the endpoint's own waits end at once."""


def _turn(answer: Turn | str) -> Turn:
    return Turn(answer) if isinstance(answer, str) else answer


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
