"""aiohttp, which costs the least CPU a call; on asyncio only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from agentgym.errors import EndpointFault
from agentgym.transport import CONNECT_S, IDLE_S, Reply, Transport


class AiohttpTransport(Transport):
    """One aiohttp session; it is made, used and closed in one running asyncio loop."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._proxies: dict[str, str | None] = {}

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> Reply:
        proxy = self._proxies[url] if url in self._proxies else self._find_proxy(url)
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=_timeout(timeout_s), proxy=proxy, allow_redirects=False
            ) as response:
                return Reply(response.status, await response.read(), response.headers)
        except aiohttp.ClientConnectorError as error:
            raise EndpointFault(f"cannot connect: {error.strerror or error}") from None
        except aiohttp.ConnectionTimeoutError:
            raise EndpointFault(f"cannot connect: no connection within {CONNECT_S:g} s") from None
        except TimeoutError:
            raise EndpointFault(f"no answer within {timeout_s:g} s") from None
        except aiohttp.ClientError as error:
            raise EndpointFault(f"no whole answer came: {error}") from None

    async def aclose(self) -> None:
        await self._session.close()

    def _find_proxy(self, url: str) -> str | None:
        # aiohttp's own `trust_env` asks the environment, and netrc, in two threads for every call.
        return self._proxies.setdefault(url, _environment_proxy(url))


@cache
def _timeout(total_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total_s, sock_connect=CONNECT_S)


def _environment_proxy(url: str) -> str | None:
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.hostname or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
