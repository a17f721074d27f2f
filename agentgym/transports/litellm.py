"""litellm as a transport, which speaks to the models of every vendor it knows; on asyncio only."""

from __future__ import annotations

import inspect
import logging
import os
import sys
import warnings
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from functools import cache
from json import JSONDecodeError
from types import ModuleType
from typing import Any, cast

import anyio
import orjson
from anyio.lowlevel import RunVar
from pydantic import JsonValue

from agentgym.errors import EndpointFault, UsageError
from agentgym.extras import require
from agentgym.jsontext import dump_json
from agentgym.limits import running_asyncio_loop
from agentgym.messages import JsonObject
from agentgym.transport import OnChunk, Reply, Transport
from agentgym.transports.keys import keys_in
from agentgym.transports.sdk import http_errors, http_fault

_NOT_OPTIONS = ("model", "messages", "tools", "stream", "timeout", "num_retries", "max_retries", "_skip_mcp_handler")


class LiteLLMTransport(Transport):
    """Hands requests to `litellm.acompletion`, with the options given here, such as `api_base` or `drop_params`.

    Keys are the options' or those litellm finds in the environment; the URL and the headers of a call are not used.
    Connections are litellm's own, which all who use it in an event loop share; they close with the loop.
    """

    def __init__(self, **options: JsonValue) -> None:
        for name in _NOT_OPTIONS:
            if name in options:
                raise UsageError(f"LiteLLMTransport takes no {name!r}: that is said with each call")
        self._options = options
        self._litellm = _load()

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, on_chunk: OnChunk | None = None
    ) -> Reply:
        import openai

        if not url.endswith("/chat/completions"):
            raise UsageError(f"litellm is asked for chat completions only, not for {url}")
        await _close_with_loop(self._litellm)
        _hush()
        fields: JsonObject = orjson.loads(body)
        handled, pieces = sys.exc_info()[1], list[bytes]()
        try:
            with anyio.fail_after(timeout_s):
                async with aclosing(self._answer(fields, timeout_s)) as answer:
                    async for piece in answer:
                        pieces.append(piece)
                        if on_chunk is not None:
                            on_chunk(piece)
        except TimeoutError:
            raise EndpointFault(f"no answer within {timeout_s:g} s", kind="timeout") from None
        except (openai.APIError, *http_errors()) as error:  # type: ignore[misc]  # mypy knows no unpacking here
            return _reply(list(_causes(error, handled)), begun=bool(pieces))
        kind = "text/event-stream" if fields.get("stream") else "application/json"
        return Reply(200, b"".join(pieces), {"content-type": kind})

    async def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float) -> Reply:
        return _told(404, "litellm has no list of the models a server has")

    def secrets(self) -> tuple[str, ...]:
        extra = self._options.get("extra_headers")
        globals = {name: value for name, value in vars(self._litellm).items() if name.islower()}
        places = (self._options, extra if isinstance(extra, dict) else {}, os.environ, globals)
        return tuple(dict.fromkeys(key for place in places for key in keys_in(place)))

    async def _answer(self, fields: JsonObject, timeout_s: float) -> AsyncGenerator[bytes]:
        """The JSON of the answer, or, of a stream, the events."""
        once = {"timeout": timeout_s, "num_retries": 0, "max_retries": 0}
        # Some releases import the package `mcp` for every call with tools, and do not depend on it.
        answer = await self._litellm.acompletion(**{**self._options, **fields, **once, "_skip_mcp_handler": True})
        if not fields.get("stream"):
            yield dump_json(_json(answer))
            return
        async for event in answer:
            yield b"data: " + dump_json(_json(event)) + b"\n\n"
        yield b"data: [DONE]\n\n"


@cache
def _load() -> ModuleType:
    """litellm, kept from fetching its price list, from reading a `.env` file and from talking on the terminal."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    if "LITELLM_LOG" not in os.environ:
        logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
    _hush()
    litellm = require("litellm")
    litellm.suppress_debug_info = True  # type: ignore[attr-defined]  # a module's own attribute
    return litellm


def _hush() -> None:
    """Pydantic warns of types that litellm builds when a vendor is first used; tests forget what others ignored."""
    warnings.filterwarnings("ignore", ".*using the `ReadOnly` qualifier", UserWarning)


def _json(answer: Any) -> JsonObject:
    """An answer as JSON, with its price in US dollars where litellm knows it."""
    fields = cast(JsonObject, answer.model_dump(mode="json", exclude_none=True, warnings=False))
    cost, usage = answer._hidden_params.get("response_cost"), fields.get("usage")
    if cost and isinstance(usage, dict):
        usage.setdefault("cost", cost)
    return fields


def _reply(causes: list[BaseException], *, begun: bool) -> Reply:
    """What the server said, if it said anything: litellm makes up a status where there was none."""
    import openai

    error = causes[0]
    status, text = getattr(error, "status_code", None), str(getattr(error, "message", error))
    text = text.partition("Traceback (most recent call last)")[0].strip()
    if not any(type(cause).__name__ == "HTTPStatusError" for cause in causes):
        _raise_unanswered(causes)
    if begun or not isinstance(status, int) or status < 400 or isinstance(error, openai.APIConnectionError):
        raise EndpointFault(f"no whole answer came: {text}")
    response = getattr(error, "response", None)
    headers = getattr(error, "litellm_response_headers", None) or getattr(response, "headers", None)
    overflow = isinstance(error, _load().ContextWindowExceededError)
    return _told(status, text, headers, code="context_length_exceeded" if overflow else None)


def _raise_unanswered(causes: list[BaseException]) -> None:
    import openai

    for cause in causes:
        if isinstance(cause, ImportError):
            raise UsageError(f"litellm lacks a package for this model: {cause}") from None
        if isinstance(cause, http_errors()):
            raise http_fault(cause) from None
        if isinstance(cause, JSONDecodeError):
            raise EndpointFault(f"the answer is not JSON: {cause}") from None
    if isinstance(causes[0], openai.APITimeoutError):
        raise EndpointFault("no answer in time", kind="timeout") from None


def _causes(error: BaseException | None, handled: BaseException | None) -> Iterator[BaseException]:
    """The error and all that led to it, but not what the caller was already dealing with."""
    while error is not None and error is not handled:
        yield error
        error = error.__cause__ or error.__context__


def _told(status: int, message: str, headers: Mapping[str, str] | None = None, *, code: str | None = None) -> Reply:
    return Reply(status, dump_json({"error": {"message": message, "code": code}}), headers or {})


_CLOSER: RunVar[AsyncGenerator[None] | None] = RunVar("agentgym.litellm", None)


async def _close_with_loop(litellm: ModuleType) -> None:
    """litellm keeps a client for each event loop and never closes it, of which its sockets complain."""
    if running_asyncio_loop() is None:
        raise UsageError("litellm runs on asyncio only; on trio use an openai: policy with the base URL of the model")
    if _CLOSER.get() is None:
        closer = _closer(litellm.in_memory_llm_clients_cache)
        _CLOSER.set(closer)
        await anext(closer)


async def _closer(kept: Any) -> AsyncGenerator[None]:
    mark = kept.update_cache_key_with_event_loop("")
    # A loop that ends closes the generators it has begun.
    try:
        yield
    finally:
        for name in [name for name in kept.cache_dict if name.endswith(mark)]:
            client = kept.cache_dict.pop(name)
            kept.ttl_dict.pop(name, None)
            close = getattr(client, "aclose", None) or getattr(client, "close", None)
            closed = close() if close is not None else None
            if inspect.isawaitable(closed):
                await closed
