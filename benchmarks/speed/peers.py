"""The loops that agentgym is measured beside: the same episodes of calls, with nothing checked and nothing kept."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

TURNS = 5
TOOL = {
    "type": "function",
    "function": {
        "name": "noop",
        "description": "Do nothing.",
        "parameters": {
            "type": "object",
            "properties": {"n": {"type": "integer"}},
            "required": ["n"],
            "additionalProperties": False,
        },
    },
}
OPENING: list[dict[str, Any]] = [{"role": "system", "content": "Do nothing."}, {"role": "user", "content": "go"}]
RESULT = {"role": "tool", "content": "ok", "tool_call_id": "c"}


async def raw_sockets(base_url: str, episodes: int) -> None:
    """As fast as asyncio can: one connection an episode, the same bytes again as soon as a whole reply is there."""
    url = urlsplit(base_url)
    assert url.hostname is not None
    assert url.port is not None
    host, port = url.hostname, url.port
    body = orjson.dumps({"model": "m", "messages": OPENING, "tools": [TOOL]})
    head = f"POST {url.path}/chat/completions HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
    request = head.encode() + body
    loop = asyncio.get_running_loop()

    async def play() -> None:
        _, client = await loop.create_connection(lambda: _RawClient(request), host, port)
        await client.done

    await asyncio.gather(*(play() for _ in range(episodes)))


class _RawClient(asyncio.Protocol):
    def __init__(self, request: bytes) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._request = request
        self._left = TURNS
        self._unread = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, found, body = self._unread.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return
        self._unread = b""
        self._left -= 1
        if self._left:
            self._transport.write(self._request)
        else:
            self.done.set_result(None)
            self._transport.close()


async def aiohttp_orjson(base_url: str, episodes: int) -> None:
    """aiohttp and orjson, with the conversation kept as dicts and written anew for every call."""
    url = f"{base_url}/chat/completions"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def play() -> None:
            messages = list(OPENING)
            for _ in range(TURNS):
                body = orjson.dumps({"model": "m", "messages": messages, "tools": [TOOL]})
                async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as reply:
                    messages += [orjson.loads(await reply.read())["choices"][0]["message"], RESULT]

        await asyncio.gather(*(play() for _ in range(episodes)))


async def openai_sdk(base_url: str, episodes: int) -> None:
    """`AsyncOpenAI` in a task group."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=base_url, api_key="EMPTY") as client, asyncio.TaskGroup() as group:

        async def play() -> None:
            messages: list[Any] = list(OPENING)
            for _ in range(TURNS):
                tools: Any = [TOOL]
                reply = await client.chat.completions.create(model="m", messages=messages, tools=tools)
                messages += [reply.choices[0].message, RESULT]

        for _ in range(episodes):
            group.create_task(play())
