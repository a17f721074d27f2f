"""httpx2, which runs on trio and on asyncio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import anyio
import httpx2

from agentgym.errors import EndpointFault
from agentgym.transport import CONNECT_S, IDLE_S, OnChunk, Reply, Transport


class Httpx2Transport(Transport):
    """One httpx2 client; it is used and closed in one running event loop."""

    def __init__(self) -> None:
        try:
            self._client = httpx2.AsyncClient(
                # Compressed bodies that do not decode leave httpx2's generators open, of which trio complains.
                headers={"Accept-Encoding": "identity"},
                timeout=httpx2.Timeout(None, connect=CONNECT_S),
                limits=httpx2.Limits(keepalive_expiry=IDLE_S),
                follow_redirects=False,
            )
        except (httpx2.InvalidURL, ImportError, ValueError):
            told = "the environment names a proxy that cannot be used: write http://HOST:PORT"
            raise EndpointFault(told, kind="refused") from None

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, on_chunk: OnChunk | None = None
    ) -> Reply:
        with _told_plainly(timeout_s), anyio.fail_after(timeout_s):
            if on_chunk is None:
                response = await self._client.post(url, content=body, headers=headers)
                return Reply(response.status_code, response.content, response.headers)
            async with self._client.stream("POST", url, content=body, headers=headers) as response:
                pieces = []
                async for piece in response.aiter_bytes():
                    pieces.append(piece)
                    on_chunk(piece)
                return Reply(response.status_code, b"".join(pieces), response.headers)

    async def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float) -> Reply:
        with _told_plainly(timeout_s), anyio.fail_after(timeout_s):
            response = await self._client.get(url, headers=headers)
            return Reply(response.status_code, response.content, response.headers)

    async def aclose(self) -> None:
        await self._client.aclose()


@contextmanager
def _told_plainly(timeout_s: float) -> Iterator[None]:
    """Say in one line of what kind of fault it is that no whole answer came."""
    try:
        yield
    except TimeoutError:
        raise EndpointFault(f"no answer within {timeout_s:g} s", kind="timeout") from None
    except httpx2.ConnectTimeout:
        raise EndpointFault(f"cannot connect: no connection within {CONNECT_S:g} s", kind="unreachable") from None
    except httpx2.ConnectError as error:
        raise EndpointFault(f"cannot connect: {_told(error)}", kind="unreachable") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise EndpointFault(f"no whole answer came: {_told(error)}") from None


def _told(error: BaseException | None) -> str:
    """What the error says, or else what brought it about: httpx2 often has only the latter."""
    while error is not None and not str(error):
        error = error.__cause__ or error.__context__
    return str(error or "no reason is known")
