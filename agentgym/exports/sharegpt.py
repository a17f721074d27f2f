"""sharegpt: `{conversations: [{from, value}], system, tools}` as LLaMA-Factory reads it; read too.

Turns alternate: `human` or `observation`, then `gpt` or `function_call`. Calls of one reply are put as if they had been
made one after the other, each with its observation. What this form has no word for stands in the JSON of the call,
where its readers pass over it: text beside calls as a member `content`, thoughts as `reasoning_content`, and a space
before the JSON says that the call was made in one reply with the call before it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from agentgym.exports.calls import arguments_text, call_of, plain_tool, read_tools
from agentgym.exports.dialogue import Dialogue, Said, Unfit, by_learnt_reply, system_and_rest
from agentgym.exports.notices import Notices
from agentgym.exports.openai import read_messages
from agentgym.exports.reasoning import inlined, taken_out
from agentgym.jsontext import dump_json, parse_json
from agentgym.messages import JsonObject, Role, ToolCall

_NOBODY = "\n"
"""What a human says who is only there because the first turn must be human's."""
_TOGETHER = " "
_HOW = 'write {"name": "...", "arguments": {...}}'
_ASKS, _ANSWERS = ("human", "observation"), ("gpt", "function_call")
_WRITTEN = re.compile(r'\s*\{\s*"name"\s*:\s*"(?:[^"\\]|\\.)*"\s*,\s*"arguments"\s*:\s*')
_Speaker = Literal[
    "human", "user", "gpt", "assistant", "function_call", "tool_call", "observation", "tool", "tool_response", "system"
]
_ROLES: dict[_Speaker, Role] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "observation": "tool",
    "tool": "tool",
    "tool_response": "tool",
    "system": "system",
}


def rows(dialogue: Dialogue, notices: Notices) -> Iterator[JsonObject]:
    """The row of a dialogue, or one for each reply that is to be learnt."""
    for part in by_learnt_reply(dialogue):
        system, messages = system_and_rest(part)
        entries = list(_entries(messages))
        if not entries:
            raise Unfit("nothing but a system message")
        _note(entries, dialogue.where, notices)
        tools: list[JsonValue] = [plain_tool(tool) for tool in dialogue.tools]
        yield {
            "conversations": [{"from": speaker, "value": value} for speaker, value in entries],
            "system": system,
            "tools": dump_json(tools).decode(),
        }


def read(row: JsonObject) -> Dialogue:
    """The dialogue of a row; ValueError where a field is not as it should be."""
    turns = row["conversations"]
    tools = read_tools(row.get("tools"))
    system = row.get("system") or ""
    if not isinstance(system, str):
        raise ValueError("system: must be text")
    opening = [Said("system", system)] if system else []
    if isinstance(turns, list) and turns and isinstance(turns[0], dict) and "role" in turns[0]:
        return Dialogue((*opening, *read_messages(turns)), tools)
    entries = _Row.model_validate(row).conversations
    if len(entries) > 1 and (entries[0].speaker, entries[0].value) == ("human", _NOBODY):
        del entries[0]
    said: list[Said] = []
    for place, entry in enumerate(entries):
        try:
            _add(said, entry)
        except ValueError as error:
            raise ValueError(f"conversations.{place}.value: {error}; {_HOW}") from None
    return Dialogue((*opening, *said), tools)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True)

    speaker: _Speaker = Field(alias="from")
    value: str


class _Row(BaseModel):
    conversations: list[_Entry] = Field(min_length=1)


def _entries(messages: Sequence[Said]) -> Iterator[tuple[str, str]]:
    if messages and (messages[0].role != "user" or messages[0].content == _NOBODY):  # or it would be taken for nobody
        yield "human", _NOBODY
    answers = iter(message for message in messages if message.role == "tool")
    for message in messages:
        if message.role == "user":
            yield "human", message.content
        elif message.role == "assistant" and not message.tool_calls:
            yield "gpt", inlined(message).content
        for place, call in enumerate(message.tool_calls):
            yield "function_call", _call_value(message, call, is_first=not place)
            answer = next(answers, None)
            if answer is not None:
                yield "observation", answer.content


def _call_value(message: Said, call: ToolCall, *, is_first: bool) -> str:
    beside = {"content": message.content, "reasoning_content": message.reasoning} if is_first else {}
    members = [
        f'"name": {dump_json(call.name).decode()}',
        f'"arguments": {arguments_text(call)}',
        *(f'"{name}": {dump_json(text).decode()}' for name, text in beside.items() if text),
    ]
    return f"{'' if is_first else _TOGETHER}{{{', '.join(members)}}}"


def _note(entries: Sequence[tuple[str, str]], where: str, notices: Notices) -> None:
    """Rows of which LLaMA-Factory takes no notice, but for a line in its log."""
    sides = [_ASKS if place % 2 == 0 else _ANSWERS for place in range(len(entries))]
    if any(speaker not in side for (speaker, _), side in zip(entries, sides, strict=True)):
        notices.add("rows in which turns do not alternate, which LLaMA-Factory passes over", where)
    elif entries[-1][0] not in _ANSWERS:
        told = "rows that do not end with a reply, which LLaMA-Factory passes over (--end-on-reply cuts them there)"
        notices.add(told, where)


def _add(said: list[Said], entry: _Entry) -> None:
    role = _ROLES[entry.speaker]
    if entry.speaker not in ("function_call", "tool_call"):
        message = Said(role, entry.value)
        said.append(taken_out(message) if role == "assistant" else message)
        return
    reply = _reply(entry.value)
    place = next((place for place in range(len(said) - 1, -1, -1) if said[place].role != "tool"), None)
    if entry.value.startswith(_TOGETHER) and place is not None and said[place].tool_calls:
        said[place] = replace(said[place], tool_calls=said[place].tool_calls + reply.tool_calls)
    else:
        said.append(reply)


def _reply(value: str) -> Said:
    """The reply that makes the call of an entry, or several, as some write them."""
    read = parse_json(value)
    calls = read if isinstance(read, list) else [read]
    if not calls:
        raise ValueError("holds no call")
    first = calls[0] if isinstance(calls[0], dict) else {}
    content, thought = first.get("content"), first.get("reasoning_content")
    return Said(
        "assistant",
        content if isinstance(content, str) else "",
        tuple(_read_call(call, value if len(calls) == 1 else "") for call in calls),
        reasoning=thought if isinstance(thought, str) else None,
    )


def _read_call(call: JsonValue, written: str) -> ToolCall:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise ValueError("not a call")
    arguments = call.get("arguments", call.get("parameters"))
    found = _WRITTEN.match(written)
    if found is not None and isinstance(arguments, dict):  # kept byte for byte
        _, end = json.JSONDecoder().raw_decode(written, found.end())
        arguments = written[found.end() : end]
    return call_of(str(call["name"]), arguments)
