"""What a model's endpoint can do, found out by asking it: a finding for each question."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import anyio

from agentgym.doctor import Finding
from agentgym.errors import EndpointFault, UsageError
from agentgym.messages import Conversation, Message, ToolCall, Turn
from agentgym.policies.openai import OpenAIPolicy
from agentgym.policies.specs import make_policy
from agentgym.policy import Context
from agentgym.tools import ToolSpec

T = TypeVar("T")
_LIST_S = 5.0
_PAUSE_S = 0.5
_ENOUGH_TOKENS = 512
"""For a model that thinks before it calls."""
_REPORT = ToolSpec(
    "report",
    "Report one word.",
    {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"], "additionalProperties": False},
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom to ask: `openai:MODEL` or `litellm:MODEL`, and where; without a model only what costs nothing."""

    kind: str
    model: str | None
    base_url: str | None = None
    timeout_s: float = 20.0

    def policy(self, **settings: Any) -> OpenAIPolicy:
        """The policy, with settings for one question."""
        spec = f"{self.kind}:{self.model or 'none'}"
        made = make_policy(spec, base_url=self.base_url, timeout_s=self.timeout_s, **settings)
        assert isinstance(made, OpenAIPolicy)
        return made


Probe = Callable[[Asked], Awaitable[list[Finding]]]


async def examine(asked: Asked, *, seconds: float) -> AsyncGenerator[Finding]:
    """Look at the endpoint, and have its model, if one is named, say something, call a tool, and stream."""
    ends = anyio.current_time() + seconds
    try:
        for name, probe in (_FREE if asked.model is None else _FREE | _PAID).items():
            found = await _timed(name, probe, asked, ends)
            for finding in found:
                yield finding
            if any(finding.state == "problem" for finding in found):
                return  # what follows would only break in the same way
    except UsageError as error:
        yield Finding("endpoint", "problem", str(error))


async def _timed(name: str, probe: Probe, asked: Asked, ends: float) -> list[Finding]:
    """What the probe finds, or that it came to no end."""
    started = anyio.current_time()
    with anyio.move_on_after(max(ends - started, 0)):
        return await probe(asked)
    waited = anyio.current_time() - started
    return [Finding(name, "problem", f"no answer within {waited:.0f} s", "see whether the server is overloaded")]


async def _find_key(asked: Asked) -> list[Finding]:
    """Whether there is one; what it is stands nowhere."""
    if asked.kind != "openai":
        return [Finding("key", "ok", f"{asked.kind} looks for the keys of its providers by itself")]
    async with aclosing(asked.policy()) as policy:
        try:
            policy.endpoint.check_key()
        except UsageError as error:
            told, _, remedy = str(error).partition(": ")
            return [Finding("key", "problem", told, remedy)]
    known = bool(os.environ.get("OPENAI_API_KEY", "").strip())
    told = "OPENAI_API_KEY is set" if known else "OPENAI_API_KEY is not set, which a server of your own may not need"
    return [Finding("key", "ok", told)]


async def _look(asked: Asked) -> list[Finding]:
    """Without any cost: whether it is there, takes the key, answers JSON and lists the model."""
    if asked.kind != "openai":
        return []
    async with aclosing(asked.policy()) as policy:
        url = policy.base_url
        try:
            listed = await _again(partial(policy.endpoint.models, timeout_s=_LIST_S))
        except EndpointFault as fault:
            return _refused(url, fault)
    reached = Finding("endpoint", "ok", f"{url} answers")
    if not listed:
        return [reached, Finding("model", "ok", "the server keeps no list of its models")]
    answers = Finding("answers", "ok", f"JSON; lists {len(listed)} models")
    if asked.model is None:
        return [reached, answers]
    missing = policy.endpoint.missing(asked.model, listed)
    if missing is not None:
        return [reached, answers, Finding("model", "problem", f"the server {missing}", "check --model")]
    return [reached, answers, Finding("model", "ok", f"{asked.model} is listed")]


def _refused(url: str, fault: EndpointFault) -> list[Finding]:
    if fault.kind in ("unreachable", "timeout"):
        remedy = "start the server, or check --base-url (OPENAI_BASE_URL) and the proxy"
        return [Finding("endpoint", "problem", str(fault), remedy)]
    reached = Finding("endpoint", "ok", f"{url} answers")
    if fault.status in (401, 403):
        return [reached, Finding("key", "problem", str(fault), "set OPENAI_API_KEY to a key of this server")]
    return [reached, Finding("answers", "problem", str(fault), "check --base-url: most end in /v1")]


async def _try_completion(asked: Asked) -> list[Finding]:
    try:
        turn = await _one_token(asked)
    except EndpointFault as fault:
        return [Finding("completion", "problem", str(fault), "check the model name, the key and its quota")]
    return [Finding("completion", "ok", f"works, and took {turn.usage.tokens or 'an unknown number of'} tokens")]


async def _one_token(asked: Asked) -> Turn:
    try:
        return (await _said(asked, "Say: ok", max_tokens=1))[0]
    except EndpointFault as fault:
        if fault.status not in (400, 422):
            raise
    # Models that think refuse so narrow a bound.
    return (await _said(asked, "Say: ok", max_tokens=_ENOUGH_TOKENS))[0]


async def _try_tools(asked: Asked) -> list[Finding]:
    prompt = "Call the tool `report` with the word 'ready'. Write nothing else."
    try:
        turn, read = await _said(asked, prompt, _REPORT, max_tokens=_ENOUGH_TOKENS, tools="native")
    except EndpointFault as fault:
        if fault.status in (400, 404, 422, 501) and "tool" in str(fault).lower():
            remedy = "nothing need be done: agentgym tells the model of tools in the text (--tools text)"
            return [Finding("tools", "warning", f"the server knows no tools: {fault}", remedy)]
        return [Finding("tools", "problem", str(fault), "see whether --tools text works")]
    if _called(turn.tool_calls):
        return [Finding("tools", "ok", "called natively")]
    if _called(read.tool_calls):
        remedy = (
            "agentgym finds them there; better start the server with its tool parser "
            "(vLLM: --enable-auto-tool-choice --tool-call-parser NAME)"
        )
        return [Finding("tools", "warning", "called, but the server leaves the call in the text", remedy)]
    return [Finding("tools", "warning", "not called, though the model was asked to", "try --tools text")]


def _called(calls: tuple[ToolCall, ...]) -> bool:
    return any(call.name == _REPORT.name for call in calls)


async def _try_streaming(asked: Asked) -> list[Finding]:
    pieces: list[bytes] = []
    heard = {"on_chunk": pieces.append} if asked.kind == "openai" else {}  # litellm's come put together
    remedy = "leave out --stream"
    try:
        await _said(asked, "Count from 1 to 5.", max_tokens=_ENOUGH_TOKENS, stream=True, **heard)
    except EndpointFault as fault:
        return [Finding("streaming", "warning", str(fault), remedy)]
    if heard and not b"".join(pieces).lstrip(b"\xef\xbb\xbf\r\n ").startswith((b"data:", b":", b"event:", b"id:")):
        return [Finding("streaming", "warning", "the server answers in one piece all the same", remedy)]
    return [Finding("streaming", "ok", "works")]


async def _said(asked: Asked, prompt: str, *tools: ToolSpec, **settings: Any) -> tuple[Turn, Turn]:
    """What the server answers: as it stands, and as a policy reads it."""
    async with aclosing(asked.policy(**settings)) as policy:
        carrier = await policy.transport.open()
        dialect, plain = policy.dialect(Context(tools=tools)), policy.dialect(Context())
        body = dialect.body(Conversation([Message("user", prompt)]))

        async def ask() -> tuple[Turn, Turn]:
            reply = await policy.ask(carrier, body)
            return policy.read(plain, reply, 0.0)[0], policy.read(dialect, reply, 0.0)[0]

        return await _again(ask)


async def _again(ask: Callable[[], Awaitable[T]]) -> T:
    """One chance more, for a server may fail once by chance."""
    try:
        return await ask()
    except EndpointFault as fault:
        if not fault.passing:
            raise
    await anyio.sleep(_PAUSE_S)
    return await ask()


_FREE: dict[str, Probe] = {"key": _find_key, "endpoint": _look}
_PAID: dict[str, Probe] = {"completion": _try_completion, "tools": _try_tools, "streaming": _try_streaming}
