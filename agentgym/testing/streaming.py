"""Completions cut into the chunks of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject

_PIECE = 12
"""Characters of text, or of arguments, in one chunk."""


def stream_events(whole: JsonObject, *, with_usage: bool) -> Iterator[bytes]:
    """The events of a stream that says what the completion says."""
    choices: Any = whole["choices"]
    head = {"id": whole.get("id"), "object": "chat.completion.chunk", "model": whole.get("model")}
    if "prompt_token_ids" in whole:
        head["prompt_token_ids"] = whole["prompt_token_ids"]
    for choice in choices:
        for delta in _deltas(choice["message"]):
            yield _event({**head, "choices": [{"index": choice["index"], "delta": delta, "finish_reason": None}]})
        end = {"index": choice["index"], "delta": {}, "finish_reason": choice["finish_reason"]}
        end |= {name: choice[name] for name in ("logprobs", "token_ids") if name in choice}
        yield _event({**head, "choices": [end]})
    if with_usage:
        yield _event({**head, "choices": [], "usage": whole["usage"]})
    yield b"data: [DONE]\n\n"


def _deltas(message: dict[str, Any]) -> Iterator[JsonObject]:
    yield {"role": "assistant", "content": ""}
    for name in ("reasoning_content", "content"):
        text = message.get(name) or ""
        for start in range(0, len(text), _PIECE):
            yield {name: text[start : start + _PIECE]}
    for index, call in enumerate(message.get("tool_calls") or []):
        function = call["function"]
        first = {"name": function["name"], "arguments": ""}
        yield {"tool_calls": [{"index": index, "id": call["id"], "type": "function", "function": first}]}
        for start in range(0, len(function["arguments"]), _PIECE):
            piece = function["arguments"][start : start + _PIECE]
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _event(chunk: JsonObject) -> bytes:
    return b"data: " + dump_json(chunk) + b"\n\n"
