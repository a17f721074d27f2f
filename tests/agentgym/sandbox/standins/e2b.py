"""Stands in for E2B, its API and its sandboxes on one port: cells are run in a process of their own, or not at all."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

KEY = "e2b_canary0123456789"
Answer = list[dict[str, Any]] | tuple[int, str] | str
"""The lines of an answer; status and body; or `execute`, `silent`, `torn`."""


class E2BService:
    """Answers to `/execute` with each answer of the list in turn, and with the last one from then on.

    `creates` are statuses with which sandboxes are refused, before they are made.
    """

    def __init__(
        self, answers: Sequence[Answer] | Answer, serve: Callable[..., Any], *, creates: Sequence[int] = ()
    ) -> None:
        self._answers = list(answers) if isinstance(answers, list) and not _are_lines(answers) else [answers]
        self._creates = list(creates)
        self.created: list[dict[str, Any]] = []
        self.killed: list[str] = []
        self.executed: list[str] = []
        """The sandbox of each cell."""
        self.server = serve(
            {
                ("POST", "/v2/sandboxes"): self._create,
                ("DELETE", "/sandboxes/{id}"): self._kill,
                ("GET", "/health"): self._health,
                ("POST", "/execute"): self._execute,
            }
        )

    @property
    def alive(self) -> int:
        """How many sandboxes there are."""
        return len(self.created) - len(self.killed)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("X-API-Key") != KEY:
            return web.json_response({"code": 401, "message": f"no such key: {KEY}"}, status=401)
        if self._creates:
            status = self._creates.pop(0)
            # So that the SDK leaves asking again to who uses it.
            refused = {"code": status, "message": f"refused for {KEY}"}
            return web.json_response(refused, status=status, headers={"Should-Retry": "false"})
        self.created.append(await request.json())
        number = f"box{len(self.created)}"
        made = {"templateID": "t", "sandboxID": number, "clientID": "c", "envdVersion": "0.2.0"}
        return web.json_response({**made, "envdAccessToken": "a", "domain": None}, status=201)

    async def _kill(self, request: web.Request) -> web.StreamResponse:
        self.killed.append(request.match_info["id"])
        return web.Response(status=204)

    async def _health(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=204)

    async def _execute(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.executed.append(request.headers["E2b-Sandbox-Id"])
        answer = self._answers[min(len(self.executed), len(self._answers)) - 1]
        if isinstance(answer, tuple):
            return web.Response(status=answer[0], text=answer[1])
        response = web.StreamResponse()
        await response.prepare(request)
        if answer == "silent":
            await asyncio.sleep(3600)
        if answer == "torn":
            await response.write(b'{"type": "std')
            assert request.transport is not None
            request.transport.close()
            return response
        lines = await asyncio.to_thread(_executed, asked["code"]) if answer == "execute" else answer
        for line in [{"type": "number_of_executions", "execution_count": 1}, *lines, {"type": "end_of_execution"}]:
            await response.write(json.dumps(line).encode() + b"\n")
        return response


def _are_lines(answers: list[Any]) -> bool:
    return all(isinstance(answer, dict) for answer in answers)


def _executed(cell: str) -> list[dict[str, Any]]:
    """Output comes in pieces, as a kernel sends it."""
    done = subprocess.run([sys.executable, "-"], input=cell, capture_output=True, text=True, timeout=60)
    pieces = [done.stdout[start : start + 1000] for start in range(0, len(done.stdout), 1000)]
    lines = [{"type": "stdout", "text": piece, "timestamp": 1} for piece in pieces]
    if done.stderr:
        lines.append({"type": "stderr", "text": done.stderr, "timestamp": 2})
    return lines
