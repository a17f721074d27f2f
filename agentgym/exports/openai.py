"""openai: `{messages, tools}` as chat completions have them, with arguments as JSON text; read too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, TypeAdapter
from pydantic_core import PydanticCustomError

from agentgym.exports.calls import arguments_text, call_of, read_tools
from agentgym.exports.dialogue import Dialogue, Said
from agentgym.exports.notices import Notices
from agentgym.messages import JsonObject, Role


def rows(dialogue: Dialogue, notices: Notices) -> Iterator[JsonObject]:
    """The one row of a dialogue."""
    yield {"messages": list(map(openai_message, dialogue.messages)), "tools": list(dialogue.tools)}


def openai_message(message: Said) -> JsonObject:
    """A message, with the keys that it needs and no other."""
    row: JsonObject = {"role": message.role, "content": message.content}
    if message.reasoning:
        row["reasoning_content"] = message.reasoning
    if message.tool_calls:
        row["content"] = message.content or None
        row["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments_text(call)}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        row["tool_call_id"] = message.tool_call_id
    if message.loss is not None:
        row["loss"] = message.loss
    return row


def read(row: JsonObject) -> Dialogue:
    """The dialogue of a row; ValueError where a field is not as it should be."""
    read = _Row.model_validate(row)
    return Dialogue(tuple(map(_said, read.messages)), read_tools(read.tools))


def read_messages(value: JsonValue) -> tuple[Said, ...]:
    """A list of messages that stands by itself."""
    return tuple(map(_said, TypeAdapter(list[_Message]).validate_python(value)))


def _text(value: object) -> object:
    """Text, or what is given for it: nothing, or a list of parts."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "".join(map(_part, value))
    if not isinstance(value, str):
        raise PydanticCustomError("text", "must be text; write what is not as JSON text")
    return value


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return str(part["text"])
    kind = part.get("type") if isinstance(part, dict) else part
    raise PydanticCustomError("text", "only text can be exported, and a part is {kind}", {"kind": repr(kind)})


_Text = Annotated[str, BeforeValidator(_text)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Function(_Model):
    name: str
    arguments: JsonValue = None


class _Call(_Model):
    id: str | None = None
    function: _Function


class _Message(_Model):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: _Text = ""
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    reasoning_content: _Text = ""
    reasoning: _Text = ""
    """vLLM's word for it."""
    loss: bool | None = None
    weight: Literal[0, 1] | None = None
    """OpenAI's word for it."""


class _Row(_Model):
    messages: list[_Message] = Field(min_length=1)
    tools: JsonValue = None


def _said(message: _Message) -> Said:
    role: Role = "system" if message.role == "developer" else message.role
    calls = message.tool_calls or ()
    if calls and role != "assistant":
        raise ValueError(f"tool_calls: only an assistant calls tools, and this message is by {role!r}")
    loss = message.loss if message.weight is None else message.loss is not False and message.weight == 1
    return Said(
        role,
        message.content,
        tuple(call_of(call.function.name, call.function.arguments, id=call.id or "") for call in calls),
        message.tool_call_id,
        (message.reasoning_content or message.reasoning or None) if role == "assistant" else None,
        loss,
    )
