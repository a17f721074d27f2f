"""Tool calls as text, for endpoints that know no tools: how models are told to write them, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from agentgym.jsontext import dump_json
from agentgym.messages import Message, ToolCall
from agentgym.policies.callforms import bare_calls, fenced_calls, tagged_calls
from agentgym.policies.calljson import FoundCalls
from agentgym.policies.harmony import is_harmony, read_harmony
from agentgym.tools import ToolSpec

_MARKS = ("<tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "<|channel|>", "<|message|>")
_LOOKS_LIKE_A_TAG = re.compile(r"<(?=\||/?(?:tool|think))")
_ASKS = """\
You have tools. Each line between the next two tags describes one, its parameters as JSON Schema:
<tools>
{tools}
</tools>
To use a tool, write a block like this one, with the tool's name and your arguments in one JSON object:
<tool_call>
{{"name": "name_of_the_tool", "arguments": {{"name_of_a_parameter": "value"}}}}
</tool_call>
Write one block for each call; several may follow one another. End your message after the last block: what the tools
answer comes back in the next message between <tool_response> and </tool_response>, and is never yours to write."""


def tools_text(tools: Sequence[ToolSpec]) -> str:
    """What a system message says about tools and how to call them."""
    return _ASKS.format(tools="\n".join(_without_tags(dump_json(tool.wire()).decode()) for tool in tools))


def text_wire(message: Message) -> bytes:
    """The message as chat-completions JSON without tools: calls and what they gave are tagged text."""
    if message.role == "tool":
        return Message("user", f"<tool_response>\n{_kept_inside(message.content)}\n</tool_response>").wire()
    if not message.tool_calls:
        return message.wire()
    blocks = [f"<tool_call>\n{_call_text(call)}\n</tool_call>" for call in message.tool_calls]
    return Message(message.role, "\n".join([message.content, *blocks] if message.content else blocks)).wire()


def calls_in_text(text: str, names: Collection[str], *, fenced: bool) -> FoundCalls:
    """Take the calls out of what a model wrote, in the form of Hermes, Mistral, Llama or gpt-oss.

    With `fenced`, JSON in a code fence, or as the whole text, is a call too, if it names one of the tools. Calls that
    are wrong are calls nevertheless, with the problem told, for the environment to answer.
    """
    if is_harmony(text):
        return read_harmony(text)
    found = tagged_calls(text, names, fenced=fenced)
    if found.calls or not fenced:
        return found
    return fenced_calls(text, names) or bare_calls(text, names) or found


def may_hold_calls(text: str) -> bool:
    """Whether it is worth a look; most texts hold none."""
    return any(mark in text for mark in _MARKS)


def _call_text(call: ToolCall) -> str:
    """A call as one JSON object, with the model's own arguments where they are JSON, and as a string where not."""
    is_object = call.problem is None and call.text.strip().startswith("{")
    arguments = call.text if is_object else dump_json(call.text).decode()
    return _without_tags(f'{{"name": {dump_json(call.name).decode()}, "arguments": {arguments}}}')


def _without_tags(json: str) -> str:
    """JSON in which no tag stands, though its strings may stand for some."""
    return _LOOKS_LIKE_A_TAG.sub(r"\\u003c", json)


def _kept_inside(text: str) -> str:
    """Text that cannot end the tags around it, for it may be anybody's."""
    return text.replace("<tool_response", "&lt;tool_response").replace("</tool_response", "&lt;/tool_response")
