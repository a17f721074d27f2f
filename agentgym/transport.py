"""The one seam every model call goes through: bytes out, bytes back, within a deadline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from weakref import WeakSet

from anyio.lowlevel import RunVar

CONNECT_S = 10.0
IDLE_S = 4.0
"""How long an unused connection is kept: less than the 5 s after which uvicorn, under most engines, hangs up."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered, whatever its status."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Asked by lower-case names, such as `retry-after`."""


class Transport(ABC):
    """Carries requests to servers; one object serves any number of calls at once."""

    @abstractmethod
    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> Reply:
        """Send and wait for the whole answer; redirects are not followed, for the headers hold a key.

        Raises EndpointFault when no whole answer came, with one line that says why.
        """

    async def aclose(self) -> None:
        """Let go of the connections."""


class PooledTransport(Transport):
    """The default: each event loop has one pool of connections, which closes with its last user or with the loop.

    A pool belongs to the loop and not to one transport, so that a policy nobody closes leaves nothing behind.
    """

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> Reply:
        pool = _POOL.get() or await _Pool().open()
        pool.users.add(self)
        return await pool.client.post(url, body, headers, timeout_s=timeout_s)

    async def aclose(self) -> None:
        pool = _POOL.get()
        if pool is not None:
            pool.users.discard(self)
            if not pool.users:
                await pool.aclose()


class _Pool:
    """The connections of one event loop."""

    def __init__(self) -> None:
        self.client = _client()
        self.users = WeakSet[Transport]()
        self._life = self._live()

    async def open(self) -> _Pool:
        await anext(self._life)
        return self

    async def aclose(self) -> None:
        await self._life.aclose()

    async def _live(self) -> AsyncGenerator[None]:
        # A loop that ends closes the generators it has begun: the one hook that asyncio and trio share.
        _POOL.set(self)
        try:
            yield
        finally:
            _POOL.set(None)
            await self.client.aclose()


_POOL: RunVar[_Pool | None] = RunVar("agentgym.transport", None)


def _client() -> Transport:
    import asyncio  # not above: trio alone should not pay for it

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        from agentgym.transports.httpx2 import Httpx2Transport

        return Httpx2Transport()
    from agentgym.transports.aiohttp import AiohttpTransport

    return AiohttpTransport()
