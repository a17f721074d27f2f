"""Text to tokens, where no engine told which they were: append-only too, piece after piece of the rendered text.

The prompt and the reply are tokenised apart, as an engine meets them, and a reply ends with its end-of-turn token:
what templates put behind that, no model ever writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

from agentgym.errors import UsageError, boundary
from agentgym.exports.calls import arguments_object
from agentgym.exports.notices import Notices
from agentgym.extras import require
from agentgym.messages import JsonObject, Message, TokenSpan
from trainers.dataset.chaining import TokenCall
from trainers.dataset.speaking import Reply


class Tokenizer(Protocol):
    """What is asked of a tokenizer; those of transformers have it."""

    eos_token: str | None

    def encode(self, text: str, /, *, add_special_tokens: bool) -> list[int]:
        """The tokens of a text."""

    def apply_chat_template(
        self,
        conversation: list[JsonObject],
        /,
        *,
        tools: list[JsonObject] | None,
        add_generation_prompt: bool,
        tokenize: bool,
    ) -> str:
        """The text of a conversation."""


def load_tokenizer(path: str | Path) -> Tokenizer:
    """The tokenizer of a checkpoint's folder, by transformers."""
    transformers = require("transformers")
    with boundary(UsageError, f"{path}: no tokenizer can be read there; give the folder of a checkpoint"):
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(path))
    if not getattr(tokenizer, "chat_template", None):
        raise UsageError(f"{path}: its tokenizer has no chat template, so dialogues have no text; give one that has")
    return cast(Tokenizer, tokenizer)


def tokenized(replies: Iterable[Reply], tokenizer: Tokenizer, *, where: str, notices: Notices) -> Iterator[TokenCall]:
    """Each reply as a call with tokens of our own making."""
    held: list[tuple[str, tuple[int, ...]]] = []
    for reply in replies:
        with boundary(UsageError, f"{where}: the chat template cannot write the dialogue"):
            asked, answered = _texts(reply, tokenizer)
        if answered is None:
            notices.add("replies left out, for the chat template writes prompts that they do not begin with", where)
            continue
        prompt_ids = _prompt_ids(asked, held, tokenizer)
        completion_ids = _encode(tokenizer, answered)
        held.append((asked + answered, prompt_ids + completion_ids))
        span = TokenSpan(prompt_ids, completion_ids, exact=False)
        yield TokenCall(span=span, turn=reply.turn, role=reply.role, finish_reason=reply.finish_reason)


def _texts(reply: Reply, tokenizer: Tokenizer) -> tuple[str, str | None]:
    """The prompt, and the reply where it goes on from there."""
    messages = [_template_message(message) for message in reply.prompt]
    tools = list(reply.tools) or None
    asked = tokenizer.apply_chat_template(messages, tools=tools, add_generation_prompt=True, tokenize=False)
    messages.append(_template_message(reply.message))
    whole = tokenizer.apply_chat_template(messages, tools=tools, add_generation_prompt=False, tokenize=False)
    if not whole.startswith(asked):
        return asked, None
    return asked, _ended(whole[len(asked) :], tokenizer.eos_token)


def _ended(text: str, eos: str | None) -> str:
    place = text.rfind(eos) if eos else -1
    return text if place < 0 else text[: place + len(eos or "")]


def _prompt_ids(text: str, held: Sequence[tuple[str, tuple[int, ...]]], tokenizer: Tokenizer) -> tuple[int, ...]:
    """The prompt's tokens; as far as it is known, the same as before."""
    fitting = [known for known in held if text.startswith(known[0])]
    begun, ids = max(fitting, key=lambda known: len(known[0]), default=("", ()))
    return ids + _encode(tokenizer, text[len(begun) :])


def _encode(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(text, add_special_tokens=False)) if text else ()


def _template_message(message: Message) -> JsonObject:
    """A message as chat templates want it: text always, and arguments as objects."""
    row: JsonObject = {"role": message.role, "content": message.content}
    if message.reasoning:
        row["reasoning_content"] = message.reasoning
    if message.tool_calls:
        row["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments_object(call)}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        row["tool_call_id"] = message.tool_call_id
    return row
