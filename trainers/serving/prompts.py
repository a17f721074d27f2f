"""Conversations as a model reads them: by its chat template, with the ids it sampled itself kept as they are."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from pydantic import JsonValue

from agentgym.errors import describe
from agentgym.extras import require
from agentgym.jsontext import parse_json
from agentgym.messages import JsonObject
from trainers.engine.sample import Sample, SampleRequest
from trainers.serving.refusal import Refusal
from trainers.serving.requests import Call, ChatAsked, ChatMessage

_MOST_KEPT_TOKENS = 1 << 22
_SHORT, _MOST_SHORT = 8192, 2048
"""Texts of so many characters at most are remembered with their tokens, and so many of them."""


class Prompts:
    """Makes prompts of requests.

    A text rarely becomes the tokens again that it was sampled as. Where a conversation goes on from an answer given
    here, and the template writes that answer as the model did, its ids are taken from memory: so a prompt begins with
    the prompt and the answer before it, token by token, and a whole episode is one row to train on.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        # The trials of a task ask the same, and tokenizing waits for the engine's thread.
        self._encode = lru_cache(_MOST_SHORT)(self._encoded)
        self._end: str = tokenizer.eos_token or ""
        self._kept: OrderedDict[bytes, array[int]] = OrderedDict()
        self._kept_tokens = 0

    def render(self, asked: ChatAsked) -> str:
        """The conversation as text, up to where the model goes on."""
        if not self._tokenizer.chat_template:
            raise Refusal("This model has no chat template; ask /v1/completions.", param="messages")
        errors = (require("jinja2").TemplateError, TypeError, ValueError, KeyError, AttributeError)
        try:
            rendered: str = self._tokenizer.apply_chat_template(
                [_plain(message, position) for position, message in enumerate(asked.messages)],
                tools=asked.tools if asked.tool_choice != "none" and asked.tools else None,
                tokenize=False,
                add_generation_prompt=True,
                **(asked.chat_template_kwargs or {}),
            )
        except errors as error:
            told = f"The chat template cannot be filled with these messages: {describe(error)}"
            raise Refusal(told, param="messages") from None
        return rendered

    def ids(self, text: str, seed: int | None) -> tuple[int, ...]:
        """The tokens of a rendered conversation."""
        place = len(text)
        while self._kept and self._end and (place := text.rfind(self._end, 0, place)) > 0:
            held = self._kept.get(_key(text[:place], seed))
            if held is not None:
                return (*held, *self.encode(text[place:]))
        return self.encode(text)

    def encode(self, text: str, *, special: bool = False) -> tuple[int, ...]:
        """The tokens of any text, with those that begin every text where `special` asks for them."""
        return self._encode(text, special) if len(text) <= _SHORT else self._encoded(text, special)

    def _encoded(self, text: str, special: bool) -> tuple[int, ...]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"]
        return tuple(ids)

    def keep(self, text: str, request: SampleRequest, index: int, sample: Sample) -> None:
        """Remember what was sampled after a prompt; the oldest is forgotten first.

        Two episodes may have the same text of other tokens, so each remembers under its seed, where it has one. Where
        choices of one request do, the first counts, for that is the one that is played.
        """
        said = sample.token_ids
        if said and said[-1] == self._tokenizer.eos_token_id:
            said = said[:-1]
        new = self._tokenizer.decode(list(said), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        key, ids = _key(text + new, request.seed), array("i", (*request.prompt_ids, *said))
        if index and key in self._kept:
            return
        self._kept_tokens += len(ids) - len(self._kept.pop(key, ()))
        self._kept[key] = ids
        while self._kept_tokens > _MOST_KEPT_TOKENS:
            self._kept_tokens -= len(self._kept.popitem(last=False)[1])


def _key(text: str, seed: int | None) -> bytes:
    return blake2b(f"{seed}:{text}".encode(errors="surrogatepass"), digest_size=16).digest()


def _plain(message: ChatMessage, position: int) -> JsonObject:
    """As templates expect it: a text, and arguments as an object."""
    plain: JsonObject = {"role": "system" if message.role == "developer" else message.role}
    plain["content"] = _text(message.content, position)
    for name in ("name", "tool_call_id", "reasoning_content"):
        if (told := getattr(message, name)) is not None:
            plain[name] = told
    if message.tool_calls:
        plain["tool_calls"] = [_call(call) for call in message.tool_calls]
    return plain


def _text(content: str | list[JsonObject] | None, position: int) -> str:
    if not isinstance(content, list):
        return content or ""
    parts = [part.get("text") if part.get("type", "text") == "text" else None for part in content]
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) < len(parts):
        raise Refusal(f"messages[{position}].content holds a part that is no text; only texts are read here.")
    return "".join(texts)


def _call(call: Call) -> JsonObject:
    function: JsonObject = {"name": call.function.name, "arguments": _arguments(call.function.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _arguments(given: str | JsonObject) -> JsonValue:
    if not isinstance(given, str):
        return given
    try:
        read = parse_json(given or "{}")
    except ValueError:
        return given
    return read if isinstance(read, dict) else given
