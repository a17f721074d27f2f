"""aiohttp, for calls that go through a proxy; on asyncio only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import aiohttp

from agentgym.errors import EndpointFault
from agentgym.proxies import environment_proxy
from agentgym.transport import CONNECT_S, IDLE_S, OnChunk, Reply, Transport


class AiohttpTransport(Transport):
    """One aiohttp session; it is made, used and closed in one running asyncio loop."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, on_chunk: OnChunk | None = None
    ) -> Reply:
        return await self._ask("POST", url, body, headers, timeout_s, on_chunk)

    async def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float) -> Reply:
        return await self._ask("GET", url, None, headers, timeout_s, None)

    async def _ask(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
        on_chunk: OnChunk | None,
    ) -> Reply:
        asked = self._session.request(
            method,
            url,
            data=body,
            headers=headers,
            timeout=_timeout(timeout_s),
            proxy=environment_proxy(url),
            allow_redirects=False,
        )
        try:
            async with asked as response:
                pieces = []
                async for piece in response.content.iter_any():
                    pieces.append(piece)
                    if on_chunk is not None:
                        on_chunk(piece)
                return Reply(response.status, b"".join(pieces), response.headers)
        except aiohttp.ClientConnectorError as error:
            raise EndpointFault(f"cannot connect: {error.strerror or error}", kind="unreachable") from None
        except aiohttp.ConnectionTimeoutError:
            raise EndpointFault(f"cannot connect: no connection within {CONNECT_S:g} s", kind="unreachable") from None
        except TimeoutError:
            raise EndpointFault(f"no answer within {timeout_s:g} s", kind="timeout") from None
        except aiohttp.ClientHttpProxyError as error:
            # Its own words hold the address of the proxy, with the password.
            told = f"cannot connect: the proxy answers {error.status} {error.message}"
            raise EndpointFault(told, kind="unreachable") from None
        except aiohttp.ClientError as error:
            raise EndpointFault(f"no whole answer came: {error}") from None

    async def aclose(self) -> None:
        await self._session.close()


@cache
def _timeout(total_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total_s, sock_connect=CONNECT_S)
