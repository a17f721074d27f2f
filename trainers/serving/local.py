"""A checkpoint as a policy in this process: asked as an endpoint would be, without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from urllib.parse import quote

import anyio
import anyio.to_thread
from pydantic import JsonValue

from agentgym.errors import EndpointFault, UsageError
from agentgym.jsontext import dump_json
from agentgym.lines import Retries
from agentgym.messages import JsonObject
from agentgym.policies.openai import OpenAIPolicy, ToolMode
from agentgym.transport import OnChunk, Reply, Transport
from trainers.engine.checkpoint import check_folder, fingerprint
from trainers.engine.device import Device
from trainers.engine.engine import MOST_ROWS, Engine
from trainers.serving.commands import default_name
from trainers.serving.refusal import Refusal
from trainers.serving.service import Answer, Service


class LocalPolicy(OpenAIPolicy):
    """Samples every turn from a checkpoint's folder, or from an engine that somebody else holds and may reload.

    Turns keep what was sampled: ids, log-probabilities at the temperature, and which weights it was. Everything else,
    such as how tools are told and calls are read, is as with `openai:MODEL`.
    """

    def __init__(
        self,
        source: str | Path | Engine = "",
        *,
        temperature: float = 1.0,
        max_tokens: int | None = None,
        stop: str | Sequence[str] | None = None,
        n: int | None = None,
        extra_body: Mapping[str, JsonValue] | None = None,
        logprobs: bool = True,
        token_ids: bool = True,
        send_seed: bool = True,
        stream: bool = False,
        on_chunk: OnChunk | None = None,
        tools: ToolMode = "auto",
        timeout_s: float = 600.0,
        retries: Retries | None = None,
        device: str = "auto",
        dtype: str = "auto",
        max_length: int | None = None,
        most_rows: int = MOST_ROWS,
        weights: str | None = None,
    ) -> None:
        self._folder = "engine" if isinstance(source, Engine) else str(source)
        self._weights = None if isinstance(source, Engine) else _fingerprint(self._folder)
        if weights not in (None, self._weights):
            raise UsageError(
                f"{source} holds the weights {self._weights} now, and not {weights}, as the run began with"
            )
        self._max_length = max_length
        settings = Device(name=device, dtype=dtype)
        self._engine = EngineTransport(
            default_name(self._folder),
            source
            if isinstance(source, Engine)
            else partial(Engine.load, source, device=settings, max_length=max_length, most_rows=most_rows),
        )
        super().__init__(
            default_name(self._folder),
            base_url=f"http://in-process/{quote(self._folder.strip('/'), safe='')}",
            api_key="EMPTY",
            temperature=temperature,
            max_tokens=max_tokens,
            stop=stop,
            n=n,
            extra_body=extra_body,
            logprobs=logprobs,
            token_ids=token_ids,
            send_seed=send_seed,
            stream=stream,
            on_chunk=on_chunk,
            tools=tools,
            timeout_s=timeout_s,
            retries=retries,
            transport=self._engine,
        )

    @property
    def name(self) -> str:
        return f"local:{self._folder}"

    @property
    def base_url(self) -> None:  # type: ignore[override]  # as Policy has it
        """None: no network is asked."""
        return None

    @property
    def settings(self) -> JsonObject:
        """With the weights: a run that goes on with others would be another run."""
        own: JsonObject = {"max_length": self._max_length, "weights": self._weights}
        return super().settings | {name: value for name, value in own.items() if value is not None}

    async def preflight(self) -> None:
        """Load the checkpoint, which says what is wrong with it."""
        await self._engine.service()

    async def aclose(self) -> None:
        await self._engine.aclose()

    def __repr__(self) -> str:
        return f"LocalPolicy({self._folder!r})"


class EngineTransport(Transport):
    """Carries requests to an engine of this process, which is loaded when the first one comes."""

    def __init__(self, name: str, source: Engine | Callable[[], Engine]) -> None:
        self._name = name
        self._load = None if isinstance(source, Engine) else source
        self._service = Service(source, name) if isinstance(source, Engine) else None
        self._loading = anyio.Lock()

    async def service(self) -> Service:
        """What answers; loading it takes seconds, and no loop stands still meanwhile."""
        async with self._loading:
            if self._service is None:
                await anyio.to_thread.run_sync(self._make)
            assert self._service is not None
            return self._service

    def _make(self) -> None:
        """In one piece: were it cancelled half-way, an engine would be left that nobody closes."""
        assert self._load is not None
        self._service = Service(self._load(), self._name)

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, on_chunk: OnChunk | None = None
    ) -> Reply:
        service = self._service or await self.service()
        try:
            with anyio.fail_after(timeout_s):
                return Reply(200, await _gathered(await service.chat(body), on_chunk))
        except Refusal as refusal:
            return Reply(refusal.status, refusal.body())
        except TimeoutError:
            raise EndpointFault(f"no answer within {timeout_s:g} s", kind="timeout") from None

    async def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float) -> Reply:
        return Reply(200, dump_json((await self.service()).models()))

    async def aclose(self) -> None:
        if self._load is not None and self._service is not None:
            service, self._service = self._service, None
            await service.engine.aclose()


async def _gathered(answer: Answer, on_chunk: OnChunk | None) -> bytes:
    if isinstance(answer, bytes):
        return answer
    chunks: list[bytes] = []
    async with aclosing(answer):
        async for chunk in answer:
            chunks.append(chunk)
            if on_chunk is not None:
                on_chunk(chunk)
    return b"".join(chunks)


def _fingerprint(folder: str) -> str:
    if not folder:
        raise UsageError("local: names no checkpoint; write local:DIR")
    check_folder(Path(folder))
    return fingerprint(Path(folder))
