"""Spans by OpenTelemetry's conventions for generative AI: an episode, the model calls in it, and its tool calls.

What is said in messages stays out unless OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is true.
Names: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-agent-spans/ and .../gen-ai-spans/
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider, use_span
from opentelemetry.util.types import AttributeValue
from pydantic import BaseModel

from agentgym import __version__
from agentgym.episode import Episode
from agentgym.errors import EndpointFault
from agentgym.jsontext import dump_json
from agentgym.messages import Conversation, JsonObject, Message, ToolCall, Turn, Usage
from agentgym.tools import BadCall, ToolAction, ToolError

if TYPE_CHECKING:
    from agentgym.lines import Answered
    from agentgym.policies.openai import OpenAIPolicy

_SCHEMA = "https://opentelemetry.io/schemas/1.37.0"
_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_CALL_IDS: ContextVar[dict[int, str]] = ContextVar("agentgym.call_ids")
"""Of the calls of the turn that is being carried out, by the identity of the actions they became."""

R = TypeVar("R")
Reply = tuple[tuple[Turn, ...], bytes]


class Spans:
    """Awaits what episodes do, inside of spans."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("agentgym", __version__, schema_url=_SCHEMA)
        self._content = os.environ.get(_CONTENT, "").lower() in ("true", "span_only", "span_and_event")

    async def episode(self, environment: str, policy: str, played: Awaitable[Episode]) -> Episode:
        """An episode, with what its record says."""
        begun: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": policy.partition(":")[0],
            "gen_ai.agent.name": policy,
            "agentgym.environment": environment,
        }
        with self._span(f"invoke_agent {policy}", begun) as span:
            episode = await played
            span.set_attributes(_of_episode(episode))
            if episode.cause is not None:
                _mark(span, episode.cause.error, episode.cause.message)
            return episode

    async def model_call(
        self, policy: OpenAIPolicy, conversation: Conversation, call: Awaitable[Answered[Reply]]
    ) -> Answered[Reply]:
        """A model call, with all its attempts."""
        begun = _of_request(policy)
        if self._content:
            begun["gen_ai.input.messages"] = _json([_said(message) for message in conversation])
        with self._span(f"chat {policy.model}", begun, kind=SpanKind.CLIENT) as span:
            answered = await call
            turns = answered.value[0]
            span.set_attributes({**_of_answer(turns), "agentgym.attempts": answered.attempts})
            if self._content:
                told = [{**_said(turn.message()), "finish_reason": turn.finish_reason or ""} for turn in turns]
                span.set_attribute("gen_ai.output.messages", _json(told))
            return answered

    async def tool_call(self, action: object, applied: Awaitable[R]) -> R:
        """A tool call; what is none has no span."""
        if not isinstance(action, (ToolAction, BadCall)):
            return await applied
        name = action.tool if isinstance(action, ToolAction) else action.call.name
        begun: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
        }
        call_id = _CALL_IDS.get({}).get(id(action))
        if call_id:
            begun["gen_ai.tool.call.id"] = call_id
        if self._content:
            begun["gen_ai.tool.call.arguments"] = _arguments(action)
        with self._span(f"execute_tool {name}", begun) as span:
            observation = await applied
            if isinstance(observation, ToolError):
                _mark(span, observation.kind, observation.text if self._content else "")
            if self._content and isinstance(observation, BaseModel):
                span.set_attribute("gen_ai.tool.call.result", _json(observation.model_dump(mode="json")))
            return observation

    def name_calls(self, actions: Sequence[object], calls: Sequence[ToolCall | None]) -> None:
        """Tell which call each action came of."""
        pairs = zip(actions, calls, strict=False)
        _CALL_IDS.set({id(action): call.id for action, call in pairs if call is not None})

    @contextmanager
    def _span(
        self, name: str, attributes: dict[str, AttributeValue], *, kind: SpanKind = SpanKind.INTERNAL
    ) -> Iterator[Span]:
        """A span that everything inside is part of; what breaks it is named, without its traceback."""
        span = self._tracer.start_span(name, kind=kind, attributes=attributes)
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except BaseException as error:
                _mark(span, _kind(error), str(error) if isinstance(error, EndpointFault) else "")
                raise


def _of_episode(episode: Episode) -> dict[str, AttributeValue]:
    told: dict[str, AttributeValue] = {
        "agentgym.task.id": episode.task_id,
        "agentgym.trial": episode.trial,
        "agentgym.seed": str(episode.seed),
        "agentgym.outcome": episode.outcome,
        "agentgym.reward": episode.reward,
        "agentgym.turns": len(episode.turns),
        "agentgym.tool_errors": episode.tool_errors,
    }
    if episode.limit is not None:
        told["agentgym.limit"] = episode.limit
    return told | _of_usage(episode.usage)


def _of_request(policy: OpenAIPolicy) -> dict[str, AttributeValue]:
    asked: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": policy.name.partition(":")[0],
        "gen_ai.request.model": policy.model,
    }
    for setting, name in _SETTINGS.items():
        value = policy.settings.get(setting)
        if isinstance(value, (int, float)):
            asked[name] = value
    parts = urlsplit(policy.base_url)
    if parts.hostname:
        asked["server.address"] = parts.hostname
        asked["server.port"] = parts.port or (443 if parts.scheme == "https" else 80)
    return asked


_SETTINGS = {
    "temperature": "gen_ai.request.temperature",
    "max_tokens": "gen_ai.request.max_tokens",
    "n": "gen_ai.request.choice.count",
    "stream": "gen_ai.request.stream",
}


def _of_answer(turns: Sequence[Turn]) -> dict[str, AttributeValue]:
    told = _of_usage(turns[0].usage)
    reasons = [turn.finish_reason for turn in turns if turn.finish_reason]
    if reasons:
        told["gen_ai.response.finish_reasons"] = reasons
    if turns[0].model:
        told["gen_ai.response.model"] = turns[0].model
    return told


def _of_usage(usage: Usage) -> dict[str, AttributeValue]:
    """Nothing where no server told."""
    if not usage.tokens:
        return {}
    told: dict[str, AttributeValue] = {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
    }
    if usage.cached_tokens:
        told["gen_ai.usage.cache_read.input_tokens"] = usage.cached_tokens
    return told


def _mark(span: Span, kind: str, told: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR, told or None))


def _kind(error: BaseException) -> str:
    if isinstance(error, EndpointFault):
        return error.kind if error.status is None else str(error.status)
    return type(error).__name__


def _said(message: Message) -> JsonObject:
    """A message in the parts that the conventions have."""
    if message.role == "tool":
        part: JsonObject = {"type": "tool_call_response", "id": message.tool_call_id, "response": message.content}
        return {"role": "tool", "parts": [part]}
    parts: list[JsonObject] = []
    if message.reasoning:
        parts.append({"type": "reasoning", "content": message.reasoning})
    if message.content:
        parts.append({"type": "text", "content": message.content})
    calls: list[JsonObject] = [
        {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}
        for call in message.tool_calls
    ]
    return {"role": message.role, "parts": [*parts, *calls]}


def _arguments(action: ToolAction | BadCall) -> str:
    return action.call.text if isinstance(action, BadCall) else _json(action.arguments)


def _json(value: object) -> str:
    return dump_json(value).decode(errors="replace")
