"""The service over HTTP, as an ASGI application."""

from __future__ import annotations

import hmac
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Annotated, Any

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentgym.errors import Fault, PolicyFault, UsageError, boundary, one_line
from agentgym.extras import require
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from trainers.serving.refusal import Refusal, broken
from trainers.serving.service import Answer, Service

Answerer = Callable[[bytes], Awaitable[Answer]]
_ENDS = Refusal("The server is being stopped.", status=503, type="server_error")


class _Reload(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    path: Annotated[str, Field(min_length=1)] | None = None
    version: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class App:
    """Answers for one service; `asgi` is what a server runs, and `stop` ends all that is under way."""

    def __init__(self, service: Service, folder: str, *, api_key: str | None = None) -> None:
        self._service = service
        self._folder = folder
        self._key = api_key
        self._under_way = set[anyio.CancelScope]()
        self._stopped = False
        self.asgi = self._application()

    def stop(self) -> None:
        """Cut off every answer, and give none any more."""
        self._stopped = True
        for scope in list(self._under_way):
            scope.cancel()

    def _application(self) -> Any:
        routing = require("starlette.routing")
        posts = {
            "/v1/chat/completions": self._service.chat,
            "/v1/completions": self._service.complete,
            "/reload": self._reload,
        }
        gets: dict[str, Callable[..., JsonObject]] = {
            "/v1/models": self._service.models,
            "/v1/models/{name:path}": self._service.model,
            "/health": self._service.health,
        }
        routes = [routing.Route(path, self._posted(answer), methods=["POST"]) for path, answer in posts.items()]
        routes += [routing.Route(path, self._got(tell), methods=["GET"]) for path, tell in gets.items()]
        return require("starlette.applications").Starlette(
            routes=routes, exception_handlers={404: _no_such_place, 405: _no_such_place}
        )

    def _posted(self, answer: Answerer) -> Callable[[Any], Awaitable[Any]]:
        async def endpoint(request: Any) -> Any:
            refused = self._refused(request)
            if refused is not None:
                return _refuse(refused)
            return await self._answer(answer, await request.body(), request.receive)

        return endpoint

    def _got(self, tell: Callable[..., JsonObject]) -> Callable[[Any], Awaitable[Any]]:
        async def endpoint(request: Any) -> Any:
            # Whether the server lives is nobody's secret.
            refused = None if request.url.path == "/health" else self._refused(request)
            if refused is not None:
                return _refuse(refused)
            try:
                return _json(dump_json(tell(**request.path_params)))
            except Refusal as refusal:
                return _refuse(refusal)

        return endpoint

    def _refused(self, request: Any) -> Refusal | None:
        if self._stopped:
            return _ENDS
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if self._key and not hmac.compare_digest(given.encode(), self._key.encode()):
            return Refusal("Incorrect API key provided.", status=401, code="invalid_api_key")
        return None

    async def _answer(self, answer: Answerer, body: bytes, receive: Any) -> Any:
        """Given up when the client goes away: nobody would hear the answer."""
        given: Answer | Refusal = _ENDS
        async with anyio.create_task_group() as group:
            self._under_way.add(group.cancel_scope)
            group.start_soon(_watch, receive, group.cancel_scope)
            given = await _tried(answer, body)
            group.cancel_scope.cancel()
        self._under_way.discard(group.cancel_scope)
        if isinstance(given, Refusal):
            return _refuse(given)
        return _json(given) if isinstance(given, bytes) else _event_stream(self._under_way, given)

    async def _reload(self, body: bytes) -> bytes:
        try:
            asked = _Reload.model_validate_json(body or b"{}")
        except ValidationError as error:
            raise Refusal(f"Invalid request: {one_line(error)}") from None
        version = await self._service.engine.reload(asked.path or self._folder, version=asked.version)
        return dump_json({"model": self._service.name, "model_version": version})


async def _tried(answer: Answerer, body: bytes) -> Answer | Refusal:
    """The answer, or why there is none; whatever broke, a client reads of it as of any other error."""
    try:
        with boundary(PolicyFault, "serving"):
            return await answer(body)
    except Refusal as refusal:
        return refusal
    except UsageError as error:
        return Refusal(str(error))
    except Fault as fault:
        return broken(str(fault))


async def _watch(receive: Any, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _json(body: bytes, status: int = 200) -> Any:
    return require("starlette.responses").Response(body, status, media_type="application/json")


def _refuse(refusal: Refusal) -> Any:
    return _json(refusal.body(), refusal.status)


async def _no_such_place(request: Any, error: Any) -> Any:
    told = f"Invalid URL ({request.method} {request.url.path})"
    return _refuse(Refusal(told, status=error.status_code))


def _event_stream(under_way: set[anyio.CancelScope], events: AsyncGenerator[bytes]) -> Any:
    """A response that ends with its client: the server passes over what is sent to one who has gone."""

    async def respond(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        last = b"data: " + _ENDS.body() + b"\n\n"
        async with anyio.create_task_group() as group, aclosing(events):
            under_way.add(group.cancel_scope)
            group.start_soon(_watch, receive, group.cancel_scope)
            async for event in events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
            last = b""
            group.cancel_scope.cancel()
        under_way.discard(group.cancel_scope)
        await send({"type": "http.response.body", "body": last, "more_body": False})

    return respond
