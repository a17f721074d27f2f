"""Samples as OpenAI-compatible bodies, whole; token ids stand where vLLM puts them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from secrets import token_hex
from time import time

from pydantic import JsonValue

from agentgym.messages import JsonObject
from agentgym.policies.calljson import FoundCalls
from trainers.engine.sample import Likeliest, Piece, Sample
from trainers.engine.text import TokenNames


@dataclass(frozen=True, slots=True)
class Head:
    """What every body, and every chunk of one answer, says alike."""

    id: str
    model: str
    created: int

    @classmethod
    def new(cls, prefix: str, model: str) -> Head:
        """For one answer."""
        return cls(f"{prefix}-{token_hex(12)}", model, int(time()))

    def body(self, object: str, *, version: str) -> JsonObject:
        """`system_fingerprint` says which weights answered."""
        told: JsonObject = {"id": self.id, "object": object, "created": self.created, "model": self.model}
        return told | {"system_fingerprint": version}


def usage(prompt_tokens: int, completion_tokens: int) -> JsonObject:
    """A prompt counts once, however many choices it has."""
    total = prompt_tokens + completion_tokens
    return {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": total}


def message_of(found: FoundCalls, *, mark: str) -> JsonObject:
    """An assistant's message."""
    message: JsonObject = {"role": "assistant", "content": found.text or (None if found.calls else "")}
    if found.reasoning is not None:
        message["reasoning_content"] = found.reasoning
    if found.calls:
        message["tool_calls"] = list[JsonValue](calls_of(found, mark=mark))
    return message


def calls_of(found: FoundCalls, *, mark: str) -> list[JsonObject]:
    """Its calls; `mark` makes their ids other ones than those of all other answers."""
    return [
        {
            "id": call.id or f"call_{mark}_{position}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.text},
        }
        for position, call in enumerate(found.calls)
    ]


def mark_of(prompt_ids: Sequence[int], sample: Sample) -> str:
    """Equal for equal answers to equal prompts, so that a seed gives equal episodes."""
    digest = blake2b(array("q", prompt_ids).tobytes(), digest_size=6)
    digest.update(array("q", sample.token_ids).tobytes())
    return digest.hexdigest()


def finish_reason(sample: Sample, found: FoundCalls | None = None) -> str:
    """Cut off is told before anything else."""
    return (
        "tool_calls" if found is not None and found.calls and sample.finish_reason == "stop" else sample.finish_reason
    )


def chat_logprobs(said: Sample | Piece, names: TokenNames) -> JsonObject:
    """One entry for each token."""
    likeliest: Sequence[Likeliest] = said.likeliest or [()] * len(said.token_ids)
    told: list[JsonValue] = [
        _entry(number, logprob, names) | {"top_logprobs": [_entry(*one, names) for one in others]}
        for number, logprob, others in zip(said.token_ids, said.logprobs, likeliest, strict=True)
    ]
    return {"content": told}


def text_logprobs(said: Sample | Piece, names: TokenNames, *, offset: int) -> JsonObject:
    """The older form, four lists side by side."""
    tokens = [names[number] for number in said.token_ids]
    offsets = list[JsonValue]()
    for token in tokens:
        offsets.append(offset)
        offset += len(token)
    tops: list[JsonValue] = [{names[number]: value for number, value in one} for one in said.likeliest]
    told: JsonObject = {"tokens": list(tokens), "token_logprobs": list(said.logprobs), "text_offset": offsets}
    return told | {"top_logprobs": tops or None}


def _entry(number: int, logprob: float, names: TokenNames) -> JsonObject:
    token = names[number]
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}
