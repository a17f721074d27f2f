"""What is asked of a model besides the conversation: as fields of a request, and as a run remembers it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
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

    def __post_init__(self) -> None:
        wrong = [name for name, fits in self._checks() if not fits]
        if wrong:
            raise UsageError(f"{wrong[0]}={getattr(self, wrong[0])!r}: {_FORMS[wrong[0]]}")

    def _checks(self) -> Iterator[tuple[str, bool]]:
        temperature: Any = self.temperature
        stop: Any = self.stop
        body: Any = self.extra_body
        yield "temperature", temperature is None or (is_number(temperature) and 0 <= temperature < math.inf)
        for name in ("max_tokens", "n"):
            value = getattr(self, name)
            yield name, value is None or (type(value) is int and value > 0)
        texts = stop is None or isinstance(stop, str) or (isinstance(stop, Sequence) and all(map(_is_text, stop)))
        yield "stop", texts
        yield "extra_body", isinstance(body, Mapping) and all(map(_is_text, body))
        for name in ("logprobs", "token_ids", "send_seed", "stream"):
            yield name, isinstance(getattr(self, name), bool)

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
        for name in (*_OURS, *fields, *(["seed"] if self.send_seed else [])):
            if name in self.extra_body:
                raise UsageError(f"extra_body may not hold {name!r}: that is the policy's own to say")
        return fields | dict(self.extra_body)

    def settings(self) -> JsonObject:
        """What a run keeps of them: whatever was chosen, and no secret."""
        body = _without_secrets(dict(self.extra_body))
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


_FORMS = {
    "temperature": "give a number of at least 0",
    "max_tokens": "give a whole number of at least 1",
    "n": "give a whole number of at least 1",
    "stop": "give a text, or a list of texts",
    "extra_body": "give a table of names and values",
    **dict.fromkeys(("logprobs", "token_ids", "send_seed", "stream"), "give True or False"),
}


def is_number(value: object) -> bool:
    """Whether it is one, which for Python a bool is too."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _without_secrets(value: JsonValue) -> JsonValue:
    """At any depth: what a name says is secret is hidden."""
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: HIDDEN if _SECRET.search(name) else _without_secrets(inner) for name, inner in value.items()}


def _given(values: Mapping[str, Any]) -> JsonObject:
    return {name: value for name, value in values.items() if value is not None}
