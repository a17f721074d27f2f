"""What a model wrote, told apart: thoughts, words, and calls; and of a text that still comes, what is sure of it."""

from __future__ import annotations

from collections.abc import Collection

from agentgym.policies.callforms import tagged_calls
from agentgym.policies.calljson import FoundCalls
from agentgym.policies.completions import split_thoughts
from agentgym.policies.harmony import is_harmony, read_harmony
from trainers.engine.text import held_back

_THINK, _THOUGHT = "<think>", "</think>"
_HARMONY = ("<|channel|>", "<|start|>")
_CALLS = ("<tool_call>", "[TOOL_CALLS]", "<|python_tag|>")


def read_speech(text: str, names: Collection[str], *, thinks: bool) -> FoundCalls:
    """All that was said; `thinks` says that the prompt began the thoughts already. Without names there are no calls."""
    if text.lstrip().startswith(_HARMONY) and is_harmony(text):
        found = read_harmony(text)
        return found if names else FoundCalls(found.text, reasoning=found.reasoning)
    words, thoughts = _split(text, thinks=thinks)
    if not (names and any(mark in words for mark in _CALLS)):
        return FoundCalls(words, reasoning=thoughts)
    found = tagged_calls(words, names, fenced=False)
    return FoundCalls(found.text, found.calls, thoughts)


def sure_words(text: str, names: Collection[str], *, thinks: bool) -> tuple[str, str | None]:
    """The words and the thoughts of an unfinished text that nothing that follows can change."""
    if _may_open(text, *_HARMONY):
        return "", None
    if (thinks or _may_open(text, _THINK)) and _THOUGHT not in text:
        return "", None
    words, thoughts = _split(text, thinks=thinks)
    if not names:
        return words, thoughts
    # Where calls follow, the words before them lose the space around them.
    begun = [place for mark in _CALLS if (place := words.find(mark)) >= 0]
    end = min(begun) if begun else len(words) - max(held_back(words, mark) for mark in _CALLS)
    return "" if words[:1].isspace() else words[:end].rstrip(), thoughts


def _may_open(text: str, *marks: str) -> bool:
    """Whether a text begins with one of the marks, or may yet."""
    begins = text.lstrip()
    return any(mark.startswith(begins[: len(mark)]) for mark in marks)


def _split(text: str, *, thinks: bool) -> tuple[str, str | None]:
    """Thoughts are told apart only where they open the text, so that a text which mentions them stays whole."""
    opens = text.lstrip().startswith(_THINK)
    return split_thoughts(text if opens else _THINK + text) if opens or thinks else (text, None)
