"""Replies of chat-completions endpoints, read into turns; shapes differ between servers, and all the usual ones fit."""

from __future__ import annotations

import json

import orjson
from pydantic import JsonValue

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject, TokenSpan, ToolCall, Turn, Usage


def read_turn(body: bytes, *, temperature: float | None = None, latency_s: float | None = None) -> Turn:
    """The turn a reply holds, with token ids where the server gives them.

    Raises ValueError with what is wrong with the reply.
    """
    reply = read_reply(body)
    if not isinstance(reply, dict):
        raise ValueError("the reply is not a JSON object")
    choice = _first_choice(reply)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ValueError("the first choice has no message")
    return Turn(
        _content(message),
        _tool_calls(message.get("tool_calls")),
        reasoning=_text(message.get("reasoning_content")) or _text(message.get("reasoning")),
        finish_reason=_text(choice.get("finish_reason")),
        usage=_usage(reply.get("usage")),
        latency_s=latency_s,
        span=_span(reply, choice, temperature),
        model=_text(reply.get("model")),
    )


def read_reply(body: bytes) -> JsonValue:
    """The JSON of a reply; text that UTF-8 cannot hold is mended, and numbers that JSON cannot hold are null."""
    try:
        return _loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return _loads(dump_json(json.loads(body.decode(errors="replace"))))
    except (ValueError, RecursionError):
        raise ValueError("the reply is not JSON") from None


def _loads(body: bytes) -> JsonValue:
    value: JsonValue = orjson.loads(body)
    return value


def _first_choice(reply: JsonObject) -> JsonObject:
    choices = reply.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict):
        raise ValueError("the reply has no choices")
    return first


def _content(message: JsonObject) -> str:
    content = message.get("content")
    if content is None:
        return _text(message.get("refusal")) or ""
    if isinstance(content, list):
        return "".join(_part(part) for part in content)
    if not isinstance(content, str):
        raise ValueError(f"the content is no text, but {type(content).__name__}")
    return content


def _part(part: JsonValue) -> str:
    if not isinstance(part, dict):
        raise ValueError("a part of the content is not an object")
    return _text(part.get("text")) or ""


def _tool_calls(calls: JsonValue) -> tuple[ToolCall, ...]:
    if not calls:
        return ()
    if not isinstance(calls, list):
        raise ValueError("the tool calls are not a list")
    return tuple(_tool_call(call, position) for position, call in enumerate(calls))


def _tool_call(call: JsonValue, position: int) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict) or not isinstance(name, str):
        raise ValueError(f"tool call {position} names no function")
    id, arguments = _text(call.get("id")) or "", function.get("arguments")
    if isinstance(arguments, dict):
        return ToolCall(name, arguments, id)
    if arguments is None or arguments == "":
        return ToolCall.from_text(name, "{}", id=id)
    return ToolCall.from_text(name, arguments if isinstance(arguments, str) else dump_json(arguments).decode(), id=id)


def _usage(usage: JsonValue) -> Usage:
    if not isinstance(usage, dict):
        return Usage(calls=1)
    details = usage.get("prompt_tokens_details")
    return Usage(
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _count(details.get("cached_tokens")) if isinstance(details, dict) else 0,
        _cost(usage.get("cost")),
        calls=1,
    )


def _cost(cost: JsonValue) -> float:
    """US dollars, where a server tells them, as OpenRouter does."""
    return float(cost) if isinstance(cost, (int, float)) and cost > 0 else 0.0


def _span(reply: JsonObject, choice: JsonObject, temperature: float | None) -> TokenSpan | None:
    """What vLLM adds on `return_token_ids`: the prompt's ids beside the choices, the sampled ids in the choice."""
    prompt, sampled = reply.get("prompt_token_ids"), choice.get("token_ids")
    if not isinstance(prompt, list) or not isinstance(sampled, list):
        return None
    return TokenSpan(_ids(prompt), _ids(sampled), _logprobs(choice, len(sampled)), temperature)


def _ids(values: list[JsonValue]) -> tuple[int, ...]:
    ids = tuple(value for value in values if isinstance(value, int))
    if len(ids) != len(values):
        raise ValueError("the token ids are not all integers")
    return ids


def _logprobs(choice: JsonObject, sampled: int) -> tuple[float, ...] | None:
    """One per sampled token, or none at all: a trainer could not tell which are missing."""
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list):
        return None
    values = [token.get("logprob") for token in content if isinstance(token, dict)]
    numbers = tuple(float(value) for value in values if isinstance(value, (int, float)))
    return numbers if len(numbers) == sampled else None


def _count(value: JsonValue) -> int:
    return int(value) if isinstance(value, (int, float)) and value > 0 else 0


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None
