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

ON_THE_WAY = (Trouble.CUT, Trouble.DRIP, *MODEL)
"""What befalls an answer; all else comes in its place."""
_DRIPS = 40
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
        if trouble is Trouble.BUSY:
            return self._plain(too_many_requests(self._faults.retry_after_s))
        if trouble in _IN_PLACE:
            return self._plain(_IN_PLACE[trouble])
        if trouble is Trouble.HANG:
            await self._pauses.pause(None)
        self._hang_up()
        return web.Response()

    async def send(self, reply: FakeReply, trouble: Trouble | None = None) -> web.StreamResponse:
        """The reply, a turn as the client asked for it: whole or as a stream."""
        if not isinstance(reply.body, Turn):
            self.good = reply.status == 200
            return self._plain(reply)
        whole = completion(reply.body, model=self._asked.model, number=self._number, n=self._asked.n)
        if trouble in _ARGUMENTS:
            _spoil(whole, _ARGUMENTS[trouble])
        if self._asked.streams:
            pieces = list(stream_events(whole, with_usage=self._asked.wants_usage))
        else:
            pieces = [dump_json(whole)]
        kind = "text/event-stream" if self._asked.streams else "application/json"
        headers = {"Content-Type": kind, **reply.headers}
        if not self._asked.streams and trouble not in (Trouble.CUT, Trouble.DRIP):
            self.good = True
            return web.Response(body=pieces[0], headers=headers, status=reply.status)
        return await self._write(web.StreamResponse(headers=headers, status=reply.status), pieces, trouble)

    async def _write(
        self, response: web.StreamResponse, pieces: list[bytes], trouble: Trouble | None
    ) -> web.StreamResponse:
        if not self._asked.streams:
            response.content_length = len(pieces[0])
        await response.prepare(self._request)
        whole = b"".join(pieces)
        if trouble is Trouble.CUT:
            await response.write(whole[: len(whole) // 2])
            self._hang_up()
            return response
        for piece in pieces if trouble is None else _drops(whole):
            await response.write(piece)
            if trouble is Trouble.DRIP:
                await self._pauses.pause(self._faults.drip_s / _DRIPS)
        self.good = True
        return response

    def _plain(self, reply: FakeReply) -> web.Response:
        """What needs no request to be written."""
        body, kind = reply.body, "application/json"
        if isinstance(body, dict):
            body = dump_json(body)
        else:
            kind = "text/plain"
        return web.Response(body=body, status=reply.status, headers={"Content-Type": kind, **reply.headers})

    def _hang_up(self) -> None:
        transport: asyncio.Transport | None = self._request.transport
        if transport is not None:
            transport.close()


def _drops(whole: bytes) -> list[bytes]:
    size = max(1, -(-len(whole) // _DRIPS))
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def _spoil(whole: JsonObject, arguments: str) -> None:
    """Give every call these arguments."""
    choices: Any = whole["choices"]
    for choice in choices:
        for call in choice["message"].get("tool_calls", []):
            call["function"]["arguments"] = arguments
