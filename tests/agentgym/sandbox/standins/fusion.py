"""Stands in for a SandboxFusion: it runs programs as the upstream server does, or says what it is told."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

Answer = dict[str, Any] | tuple[int, str] | str
"""An answer of status 200; status and body; or `torn`, `silent`, `execute`."""


def finished(stdout: str = "", *, code: int = 0, stderr: str = "") -> dict[str, Any]:
    """A program that ran to its end."""
    run = {"status": "Finished", "execution_time": 0.01, "return_code": code, "stdout": stdout, "stderr": stderr}
    return answer("Success" if code == 0 else "Failed", run=run)


def overran(stdout: str = "") -> dict[str, Any]:
    """A program whose time was over."""
    run = {"status": "TimeLimitExceeded", "execution_time": 1.0, "return_code": None, "stdout": stdout, "stderr": ""}
    return answer("Failed", run=run)


def answer(status: str, *, run: Any = None, compiled: Any = None, message: str = "") -> dict[str, Any]:
    """An answer with all its fields."""
    steps = {"compile_result": compiled, "run_result": run}
    return {"status": status, "message": message, **steps, "executor_pod_name": None, "files": {}}


class FusionService:
    """Answers `/run_code`, with each answer of the list in turn, and with the last one from then on.

    `batch` is what it answers to `/common_evaluate_batch`.
    """

    def __init__(
        self,
        answers: Sequence[Answer] | Answer,
        serve: Callable[..., Any],
        *,
        prefix: str = "",
        batch: dict[str, Any] | tuple[int, str] = (404, ""),
    ) -> None:
        self._batch = batch
        self.batches: list[dict[str, Any]] = []
        self._answers = list(answers) if isinstance(answers, list) else [answers]
        self.requests: list[dict[str, Any]] = []
        self.under_way = 0
        self.most_under_way = 0
        self.server = serve(
            {
                ("POST", f"{prefix}/run_code"): self._run_code,
                ("POST", f"{prefix}/common_evaluate_batch"): self._evaluate_batch,
            }
        )

    async def _evaluate_batch(self, request: web.Request) -> web.StreamResponse:
        self.batches.append(await request.json())
        return await self._respond(request, self._batch)

    async def _run_code(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        try:
            return await self._respond(request, answer)
        finally:
            self.under_way -= 1

    async def _respond(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        if answer == "silent":
            await asyncio.sleep(3600)
        if answer == "torn":
            response = web.StreamResponse(headers={"Content-Length": "500"})
            await response.prepare(request)
            await response.write(b'{"status": "Succ')
            assert request.transport is not None
            request.transport.close()
            return response
        if answer == "execute":
            return web.json_response(await asyncio.to_thread(_executed, self.requests[-1]))
        if isinstance(answer, tuple):
            return web.Response(status=answer[0], text=answer[1])
        return web.json_response(answer)


def _executed(asked: dict[str, Any]) -> dict[str, Any]:
    """As upstream: a file in a temporary folder, whose path stands in every traceback."""
    import subprocess

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "tmpab12cd.py")
        file.write_text(asked["code"], encoding="utf-8")
        began = time.monotonic()
        try:
            done = subprocess.run(
                [sys.executable, str(file)],
                input=(asked["stdin"] or "").encode(),
                capture_output=True,
                timeout=asked["run_timeout"],
                cwd=folder,
            )
        except subprocess.TimeoutExpired as error:
            return overran((error.stdout or b"").decode())
    told = finished(_decoded(done.stdout), code=done.returncode, stderr=_decoded(done.stderr))
    told["run_result"]["execution_time"] = time.monotonic() - began
    return json.loads(json.dumps(told))


def _decoded(stream: bytes) -> str:
    try:
        return stream.decode()
    except UnicodeDecodeError as error:
        return f"[DecodeError] {error}"
