"""Models behind OpenAI-compatible chat completions: OpenAI, vLLM, SGLang, llama.cpp, Ollama, OpenRouter and more."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import JsonValue

from agentgym.errors import UsageError
from agentgym.jsontext import dump_json
from agentgym.limits import running_clock
from agentgym.messages import Conversation, JsonObject, Turn
from agentgym.policies.completions import read_turn
from agentgym.policies.endpoint import OPENAI_URL, Endpoint
from agentgym.policy import Context, Policy, Session
from agentgym.transport import Transport
from agentgym.transports.pooled import PooledTransport


class OpenAIPolicy(Policy):
    """Asks a model for every turn; the server and the key default to OPENAI_BASE_URL and OPENAI_API_KEY.

    `extra_body` adds what a server of yours takes, such as `return_token_ids` for vLLM; `send_seed` passes the
    episode's seed on. A transport that is given is the giver's to close.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        extra_body: Mapping[str, JsonValue] | None = None,
        logprobs: bool = False,
        send_seed: bool = False,
        timeout_s: float = 600.0,
        transport: Transport | None = None,
    ) -> None:
        self.model = model
        self.temperature = temperature
        self._transport = transport or PooledTransport()
        self._closes_transport = transport is None
        self._endpoint = Endpoint(
            base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL,
            os.environ.get("OPENAI_API_KEY", "") if api_key is None else api_key,
            timeout_s=timeout_s,
            transport=self._transport,
        )
        self._fields = self._sampling(max_tokens, logprobs) | _checked(extra_body or {})
        self._send_seed = send_seed

    @property
    def name(self) -> str:
        return f"openai:{self.model}"

    @property
    def base_url(self) -> str:
        """Where the model is served."""
        return self._endpoint.base_url

    def start(self, context: Context) -> Session:
        self._endpoint.check_key()
        return _OpenAISession(self._endpoint, self._head(context), self.temperature)

    async def aclose(self) -> None:
        if self._closes_transport:
            await self._transport.aclose()

    def __repr__(self) -> str:
        return f"OpenAIPolicy({self.model!r}, base_url={self.base_url!r})"

    def _sampling(self, max_tokens: int | None, logprobs: bool) -> JsonObject:
        # OpenAI's newer models refuse `max_tokens`; many other servers know nothing else.
        most = "max_completion_tokens" if self._endpoint.is_openai else "max_tokens"
        fields: JsonObject = {"temperature": self.temperature, most: max_tokens, "logprobs": logprobs or None}
        return {name: value for name, value in fields.items() if value is not None}

    def _head(self, context: Context) -> bytes:
        """The request up to the messages, which is the same for every turn of a session."""
        fields: JsonObject = {"model": self.model}
        if context.tools:
            fields["tools"] = [tool.wire() for tool in context.tools]
        if self._send_seed:
            fields["seed"] = context.seed
        return dump_json(fields | self._fields)[:-1] + b',"messages":'


class _OpenAISession(Session):
    def __init__(self, endpoint: Endpoint, head: bytes, temperature: float | None) -> None:
        self._endpoint = endpoint
        self._head = head
        self._temperature = temperature
        self._clock = running_clock()

    async def act(self, conversation: Conversation) -> Turn:
        started = self._clock()
        reply = await self._endpoint.ask(b"".join((self._head, conversation.wire(), b"}")))
        latency_s = self._clock() - started
        try:
            return read_turn(reply.body, temperature=self._temperature, latency_s=latency_s)
        except ValueError as error:
            raise self._endpoint.unreadable(reply, str(error)) from None


def _checked(extra_body: Mapping[str, JsonValue]) -> JsonObject:
    for name in ("model", "messages", "tools", "temperature", "stream"):
        if name in extra_body:
            raise UsageError(f"extra_body may not hold {name!r}: that is the policy's own to say")
    return dict(extra_body)
