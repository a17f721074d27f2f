"""Turns written as chat completions: what a server would have sent for them."""

from __future__ import annotations

from pydantic import JsonValue

from agentgym.messages import JsonObject, ToolCall, Turn, Usage


def completion(turn: Turn, *, model: str = "fake", number: int = 1, n: int = 1) -> JsonObject:
    """The chat completion that stands for a turn, `n` times the same; calls without an id get one of their own."""
    message: JsonObject = {"role": "assistant", "content": turn.text or None}
    if turn.reasoning is not None:
        message["reasoning_content"] = turn.reasoning
    if turn.tool_calls:
        calls = enumerate(turn.tool_calls)
        message["tool_calls"] = [_call(call, f"call_{number}_{position}") for position, call in calls]
    reason = turn.finish_reason or ("tool_calls" if turn.tool_calls else "stop")
    choice: JsonObject = {"index": 0, "message": message, "finish_reason": reason}
    whole: JsonObject = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "model": turn.model or model,
        "choices": [choice, *({**choice, "index": index} for index in range(1, n))],
        "usage": _usage(turn.usage),
    }
    if turn.span is not None:
        whole["prompt_token_ids"] = list(turn.span.prompt_ids)
        choice["token_ids"] = list(turn.span.completion_ids)
        choice["logprobs"] = _logprobs(turn.span.logprobs)
    return whole


def _call(call: ToolCall, id: str) -> JsonObject:
    return {"id": call.id or id, "type": "function", "function": {"name": call.name, "arguments": call.text}}


def _usage(usage: Usage) -> JsonObject:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _logprobs(values: tuple[float, ...] | None) -> JsonValue:
    return None if values is None else {"content": [{"token": "", "logprob": value} for value in values]}
