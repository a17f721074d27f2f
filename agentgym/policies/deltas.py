"""The chunks of a streamed completion, joined into a whole one; servers cut and number them in their own ways."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson
from pydantic import JsonValue

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.policies.completions import told_error

_HEAD = ("id", "created", "model", "system_fingerprint", "prompt_token_ids")
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")


class Answer:
    """A completion that grows chunk by chunk."""

    def __init__(self) -> None:
        self._head: JsonObject = {}
        self._usage: JsonValue = None
        self._choices: dict[int, _Choice] = {}

    def add(self, chunk: JsonValue | bytes) -> None:
        """Take in one chunk; ValueError where it is none, or tells of an error."""
        if not isinstance(chunk, dict):
            raise ValueError(f"a chunk of the stream is not a JSON object: {_excerpt(chunk)}")
        _check(chunk)
        for name in _HEAD:
            if name not in self._head and chunk.get(name):
                self._head[name] = chunk[name]
        self._usage = chunk.get("usage") or self._usage
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                _check(choice)
                self._choice(choice.get("index")).add(choice)

    def _choice(self, index: JsonValue) -> _Choice:
        number = index if isinstance(index, int) else 0
        return self._choices.setdefault(number, _Choice())

    @property
    def finished(self) -> bool:
        """Whether every choice says why it ended."""
        return bool(self._choices) and all(choice.reason for choice in self._choices.values())

    def whole(self) -> JsonObject:
        """The completion as a server without streams would have sent it."""
        if self._choices and not self._usage and not any(choice.begun for choice in self._choices.values()):
            # litellm's proxy so ends what broke off behind it.
            raise ValueError("the stream ended before any answer began")
        choices: list[JsonValue] = [{"index": index, **self._choices[index].whole()} for index in sorted(self._choices)]
        return {**self._head, "object": "chat.completion", "choices": choices, "usage": self._usage}


class _Choice:
    def __init__(self) -> None:
        self.reason: str | None = None
        self.begun = False
        """Whether anything was said at all, were it only by whom."""
        self._texts: dict[str, list[JsonValue]] = {}
        self._calls = _Calls()
        self._logprobs: list[JsonValue] = []
        self._token_ids: list[JsonValue] = []

    def add(self, choice: JsonObject) -> None:
        delta, reason, logprobs = choice.get("delta"), choice.get("finish_reason"), choice.get("logprobs")
        if not isinstance(delta, dict):
            # A server that streams by name only sends the whole message.
            delta = choice.get("message")
        if isinstance(delta, dict):
            self.begun = self.begun or bool(delta)
            self._say(delta)
        if reason and isinstance(reason, str):
            self.reason = reason
        self._logprobs += _list(logprobs.get("content")) if isinstance(logprobs, dict) else ()
        self._token_ids += _list(choice.get("token_ids"))

    def _say(self, delta: JsonObject) -> None:
        for name in _TEXTS:
            said = delta.get(name)
            if said:
                self._texts.setdefault(name, []).append(said)
        calls = delta.get("tool_calls")
        if calls:
            # TGI sends one call without a list around it.
            for call in [calls] if isinstance(calls, dict) else _list(calls):
                self._calls.add(call)
        alone = delta.get("function_call")
        if alone:
            self._calls.add({"index": 0, "function": alone})

    def whole(self) -> JsonObject:
        message: JsonObject = {"role": "assistant", "content": None}
        message |= {name: _joined(pieces) for name, pieces in self._texts.items()}
        if self._calls.all:
            message["tool_calls"] = self._calls.whole()
        choice: JsonObject = {"message": message, "finish_reason": self.reason}
        if self._logprobs:
            choice["logprobs"] = {"content": self._logprobs}
        if self._token_ids:
            choice["token_ids"] = self._token_ids
        return choice


@dataclass(slots=True)
class _Call:
    order: int
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    looked_at: int = 0
    """Characters that were parsed to see whether the arguments are whole."""

    def is_whole(self) -> bool:
        """Whether the arguments are JSON; looked for a few times only, or many pieces would take quadratic time."""
        if not self.pieces or not self.pieces[-1].rstrip().endswith("}") or self.looked_at > 8 * self.length:
            return False
        self.looked_at += self.length
        try:
            orjson.loads("".join(self.pieces))
        except orjson.JSONDecodeError:
            return False
        return True


class _Calls:
    """The calls of one choice; pieces find theirs by index or id, and where those are missing or wrong, by the name."""

    def __init__(self) -> None:
        self.all: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}

    def add(self, delta: JsonValue) -> None:
        if not isinstance(delta, dict):
            raise ValueError("a tool call of the stream is not an object")
        function = delta.get("function")
        function = function if isinstance(function, dict) else {}
        index, id, name = delta.get("index"), _text(delta.get("id")), _text(function.get("name"))
        piece = _arguments(function.get("arguments"))
        call = self._known(index, id)
        if call is None or _begins_another(call, id, name, piece, is_numbered=isinstance(index, int)):
            call = self._new(index)
        call.id = call.id or id
        if id:
            self._by_id.setdefault(id, call)
        if not call.name or (not call.pieces and name != call.name):
            call.name += name
        if piece:
            call.pieces.append(piece)
            call.length += len(piece)

    def _known(self, index: JsonValue, id: str) -> _Call | None:
        if isinstance(index, int):
            return self._by_index.get(index)
        return self._by_id.get(id) or (self.all[-1] if self.all else None)

    def _new(self, index: JsonValue) -> _Call:
        order = index if isinstance(index, int) else self.all[-1].order if self.all else 0
        call = _Call(order)
        self.all.append(call)
        self._by_index[order] = call
        return call

    def whole(self) -> list[JsonValue]:
        calls = sorted(self.all, key=lambda call: call.order)
        return [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": "".join(call.pieces)}}
            for call in calls
            if call.name or call.pieces
        ]


def _begins_another(call: _Call, id: str, name: str, piece: str, *, is_numbered: bool) -> bool:
    """Some servers number no calls, or all alike; some repeat the name, or make up an id, in every piece."""
    if not name or not call.name or (id and id == call.id):
        return False
    has_other_id = bool(id) and (bool(call.id) or not is_numbered)
    if name != call.name:
        return bool(call.pieces) or has_other_id or not is_numbered
    if has_other_id and not call.pieces:
        return True
    return (has_other_id or bool(piece.strip())) and call.is_whole()


def _check(told: JsonObject) -> None:
    error = told_error(told)
    if error is not None:
        raise ValueError(f"the stream broke off: the server says: {error}")


def _joined(pieces: list[JsonValue]) -> JsonValue:
    """One text, or one list of parts where a server sends parts."""
    texts = [piece for piece in pieces if isinstance(piece, str)]
    if len(texts) == len(pieces):
        return "".join(texts)
    parts: list[JsonValue] = []
    for piece in pieces:
        if not isinstance(piece, (str, list)):
            return piece
        parts += [{"type": "text", "text": piece}] if isinstance(piece, str) else piece
    return parts


def _arguments(value: JsonValue) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return dump_json(value).decode()


def _excerpt(chunk: JsonValue | bytes) -> str:
    text = chunk.decode(errors="replace") if isinstance(chunk, bytes) else dump_json(chunk).decode()
    return " ".join(text[:200].split())


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
