"""The default transport: a pool of connections for each event loop, over the client that costs least there."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from weakref import WeakSet

from anyio.lowlevel import RunVar

from agentgym.limits import running_asyncio_loop
from agentgym.transport import OnChunk, Reply, Transport


class PooledTransport(Transport):
    """Each event loop has one pool of connections, which closes with its last user or with the loop.

    A pool belongs to the loop and not to one transport, so that a policy nobody closes leaves nothing behind.
    """

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, on_chunk: OnChunk | None = None
    ) -> Reply:
        carrier = await self.open()
        return await carrier.post(url, body, headers, timeout_s=timeout_s, on_chunk=on_chunk)

    async def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float) -> Reply:
        carrier = await self.open()
        return await carrier.get(url, headers, timeout_s=timeout_s)

    async def open(self) -> Transport:
        pool = _POOL.get() or await _Pool().open()
        pool.users.add(self)
        return pool.client

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
    if running_asyncio_loop() is None:
        from agentgym.transports.httpx2 import Httpx2Transport

        return Httpx2Transport()
    from agentgym.transports.wire import WireTransport

    return WireTransport()
