"""Answers on their way to the client, whole or spoiled by a trouble."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject, ToolCall, Turn
from agentgym.testing.chat import ChatRequest, FakeReply
from agentgym.testing.completions import completion
from agentgym.testing.misbehaviour import MODEL, Faults, Trouble
from agentgym.testing.pauses import Pauses
from agentgym.testing.refusals import refusal, too_many_requests
from agentgym.testing.streaming import stream_events

_PIECEMEAL = (Trouble.CUT, Trouble.DRIP)
ON_THE_WAY = (*_PIECEMEAL, *MODEL)
"""What befalls an answer; all else comes in its place."""
_DRIPS = 40
_EVENTS = "text/event-stream"
_ARGUMENTS = {Trouble.WRONG_ARGUMENTS: '{"n": ', Trouble.UNFIT_ARGUMENTS: '{"no_such_argument": 1}'}
_ANY_TURN = Turn("something that is long enough to be cut", (ToolCall("anything", {"n": 1}),))
_IN_PLACE = {
    Trouble.BROKEN: refusal(500, "The server had an error while processing your request.", type="server_error"),
    Trouble.UNAVAILABLE: refusal(503, "The server is overloaded or not ready yet.", type="server_error"),
    Trouble.NOT_JSON: FakeReply(body=b'{"choices": [{"mess', headers={"Content-Type": "application/json"}),
    Trouble.NO_CHOICES: FakeReply(body={"object": "chat.completion", "choices": []}),
}


class Delivery:
    """One request's way back."""

    def __init__(self, request: web.Request, asked: ChatRequest, number: int, pauses: Pauses, faults: Faults) -> None:
        self.good = False
        """Whether a good answer went out to its end."""
        self._request = request
        self._asked = asked
        self._number = number
        self._pauses = pauses
        self._faults = faults

    async def misbehave(self, trouble: Trouble) -> web.StreamResponse:
        """What the client gets of a trouble, where there is no answer to spoil."""
        if trouble in ON_THE_WAY:
            return await self.send(FakeReply(body=_ANY_TURN), trouble)
        if trouble in (Trouble.HANG, Trouble.DISCONNECT):
            if trouble is Trouble.HANG:
                await self._pauses.pause(None)
            self._hang_up()
            return web.Response()
        busy = trouble is Trouble.BUSY
        response = await self.send(too_many_requests(self._faults.retry_after_s) if busy else _IN_PLACE[trouble])
        self.good = False
        return response

    async def send(self, reply: FakeReply, trouble: Trouble | None = None) -> web.StreamResponse:
        """The reply, a turn as the client asked for it: whole or as a stream."""
        pieces, kind = self._written(reply.body, trouble)
        headers = {"Content-Type": kind, **reply.headers}
        if len(pieces) > 1 or trouble in _PIECEMEAL:
            response = web.StreamResponse(headers=headers, status=reply.status)
            if kind != _EVENTS:
                response.content_length = len(pieces[0])
            await self._write(response, pieces, trouble)
        else:
            response = web.Response(body=pieces[0], headers=headers, status=reply.status)
        self.good = reply.status == 200 and trouble is not Trouble.CUT
        return response

    def _written(self, body: Turn | JsonObject | str | bytes, trouble: Trouble | None) -> tuple[list[bytes], str]:
        """What to send, in pieces, and what kind of content it is."""
        if isinstance(body, (str, bytes)):
            return [body if isinstance(body, bytes) else body.encode()], "text/plain"
        asked = self._asked
        whole = body if isinstance(body, dict) else completion(body, model=asked.model, number=self._number, n=asked.n)
        if trouble in _ARGUMENTS:
            whole = _spoiled(whole, _ARGUMENTS[trouble])
        if asked.streams and isinstance(body, Turn):
            return list(stream_events(whole, with_usage=asked.wants_usage)), _EVENTS
        return [dump_json(whole)], "application/json"

    async def _write(self, response: web.StreamResponse, pieces: list[bytes], trouble: Trouble | None) -> None:
        await response.prepare(self._request)
        whole = b"".join(pieces)
        if trouble is Trouble.CUT:
            await response.write(whole[: len(whole) // 2])
            self._hang_up()
            return
        for piece in _drops(whole) if trouble is Trouble.DRIP else pieces:
            await response.write(piece)
            if trouble is Trouble.DRIP:
                await self._pauses.pause(self._faults.drip_s / _DRIPS)

    def _hang_up(self) -> None:
        transport: asyncio.Transport | None = self._request.transport
        if transport is not None:
            transport.close()


def _drops(whole: bytes) -> list[bytes]:
    size = max(1, -(-len(whole) // _DRIPS))
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def _spoiled(value: Any, arguments: str) -> Any:
    """The same JSON with these arguments in every call."""
    if isinstance(value, list):
        return [_spoiled(inner, arguments) for inner in value]
    if not isinstance(value, dict):
        return value
    return {key: arguments if key == "arguments" else _spoiled(inner, arguments) for key, inner in value.items()}
