"""trl-prompt: `{prompt, completion, tools}` for TRL: what comes before the first reply to learn, and from there on.

GRPOTrainer takes the prompt alone. Arguments are objects, as chat templates want them; tools are JSON text, for their
schemas have no columns in common.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from agentgym.exports.calls import arguments_object, read_tools
from agentgym.exports.dialogue import Dialogue, Said, reply_places
from agentgym.exports.notices import Notices
from agentgym.exports.openai import openai_message, read_messages
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject


def rows(dialogue: Dialogue, notices: Notices) -> Iterator[JsonObject]:
    """The one row of a dialogue; one without a reply to learn is all prompt."""
    messages: list[JsonValue] = [_message(message) for message in dialogue.messages]
    begin = next(iter(reply_places(dialogue, learnt=True)), len(messages))
    yield {
        "prompt": messages[:begin],
        "completion": messages[begin:],
        "tools": dump_json(dialogue.tools).decode(),
    }


def read(row: JsonObject) -> Dialogue:
    """The dialogue of a row; ValueError where a field is not as it should be."""
    messages = read_messages(row["prompt"]) + read_messages(row.get("completion") or [])
    if not messages:
        raise ValueError("prompt: holds no message")
    return Dialogue(messages, read_tools(row.get("tools")))


def _message(message: Said) -> JsonObject:
    row = openai_message(message)
    if message.tool_calls:
        row["content"] = message.content  # templates join it to other text, and null is none
        row["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments_object(call)}}
            for call in message.tool_calls
        ]
    return row
