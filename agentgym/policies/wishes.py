"""What is asked of a model besides the conversation: as fields of a request, and as a run remembers it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from agentgym.errors import UsageError
from agentgym.messages import JsonObject

HIDDEN = "[hidden]"
_SECRET = re.compile("key|token$|secret|password|authorization", re.IGNORECASE)
_OURS = ("model", "messages", "tools", "temperature", "stream")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """By the names of OpenAIPolicy."""

    temperature: float | None = None
    max_tokens: int | None = None
    stop: str | Sequence[str] | None = None
    n: int | None = None
    extra_body: Mapping[str, JsonValue] = field(default_factory=dict)
    logprobs: bool = False
    token_ids: bool = False
    send_seed: bool = False
    stream: bool = False

    def fields(self, *, for_openai: bool) -> JsonObject:
        """Of every request."""
        # OpenAI's newer models refuse `max_tokens`; many other servers know nothing else.
        most = "max_completion_tokens" if for_openai else "max_tokens"
        fields = _given(
            {
                "temperature": self.temperature,
                most: self.max_tokens,
                "stop": self._stops(),
                "n": self.n,
                "logprobs": (self.logprobs or self.token_ids) or None,
                "return_token_ids": self.token_ids or None,
                "stream": self.stream or None,
                "stream_options": {"include_usage": True} if self.stream else None,
            }
        )
        for name in (*_OURS, *fields):
            if name in self.extra_body:
                raise UsageError(f"extra_body may not hold {name!r}: that is the policy's own to say")
        return fields | dict(self.extra_body)

    def settings(self) -> JsonObject:
        """What a run keeps of them: whatever was chosen, and no secret."""
        body = {name: HIDDEN if _SECRET.search(name) else value for name, value in self.extra_body.items()}
        return _given(
            {
                "temperature": self.temperature,
                "max_tokens": self.max_tokens,
                "stop": self._stops(),
                "n": self.n,
                "extra_body": body or None,
                "logprobs": self.logprobs or None,
                "token_ids": self.token_ids or None,
                "send_seed": self.send_seed or None,
                "stream": self.stream or None,
            }
        )

    def _stops(self) -> JsonValue:
        return self.stop if isinstance(self.stop, str | None) else list(self.stop)


def _given(values: Mapping[str, Any]) -> JsonObject:
    return {name: value for name, value in values.items() if value is not None}
