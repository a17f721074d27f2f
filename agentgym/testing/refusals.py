"""Answers that say no, in the words of real servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue

from agentgym.testing.chat import FakeReply


def context_too_long(
    *, limit_tokens: int = 8192, tokens: int = 9000, server: Literal["openai", "vllm"] = "openai"
) -> FakeReply:
    """The answer to a conversation that has outgrown the model's context, as the server words it."""
    most = f"This model's maximum context length is {limit_tokens} tokens. However, "
    if server == "openai":
        message = f"{most}your messages resulted in {tokens} tokens. Please reduce the length of the messages."
        return refusal(400, message, param="messages", code="context_length_exceeded")
    message = (
        f"{most}you requested 0 output tokens and your prompt contains {tokens} input tokens, for a total of {tokens} "
        f"tokens. Please reduce the length of the input prompt or the number of requested output tokens. "
        f"(parameter=input_tokens, value={tokens})"
    )
    return refusal(400, message, type="BadRequestError", param="input_tokens", code=400)


def too_many_requests(retry_after_s: float | None = None) -> FakeReply:
    """The answer of a server that is asked too much, which may say when to come again."""
    headers = {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:.3f}".rstrip("0").rstrip(".")}
    message = "Rate limit reached: too many requests"
    return refusal(429, message, type="requests", code="rate_limit_exceeded", headers=headers)


def unknown_model(model: str) -> FakeReply:
    """The answer to a client that asks for a model the server does not have."""
    message = f"The model `{model}` does not exist or you do not have access to it."
    return refusal(404, message, code="model_not_found")


def wrong_key() -> FakeReply:
    """The answer to a client whose key is wrong, or missing."""
    return refusal(401, "Incorrect API key provided.", code="invalid_api_key")


def refusal(
    status: int,
    message: str,
    *,
    type: str = "invalid_request_error",
    param: str | None = None,
    code: str | int | None = None,
    headers: Mapping[str, str] | None = None,
) -> FakeReply:
    """An error as chat-completions servers write one."""
    error: dict[str, JsonValue] = {"message": message, "type": type, "param": param, "code": code}
    return FakeReply(status=status, body={"error": error}, headers=headers or {})
