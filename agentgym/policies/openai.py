"""Models behind OpenAI-compatible chat completions: OpenAI, vLLM, SGLang, llama.cpp, Ollama, OpenRouter and more."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import JsonValue

from agentgym import tracing
from agentgym.ambient import JOURNAL, LINES, TALLY
from agentgym.errors import ContextOverflow, EndpointFault, UsageError
from agentgym.events import EventLog
from agentgym.limiter import MOST
from agentgym.limits import running_clock
from agentgym.lines import Answered, Lines, Retries
from agentgym.messages import Conversation, JsonObject, Turn
from agentgym.policies.completions import JsonReply, json_reply, read_turns
from agentgym.policies.dialects import Dialect, NativeDialect, TextDialect
from agentgym.policies.endpoint import OPENAI_URL, Endpoint, without_query
from agentgym.policies.preflight import check_endpoint
from agentgym.policies.streams import read_stream
from agentgym.policies.wishes import Wishes
from agentgym.policy import Context, Policy, Session
from agentgym.prices import Price
from agentgym.transport import OnChunk, Reply, Transport
from agentgym.transports.pooled import PooledTransport

if TYPE_CHECKING:
    from openai import AsyncOpenAI

ToolMode = Literal["auto", "native", "text"]
_LOG = EventLog(__name__)


class OpenAIPolicy(Policy):
    """Asks a model for every turn; the server and the key default to OPENAI_BASE_URL and OPENAI_API_KEY.

    `tools` says how a model is told of them: natively, in the text of the conversation, or (`auto`) natively until the
    server turns out not to know tools. `n` asks for several choices: the first is played, the others kept beside it.
    `extra_body` adds what a server of yours takes. `timeout_s` bounds one attempt at a call, which is made again where
    that may help: as `retries` says, or the run that is going on. A transport or client (any `openai.AsyncOpenAI`) that
    is given is the giver's to close; of a function that makes one, what it makes is closed with the policy.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        stop: str | Sequence[str] | None = None,
        n: int | None = None,
        extra_body: Mapping[str, JsonValue] | None = None,
        logprobs: bool = False,
        token_ids: bool = False,
        send_seed: bool = False,
        stream: bool = False,
        on_chunk: OnChunk | None = None,
        tools: ToolMode = "auto",
        timeout_s: float = 600.0,
        price: Price | None = None,
        retries: Retries | None = None,
        client: AsyncOpenAI | Callable[[], AsyncOpenAI] | None = None,
        transport: Transport | None = None,
    ) -> None:
        _check_kinds(model=(model, str), base_url=(base_url, str), api_key=(api_key, str), retries=(retries, Retries))
        if tools not in get_args(ToolMode):
            raise UsageError(f"tools={tools!r} is none of: {', '.join(get_args(ToolMode))}")
        self.model = model
        self.price = price
        """What its tokens cost, where the server does not say."""
        self._retries = retries
        self.transport = transport or _transport(client)
        self._closes_transport = transport is None
        self._asks_for_key = transport is None and client is None
        self.endpoint = Endpoint(
            base_url or (client and _address(self.transport)) or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL,
            ("" if client is not None else os.environ.get("OPENAI_API_KEY", "")) if api_key is None else api_key,
            timeout_s=timeout_s,
            transport=self.transport,
        )
        wishes = Wishes(
            temperature=temperature,
            max_tokens=max_tokens,
            stop=stop,
            n=n,
            extra_body={} if extra_body is None else extra_body,
            logprobs=logprobs,
            token_ids=token_ids,
            send_seed=send_seed,
            stream=stream,
        )
        self._fields = wishes.fields(for_openai=self.endpoint.is_openai)
        self._settings = wishes.settings() | ({} if tools == "auto" else {"tools": tools})
        self._temperature = None if temperature is None else float(temperature)
        self._send_seed = send_seed
        self._choices = n or 1
        self._token_ids = token_ids
        self._asks_for_logprobs = logprobs or token_ids
        self._told_of_lack = False
        self._tool_mode: ToolMode = tools
        self._knows_no_tools = tools == "text"
        self._knows_tools = False
        """Whether it has called one natively."""
        self._native: NativeDialect | None = None
        """The last that was made, for sessions whose requests begin alike."""
        self._on_chunk = (on_chunk or _ignore) if stream else None

    @property
    def name(self) -> str:
        return f"openai:{self.model}"

    @property
    def base_url(self) -> str:
        """Where the model is served, without what might be secret in the address."""
        parts = urlsplit(self.endpoint.base_url)
        return parts._replace(query="", fragment="").geturl()

    @property
    def settings(self) -> JsonObject:
        return self._settings

    @property
    def prices(self) -> Mapping[str, Price]:
        return {} if self.price is None else {self.name: self.price}

    def start(self, context: Context) -> Session:
        if self._asks_for_key:
            self.endpoint.check_key()
        lines = LINES.get() or Lines(pinned=MOST, retries=self._retries)
        return _OpenAISession(self, context, lines)

    async def preflight(self) -> None:
        if self._asks_for_key:
            self.endpoint.check_key()
        await check_endpoint(self.endpoint, self.model)

    async def aclose(self) -> None:
        if self._closes_transport:
            await self.transport.aclose()

    def dialect(self, context: Context) -> Dialect:
        """How sessions speak now."""
        fields: JsonObject = {"model": self.model}
        if self._send_seed:
            fields["seed"] = context.seed
        fields |= self._fields
        if self._knows_no_tools:
            return TextDialect(fields, context.tools)
        if self._native is None or not self._native.suits(fields, context.tools):
            self._native = NativeDialect(fields, context.tools)
        return self._native

    def learns_from(self, fault: EndpointFault) -> bool:
        """Whether the server, as it turns out, knows no tools; from then on they are told in the text."""
        asks = self._tool_mode == "auto" and not self._knows_tools and not isinstance(fault, ContextOverflow)
        told = str(fault).removeprefix(without_query(self.endpoint.url)).replace(self.model, "")
        refused = fault.status in (400, 404, 422, 501) or (fault.status == 500 and fault.kind == "refused")
        if asks and refused and "tool" in told.lower():
            if not self._knows_no_tools:
                _LOG.warning("the server knows no tools: they are told in the text", model=self.model, told=str(fault))
            self._knows_no_tools = True
        return self._knows_no_tools

    async def ask(self, carrier: Transport, body: bytes) -> JsonReply:
        """One attempt at a call."""
        reply = await self.endpoint.ask(body, carrier, on_chunk=self._on_chunk)
        try:
            whole = reply if self._on_chunk is None else replace(reply, body=read_stream(reply.body))
            return json_reply(self.endpoint.without_key(whole))
        except ValueError as error:
            raise self.endpoint.unreadable(reply, str(error)) from None

    def read(self, dialect: Dialect, reply: JsonReply, latency_s: float) -> tuple[Turn, ...]:
        """The choices of a reply."""
        try:
            turns = read_turns(reply.value, temperature=self._temperature, latency_s=latency_s)
            self._notice_lack(turns)
            self._knows_tools = self._knows_tools or bool(turns[0].tool_calls)
            return tuple(map(dialect.read, turns))
        except ValueError as error:
            raise self.endpoint.unreadable(reply, str(error)) from None

    def _notice_lack(self, turns: tuple[Turn, ...]) -> None:
        """Tell once of what was asked for and did not come: servers may pass over what they do not know."""
        few, bare = len(turns) < self._choices, self._asks_for_logprobs and turns[0].span is None
        if (few or bare) and not self._told_of_lack:
            self._told_of_lack = True
            told = f"the server gives {len(turns)} of the {self._choices} choices asked for"
            if not few:
                told = "the server gives none of the token ids asked for"
                if not self._token_ids:
                    told = "turns keep log-probabilities beside token ids alone: ask for token_ids too"
            _LOG.warning(told, model=self.model, base_url=self.base_url)

    def __repr__(self) -> str:
        return f"OpenAIPolicy({self.model!r}, base_url={self.base_url!r})"


class _OpenAISession(Session):
    def __init__(self, policy: OpenAIPolicy, context: Context, lines: Lines) -> None:
        self._policy = policy
        self._context = context
        self._lines = lines
        self._line = lines.to(policy.endpoint.base_url)
        self._price = policy.price or lines.price_of(policy.model)
        self._dialect = policy.dialect(context)
        self._journal = JOURNAL.get()
        self._clock = running_clock()
        self._carrier: Transport | None = None
        self._recalled = False
        """Whether the last turn was taken from the journal."""

    async def act(self, conversation: Conversation) -> Turn:
        try:
            turns = await self._turns(conversation)
        except EndpointFault as fault:
            if self._dialect.reads_text or not self._policy.learns_from(fault):
                raise
            self._dialect = self._policy.dialect(self._context)
            turns = await self._turns(conversation)
        turn = turns[0] if len(turns) == 1 else replace(turns[0], alternatives=turns[1:])
        if self._price is not None and not turn.usage.cost_usd:
            turn = replace(turn, usage=replace(turn.usage, cost_usd=self._price.cost_usd(turn.usage)))
        if not (self._recalled and self._journal is not None and self._journal.counted):
            self._lines.spend(turn.usage)
        if (tally := TALLY.get()) is not None:
            tally.add(turn.usage)
        return turn

    async def _turns(self, conversation: Conversation) -> tuple[Turn, ...]:
        """Taken from the journal where this was answered before; written there before it is used."""
        if self._journal is None:
            return (await self._call(conversation)).value[0]
        request = self._dialect.digest(conversation)
        kept = self._journal.recall(request)
        self._recalled = kept is not None
        if kept is not None:
            return self._policy.read(self._dialect, json_reply(Reply(200, kept.reply)), kept.latency_s)
        answered = await self._call(conversation)
        turns, body = answered.value
        self._journal.keep(request, body, latency_s=answered.latency_s, attempts=answered.attempts)
        return turns

    def _call(self, conversation: Conversation) -> Coroutine[Any, Any, Answered[tuple[tuple[Turn, ...], bytes]]]:
        call = self._line.call(partial(self._ask, self._dialect.body(conversation)))
        return call if tracing.spans is None else tracing.spans.model_call(self._policy, conversation, call)

    async def _ask(self, body: bytes) -> tuple[tuple[Turn, ...], bytes]:
        """One attempt: what the model says, and the reply to keep."""
        if self._carrier is None:
            self._carrier = await self._policy.transport.open()
        started = self._clock()
        reply = await self._policy.ask(self._carrier, body)
        return self._policy.read(self._dialect, reply, self._clock() - started), reply.body


def _check_kinds(**given: tuple[object, type]) -> None:
    for name, (value, kind) in given.items():
        if value is not None and not isinstance(value, kind):
            raise UsageError(f"{name}={value!r} is not a {kind.__name__}")


def _transport(client: AsyncOpenAI | Callable[[], AsyncOpenAI] | None) -> Transport:
    if client is None:
        return PooledTransport()
    from agentgym.transports.sdk import SdkTransport

    return SdkTransport(client)


def _address(transport: Transport) -> str | None:
    """Where the client in it sends its requests."""
    address: str | None = getattr(transport, "base_url", None)
    return address


def _ignore(chunk: bytes) -> None:
    """Who asked for a stream, but does not listen."""
