"""Words, thoughts and calls told apart, in a whole text and in one that still comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainers.serving.speech import read_speech, sure_words

NAMES = frozenset({"guess"})
CALL = '<tool_call>\n{"name": "guess", "arguments": {"n": 4}}\n</tool_call>'
HARMONY = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Four."
MARKS = ["<", "`", "```\n", "<think>", "</think>", "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "<|python_tag|>"]
WORDS = ["hello", " ", "\n", "é\u00a0", CALL, '{"name": "guess", "arguments": {}}', HARMONY, "<|start|>", "<|message|>"]
PIECES = st.lists(st.sampled_from([*MARKS, *WORDS]), max_size=8).map("".join)


def test_calls_are_taken_out_of_the_words() -> None:
    found = read_speech(f"I try. {CALL}", NAMES, thinks=False)
    assert (found.text, found.calls[0].name, found.calls[0].arguments) == ("I try.", "guess", {"n": 4})


def test_without_tools_nothing_is_a_call() -> None:
    assert read_speech(f"I try. {CALL}", (), thinks=False).text == f"I try. {CALL}"


@pytest.mark.parametrize("text", ["<think>Hm.</think>Four.", "Hm.</think>\n\nFour."])
def test_thoughts_are_told_apart(text: str) -> None:
    found = read_speech(text, NAMES, thinks=not text.startswith("<think>"))
    assert (found.reasoning, found.text) == ("Hm.", "Four.")


def test_a_text_that_speaks_of_thoughts_stays_whole() -> None:
    text = "Close with </think>, always."
    assert read_speech(text, NAMES, thinks=False).text == text


def test_the_form_of_gpt_oss_is_read() -> None:
    found = read_speech(HARMONY, (), thinks=False)
    assert (found.reasoning, found.text) == ("Hm.", "Four.")


def test_plain_words_are_sure_at_once() -> None:
    assert sure_words("Hello wor", NAMES, thinks=False) == ("Hello wor", None)
    assert sure_words("Hello <tool", NAMES, thinks=False) == ("Hello", None)
    assert sure_words("<thi", (), thinks=False) == ("", None)
    assert sure_words("<think>a</think>b", (), thinks=False) == ("b", "a")


@given(PIECES, st.booleans(), st.booleans())
def test_what_is_sure_stays_true(text: str, thinks: bool, tools: bool) -> None:
    names = NAMES if tools else frozenset[str]()
    whole = read_speech(text, names, thinks=thinks)
    before = ""
    for end in range(len(text) + 1):
        words, thoughts = sure_words(text[:end], names, thinks=thinks)
        assert whole.text.startswith(words)
        assert words.startswith(before)
        assert thoughts in (None, whole.reasoning)
        before = words
