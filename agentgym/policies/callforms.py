"""Where calls stand among a model's words: behind tags and special tokens, in code fences, or as the whole text."""

from __future__ import annotations

import re
from collections.abc import Collection

from agentgym.messages import ToolCall
from agentgym.policies.calljson import (
    UNNAMED,
    FoundCalls,
    are_known,
    read_arguments,
    read_calls,
    skip,
    unreadable,
)

_OPEN = re.compile(r"^[ \t]*```[ \t]*([^\n`]*)$", re.MULTILINE)
_CLOSE = re.compile(r"^[ \t]*```[ \t\r]*$", re.MULTILINE)
_MARK = re.compile(rf"{_OPEN.pattern}|<tool_call>|\[TOOL_CALLS\]|<\|python_tag\|>", re.MULTILINE)
_TAG = re.compile(r"</?tool_call>")
_LEFT_OVER = re.compile(r"(?:[\s}\]]|</tool_call>)*")
_NAMED = re.compile(r"\s*+([\w.-]{1,200})\s*+(?:\[CALL_ID\][\w-]{1,200}\s*+)?(?:\[ARGS\]\s*+)?(?=\{)")
_LLAMA_END = re.compile(r"(?:\s|<\|e[a-z_]{1,20}\|>)*")
_LANGUAGES = ("", "json", "tool_call", "tool_calls")
_Block = tuple[list[ToolCall], int]
"""The calls of a block, and where it ends."""


class _Words:
    """A text that is gone through once, and out of which the calls are taken."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.calls: list[ToolCall] = []
        self._kept: list[str] = []
        self._kept_to = 0
        self._may_close = True

    def take(self, calls: list[ToolCall], begin: int, end: int, *, words: str = "") -> None:
        """Put the words in the place of what stands here."""
        self.calls += calls
        self._kept += [self.text[self._kept_to : begin], words]
        self._kept_to = self.position = end

    def closing(self, begin: int) -> re.Match[str] | None:
        """The end of a code fence; once there is none, there is none further on, and nobody looks again."""
        found = _CLOSE.search(self.text, begin) if self._may_close else None
        self._may_close = found is not None
        return found

    def found(self) -> FoundCalls:
        if not self.calls:
            return FoundCalls(self.text)
        words = "".join([*self._kept, self.text[self._kept_to :]])
        return FoundCalls(words.strip(), tuple(self.calls))


def tagged_calls(text: str, names: Collection[str], *, fenced: bool) -> FoundCalls:
    """The calls behind tags and special tokens; in a code fence they count only if `fenced`, and by a known name."""
    words = _Words(text)
    while mark := _MARK.search(text, words.position):
        words.position = mark.end()
        if mark[1] is not None:
            _pass_fence(words, mark, names, fenced=fenced)
            continue
        block = _block(text, mark)
        if block is not None:
            words.take(block[0], mark.start(), block[1])
    return words.found()


def fenced_calls(text: str, names: Collection[str]) -> FoundCalls | None:
    """The calls that are all a code fence holds."""
    words = _Words(text)
    while opening := _OPEN.search(text, words.position):
        words.position = opening.end()
        closing = words.closing(opening.end())
        if closing is None and text.find("```", opening.end()) >= 0:
            continue
        inside = text[opening.end() : closing.start() if closing else len(text)]
        words.position = closing.end() if closing else len(text)
        calls = _all_calls(inside, names) if opening[1].strip().lower() in _LANGUAGES else None
        if calls:
            words.take(calls, opening.start(), words.position)
    return words.found() if words.calls else None


def bare_calls(text: str, names: Collection[str]) -> FoundCalls | None:
    """The calls that are all the text holds."""
    calls = _all_calls(text, names)
    return FoundCalls("", tuple(calls)) if calls else None


def _all_calls(text: str, names: Collection[str]) -> list[ToolCall] | None:
    """The calls of a text that is nothing else; data of other kinds is left alone."""
    calls, end = read_calls(text, 0)
    is_all = skip(_LEFT_OVER, text, end) == len(text)
    return calls if is_all and are_known(calls, names) else None


def _pass_fence(words: _Words, opening: re.Match[str], names: Collection[str], *, fenced: bool) -> None:
    closing = words.closing(opening.end())
    if closing is None:
        return
    words.position = closing.end()
    inside = words.text[opening.end() : closing.start()]
    if not fenced or "<tool_call>" not in inside:
        return
    found = tagged_calls(inside, names, fenced=False)
    if are_known(list(found.calls), names):
        words.take(list(found.calls), opening.start(), closing.end(), words=found.text)


def _block(text: str, mark: re.Match[str]) -> _Block | None:
    """What stands behind a mark, if that is a call or was meant as one; a sentence may just speak of the mark."""
    if mark.start() and text[mark.start() - 1] == "`":
        return None
    if mark[0] == "<tool_call>":
        return _hermes(text, mark.start(), mark.end())
    if mark[0] == "[TOOL_CALLS]":
        return _mistral(text, mark.end())
    calls, end = read_calls(text, mark.end())
    return (calls, skip(_LLAMA_END, text, end)) if calls else None


def _hermes(text: str, mark: int, begin: int) -> _Block | None:
    """Within a line, what names no tool is an example; a block of its own was meant, whatever it holds."""
    calls, end = read_calls(text, begin)
    tag = _TAG.search(text, end)
    closing = tag if tag is not None and tag[0] == "</tool_call>" else None
    is_meant = _begins_line(text, mark)
    if calls and (is_meant or any(call.name != UNNAMED for call in calls)):
        return calls, closing.end() if closing else skip(_LEFT_OVER, text, end)
    if closing and is_meant:
        return [unreadable(text[begin : closing.start()].strip())], closing.end()
    return None


def _mistral(text: str, begin: int) -> _Block | None:
    named = _NAMED.match(text, begin)
    if named is not None:
        call, end = read_arguments(named[1], text, named.end())
        return [call], end
    calls, end = read_calls(text, begin)
    return (calls, skip(_LEFT_OVER, text, end)) if calls else None


def _begins_line(text: str, position: int) -> bool:
    while position and text[position - 1] in " \t":
        position -= 1
    return not position or text[position - 1] == "\n"
