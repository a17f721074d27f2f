"""Replies of chat-completions endpoints, read into turns; shapes differ between servers, and all the usual ones fit."""

from __future__ import annotations

import json
from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from agentgym.jsontext import dump_json, is_too_deep
from agentgym.messages import NO_USAGE, JsonObject, TokenSpan, ToolCall, Turn, Usage
from agentgym.quickinit import quick_init
from agentgym.transport import Reply

_LONGEST_ERROR = 500


@quick_init
@dataclass(frozen=True, kw_only=True)
class JsonReply(Reply):
    """A reply whose body every reader of JSON takes, and what it says."""

    value: JsonValue


def json_reply(reply: Reply) -> JsonReply:
    """Read a body; text that UTF-8 cannot hold is mended in it, and numbers that JSON cannot hold are null.

    Raises ValueError where it is no JSON at all.
    """
    body = reply.body
    try:
        value = _loads(body)
    except orjson.JSONDecodeError:
        body = dump_json(value := _mended(body))
    return JsonReply(reply.status, body, reply.headers, value=value)


def read_reply(body: bytes) -> JsonValue:
    """What a body says, mended likewise."""
    return json_reply(Reply(200, body)).value


def read_turns(
    reply: JsonValue, *, temperature: float | None = None, latency_s: float | None = None
) -> tuple[Turn, ...]:
    """Every choice of a reply, with token ids where the server gives them.

    The usage, which is told of all choices together, stands on the first alone. Raises ValueError with what is wrong
    with the reply.
    """
    answer, choices = _answered(reply)
    if len(choices) > 1:
        choices = sorted(choices, key=_index)
    first = _turn(answer, choices[0], 0, temperature, latency_s)
    if len(choices) == 1:
        return (first,)
    others = enumerate(choices[1:], 1)
    return first, *(_turn(answer, choice, position, temperature, latency_s) for position, choice in others)


def _index(choice: JsonValue) -> int:
    index = choice.get("index") if isinstance(choice, dict) else None
    return index if isinstance(index, int) else 0


def _mended(body: bytes) -> JsonValue:
    try:
        return _loads(dump_json(json.loads(body.decode("utf-8-sig", errors="replace"))))
    except (ValueError, RecursionError):
        raise ValueError("the reply is not JSON") from None


def _loads(body: bytes) -> JsonValue:
    value: JsonValue = orjson.loads(body)
    return value


def told_error(reply: JsonObject) -> str | None:
    """What went wrong, in one line, where the server tells that in place of an answer, whatever the status."""
    told: JsonValue = reply.get("error") or (reply if reply.get("object") == "error" else None)
    if not told:
        return None
    told = in_words(told, "message", "error", "detail", "code") or "no message"
    text = told if isinstance(told, str) else dump_json(told).decode()
    return " ".join(text[:_LONGEST_ERROR].split()) or "no message"


def in_words(told: JsonValue, *names: str) -> JsonValue:
    """What an error says under the first of some names, however deep; after it, what a server behind it said."""
    behind = ""
    while isinstance(told, dict):
        more = told.get("metadata")
        raw = more.get("raw") if isinstance(more, dict) else None  # so OpenRouter hands it on
        behind = raw if isinstance(raw, str) else behind
        told = next((told[name] for name in names if told.get(name)), None)
    return f"{told}: {behind}" if behind and isinstance(told, str) else told


def split_thoughts(text: str) -> tuple[str, str | None]:
    """The answer, and what was thought before it up to `</think>`; the tag that opens may stand in the prompt."""
    before, close, after = text.partition("</think>")
    if before.lstrip().startswith("<think>"):
        # Where the tag that closes is missing, the model was cut short and has no answer.
        return after.lstrip(), before.lstrip().removeprefix("<think>").strip() or None
    if not close or "<think>" in text or "</think>" in after or _is_mention(before, after):
        return text, None
    return after.lstrip(), before.strip() or None


def _is_mention(before: str, after: str) -> bool:
    """Whether a sentence speaks of the tag; thoughts end with their line, or right where the answer begins."""
    return before.endswith((" ", "`", '"', "'")) and bool(after.partition("\n")[0].strip())


def _answered(reply: JsonValue) -> tuple[JsonObject, list[JsonValue]]:
    """The reply, and its choices, of which there is one at least."""
    if not isinstance(reply, dict):
        raise ValueError("the reply is not a JSON object")
    choices = reply.get("choices")
    if isinstance(choices, list) and choices and not reply.get("error"):
        return reply, choices
    told = told_error(reply)
    if told is None:
        raise ValueError("the reply has no choices")
    raise ValueError(f"the reply {'is an error' if choices else 'has no choices'}: the server says: {told}")


def _turn(
    reply: JsonObject, choice: JsonValue, position: int, temperature: float | None, latency_s: float | None
) -> Turn:
    if not isinstance(choice, dict):
        raise ValueError("the reply has no choices that are JSON objects")
    message, reason = choice.get("message"), choice.get("finish_reason")
    if choice.get("error") or reason == "error":
        raise ValueError(f"the answer broke off: the server says: {told_error(choice) or 'error'}")
    if not isinstance(message, dict):
        raise ValueError(f"{f'choice {position}' if position else 'the first choice'} has no message")
    text, reasoning = _said(message)
    return Turn(
        text,
        _tool_calls(message),
        reasoning=reasoning,
        finish_reason=reason if isinstance(reason, str) else None,
        usage=NO_USAGE if position else _usage(reply.get("usage")),
        latency_s=latency_s,
        span=_span(reply, choice, temperature),
        model=_text(reply.get("model")),
    )


def _said(message: JsonObject) -> tuple[str, str | None]:
    """The text and the reasoning, which servers tell apart, or list as parts, or leave together."""
    content = message.get("content")
    reasoning = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    if content is None:
        return _text(message.get("refusal")) or "", reasoning
    if isinstance(content, list):
        text = join_parts(content, "text")
        reasoning = reasoning or join_parts(content, "thinking") or None
    elif isinstance(content, str):
        text = content
    else:
        raise ValueError(f"the content is no text, but {type(content).__name__}")
    return (text, reasoning) if reasoning or "think>" not in text else split_thoughts(text)


def join_parts(parts: list[JsonValue], kind: str) -> str:
    """The parts of one kind, joined; Mistral's thoughts are parts that hold a list of parts."""
    return "".join([_part(part, kind) for part in parts])


def _part(part: JsonValue, kind: str) -> str:
    if not isinstance(part, dict):
        raise ValueError("a part of the content is not an object")
    told = part.get(kind)
    if isinstance(told, list):
        return "".join([_text(inner.get("text")) or "" for inner in told if isinstance(inner, dict)])
    return _text(told) or ""


def _tool_calls(message: JsonObject) -> tuple[ToolCall, ...]:
    calls = message.get("tool_calls")
    if not calls:
        # What there was before a message could hold several calls.
        alone = message.get("function_call")
        return (_tool_call({"function": alone}, 0),) if alone else ()
    if isinstance(calls, dict):
        # TGI sends one call without a list around it.
        calls = [calls]
    if not isinstance(calls, list):
        raise ValueError("the tool calls are not a list")
    read = [_tool_call(call, position) for position, call in enumerate(calls)]
    return tuple(read)


def _tool_call(call: JsonValue, position: int) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict) or not isinstance(name, str):
        raise ValueError(f"tool call {position} names no function")
    id, arguments = _text(call.get("id")) or "", function.get("arguments")
    if isinstance(arguments, dict) and not is_too_deep(arguments):
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
    version = _text(reply.get("system_fingerprint"))  # `agentgym model serve` tells here which weights answered
    return TokenSpan(_ids(prompt), _ids(sampled), _logprobs(choice, len(sampled)), temperature, version)


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
