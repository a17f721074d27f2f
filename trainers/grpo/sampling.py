"""Who plays the live rollouts: the model in this process, or a server that is given every update of its weights."""

from __future__ import annotations

import os
import shutil
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import anyio.to_thread

from agentgym.errors import EndpointFault, UsageError
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject, Turn
from agentgym.policies.completions import JsonReply
from agentgym.policies.dialects import Dialect
from agentgym.policies.openai import OpenAIPolicy
from agentgym.policy import Policy
from agentgym.transports.pooled import PooledTransport
from trainers.engine.engine import MOST_ROWS, Engine
from trainers.models.loading import Trainee
from trainers.models.saving import merge, save_trainee
from trainers.recipe import LiveSettings
from trainers.serving.local import LocalPolicy

_RELOAD_S = 600.0
_LIST_S = 30.0
SHARED, SHARED_ADAPTER = "sampled", "sampled_adapter"
"""Weights for a server to take, while training goes on."""


class Sampler(Protocol):
    """Samples from the weights that it was last given."""

    async def policy(self, temperature: float) -> Policy:
        """What plays; whoever asked closes it."""

    async def renew(self, version: str) -> None:
        """Take the weights as they are now."""

    async def aclose(self) -> None:
        """Let go of what was begun."""


class EngineSampler:
    """The very model that trains, while it does not."""

    def __init__(self, trainee: Trainee, live: LiveSettings, *, version: str, rows: int) -> None:
        most = max(MOST_ROWS, min(rows, live.concurrency))
        self._live = live
        self._engine = Engine.of(trainee.model, trainee.tokenizer, version=version, most_rows=most)

    async def policy(self, temperature: float) -> Policy:
        return LocalPolicy(self._engine, temperature=temperature, **_wishes(self._live))

    async def renew(self, version: str) -> None:
        await self._engine.reload(version=version)

    async def aclose(self) -> None:
        await self._engine.aclose()


class ServerSampler:
    """A server that speaks as vLLM does, tells token ids, and takes `POST /reload {path, version}` as ours does.

    The folder that weights are saved to must be one that the server sees too. Without `saves` somebody else gives the
    server its weights, as TRL gives them to vLLM.
    """

    def __init__(self, trainee: Trainee, live: LiveSettings, *, version: str, folder: Path, saves: bool = True) -> None:
        self._saves = saves
        self._trainee = trainee
        self._live = live
        self._folder = folder.resolve()
        self._version = version
        self._is_given = False
        self._url = str(live.base_url)

    async def policy(self, temperature: float) -> Policy:
        if not self._is_given:
            await self.renew(self._version)
        model = await self._model()
        return _ServedPolicy(model, self._url, self._version, temperature=temperature, **_wishes(self._live))

    async def renew(self, version: str) -> None:
        if self._saves:
            await self._give(version)
        self._is_given, self._version = True, version

    async def _give(self, version: str) -> None:
        await anyio.to_thread.run_sync(self._save)
        body: JsonObject = {"path": str(self._folder / SHARED), "version": version}
        parts = urlsplit(self._url)
        url = parts._replace(path=f"{parts.path.rstrip('/').removesuffix('/v1')}/reload").geturl()
        async with aclosing(PooledTransport()) as transport:
            headers = {"Content-Type": "application/json"} | _key()
            try:
                reply = await transport.post(url, dump_json(body), headers, timeout_s=_RELOAD_S)
            except EndpointFault as fault:
                told = f"{url} cannot be given the new weights: {fault}"
                raise UsageError(f"{told}; start the server, or correct live.base_url") from None
        if reply.status != 200:
            told = f"{url} does not take the new weights (status {reply.status})"
            raise UsageError(f"{told}; sample from `agentgym model serve`, or put a reload in front of the server")

    async def aclose(self) -> None:
        """Take away the weights that were shared: those of the end are written elsewhere."""
        for name in (SHARED, SHARED_ADAPTER) if self._saves else ():
            await anyio.to_thread.run_sync(partial(shutil.rmtree, self._folder / name, ignore_errors=True))

    def _save(self) -> None:
        """As a whole model, for that is what servers load."""
        if not self._trainee.adapter:
            save_trainee(self._trainee, self._folder / SHARED)
            return
        save_trainee(self._trainee, self._folder / SHARED_ADAPTER)
        merge(self._folder / SHARED_ADAPTER, self._folder / SHARED)

    async def _model(self) -> str:
        """What the server calls it."""
        policy = OpenAIPolicy("any", base_url=self._url)
        async with aclosing(policy):
            try:
                listed = await policy.endpoint.models(timeout_s=_LIST_S)
            except EndpointFault as fault:
                told = f"{self._url} does not list its models: {fault}"
                raise UsageError(f"{told}; start the server, or correct live.base_url") from None
        if not listed:
            raise UsageError(f"{self._url} lists no model; give the address of a server that has loaded one")
        return listed[0]


class _ServedPolicy(OpenAIPolicy):
    """Turns keep which weights they were sampled from."""

    def __init__(self, model: str, url: str, version: str, **wishes: Any) -> None:
        super().__init__(model, base_url=url, logprobs=True, token_ids=True, send_seed=True, **wishes)
        self._version = version

    def read(self, dialect: Dialect, reply: JsonReply, latency_s: float) -> tuple[Turn, ...]:
        return tuple(
            turn if turn.span is None else replace(turn, span=replace(turn.span, model_version=self._version))
            for turn in super().read(dialect, reply, latency_s)
        )


def _wishes(live: LiveSettings) -> dict[str, Any]:
    wishes: dict[str, Any] = {"max_tokens": live.max_tokens, "timeout_s": live.episode_timeout_s}
    return wishes if live.top_p == 1 else wishes | {"extra_body": {"top_p": live.top_p}}


def _key() -> dict[str, str]:
    key = os.environ.get("OPENAI_API_KEY", "")
    return {"Authorization": f"Bearer {key}"} if key else {}
