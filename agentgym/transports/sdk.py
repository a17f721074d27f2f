"""Any client object of the openai SDK: its address, keys and connections carry the calls, without its retries."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, cast

import anyio
import orjson

from agentgym.errors import EndpointFault, UsageError
from agentgym.transport import CONNECT_S, OnChunk, Reply, Transport
from agentgym.transports.keys import bare, keys_in

if TYPE_CHECKING:
    import httpx2
    import openai
    from openai._types import RequestOptions

_PLACES = ("/chat/completions", "/completions", "/responses", "/embeddings", "/models")
_OWN_HEADERS = ("authorization", "api-key", "user-agent")
_KEYS_KEPT = 16


class SdkTransport(Transport):
    """Asks through an `openai.AsyncOpenAI` or `AsyncAzureOpenAI`, which stays the giver's to close.

    A function that makes one may be given instead: what it makes is closed with the transport, and made anew for who
    goes on all the same.

    The client says where requests go, with which key and which headers. A timeout that was chosen for it holds beside
    the one of the call.
    """

    def __init__(self, client: openai.AsyncOpenAI | Callable[[], openai.AsyncOpenAI]) -> None:
        import openai

        self._make = client if callable(client) and not isinstance(client, type) else None
        self._client = _checked(client if self._make is None else self._make())
        # Azure's client finds the model's address in the JSON it is given; the plain one takes bytes as they are.
        self._reads_json = isinstance(self._client, openai.AsyncAzureOpenAI)
        self.takes_listed_names = not self._reads_json
        http = "httpx" if openai.__version__.startswith("2.") else "httpx2"
        self._response: type[httpx2.Response] = import_module(http).Response
        self._keys_sent = deque[str](maxlen=_KEYS_KEPT)

    @property
    def base_url(self) -> str:
        """Where the client sends its requests."""
        return str(self._client.base_url).rstrip("/")

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, on_chunk: OnChunk | None = None
    ) -> Reply:
        self._be_open()
        path, options = self._path(url), self._options(headers)
        json, content = (orjson.loads(body), None) if self._reads_json else (None, body)

        def send() -> Awaitable[httpx2.Response]:
            asked = self._client.post(
                path, cast_to=self._response, body=json, content=content, options=options, stream=True, stream_cls=_ANY
            )
            return cast("Awaitable[httpx2.Response]", asked)

        return await self._ask(send, timeout_s, on_chunk)

    async def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float) -> Reply:
        self._be_open()
        path, options = self._path(url), self._options(headers)

        def send() -> Awaitable[httpx2.Response]:
            asked = self._client.get(path, cast_to=self._response, options=options, stream=True, stream_cls=_ANY)
            return cast("Awaitable[httpx2.Response]", asked)

        return await self._ask(send, timeout_s, None)

    def secrets(self) -> tuple[str, ...]:
        client = self._client
        named = keys_in({**client.default_headers, **client.default_query})
        return tuple(dict.fromkeys(key for key in (client.api_key, *named, *self._keys_sent) if key))

    async def aclose(self) -> None:
        if self._make is not None:
            with suppress(RuntimeError):  # its connections may be of an event loop that is over
                await self._client.close()

    async def _ask(
        self, send: Callable[[], Awaitable[httpx2.Response]], timeout_s: float, on_chunk: OnChunk | None
    ) -> Reply:
        import openai

        with _told_plainly(timeout_s), anyio.fail_after(timeout_s):
            try:
                response = await send()
            except openai.APIStatusError as error:
                response = error.response
            except openai.APIConnectionError as error:
                self._remember_key(error.request)
                raise
            self._remember_key(response.request)
            return Reply(response.status_code, await _read(response, on_chunk), response.headers)

    def _be_open(self) -> None:
        if not self._client.is_closed():
            return
        if self._make is None:
            raise UsageError("the openai client given is closed; keep it open as long as the policy is used")
        self._client = _checked(self._make())

    def _path(self, url: str) -> str:
        """What follows the base of the API, be it the client's base or one that only the caller knows."""
        if url.startswith(f"{self.base_url}/"):
            return url[len(self.base_url) :]
        address, mark, query = url.partition("?")  # which may hold a key
        for place in _PLACES:
            if address.endswith(place):
                return f"{place}{mark}{query}"
        raise UsageError(f"{address} is not below {self.base_url}, where the openai client given sends its requests")

    def _options(self, headers: Mapping[str, str]) -> RequestOptions:
        import openai

        kept = {name: value for name, value in headers.items() if name.lower() not in _OWN_HEADERS}
        # Compressed bodies that do not decode leave the HTTP client's generators open, of which trio complains.
        kept["Accept-Encoding"] = "identity"
        options: RequestOptions = {"headers": kept, "max_retries": 0, "follow_redirects": False}
        if self._client.timeout == openai.DEFAULT_TIMEOUT:
            options["timeout"] = openai.Timeout(None, connect=CONNECT_S)
        return options

    def _remember_key(self, request: httpx2.Request) -> None:
        """A key may come from a function and last for one request: only the request shows it."""
        for name in ("authorization", "api-key"):
            key = bare(request.headers.get(name, ""))
            if key and key not in self._keys_sent:
                self._keys_sent.append(key)


def _checked(client: object) -> openai.AsyncOpenAI:
    import openai

    if isinstance(client, openai.AsyncOpenAI):
        if client.base_url.query:
            raise UsageError("the openai client's base_url holds a query, which it sends as none; use default_query")
        return client
    kind = f"the class {client.__name__}" if isinstance(client, type) else type(client).__name__
    raise UsageError(f"SdkTransport takes an AsyncOpenAI or AsyncAzureOpenAI object, got {kind}")


_ANY = cast("type[openai.AsyncStream[object]]", None)
"""Plain responses are of no stream class, which the SDK's types demand and its code does not."""


async def _read(response: httpx2.Response, on_chunk: OnChunk | None) -> bytes:
    try:
        if on_chunk is None:
            return await response.aread()
        pieces = []
        async for piece in response.aiter_bytes():
            pieces.append(piece)
            on_chunk(piece)
        return b"".join(pieces)
    finally:
        await response.aclose()


@contextmanager
def _told_plainly(timeout_s: float) -> Iterator[None]:
    """Say in one line of what kind of fault it is that no whole answer came."""
    import openai

    try:
        yield
    except TimeoutError:
        raise EndpointFault(f"no answer within {timeout_s:g} s", kind="timeout") from None
    except openai.APIConnectionError as error:
        raise http_fault(error.__cause__ or error) from None
    except openai.OpenAIError as error:
        raise EndpointFault(f"the openai client cannot ask: {error}", kind="refused") from None
    except http_errors() as error:
        raise http_fault(error) from None


def http_errors() -> tuple[type[Exception], ...]:
    """What the HTTP clients that are loaded raise; the SDK translates none of it while a body is read."""
    loaded = [module for module in map(sys.modules.get, ("httpx", "httpx2")) if module is not None]
    return tuple(kind for module in loaded for kind in (module.RequestError, module.StreamError, module.InvalidURL))


def http_fault(error: BaseException) -> EndpointFault:
    """The fault that an error of httpx or httpx2 tells of; the two name their errors alike."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "ConnectTimeout" in names:
        return EndpointFault("cannot connect: no connection in time", kind="unreachable")
    if "TimeoutException" in names:
        return EndpointFault("no answer within the client's own timeout", kind="timeout")
    if names & {"ConnectError", "ProxyError"}:
        return EndpointFault(f"cannot connect: {_reason(error)}", kind="unreachable")
    if "LocalProtocolError" in names:  # its message may hold the key
        return EndpointFault("a header cannot be sent: check the client's key and headers", kind="refused")
    if names & {"UnsupportedProtocol", "InvalidURL"}:
        return EndpointFault(f"the client's base URL cannot be asked: {_reason(error)}", kind="refused")
    return EndpointFault(f"no whole answer came: {_reason(error)}")


def _reason(error: BaseException) -> str:
    """What the operating system said, or else the first error that says anything."""
    told = ""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        told = told or str(cause)
        cause = cause.__cause__
    return told or type(error).__name__
