"""Tool calls as text: what is written is read again, models write in many ways, and nothing they write does harm."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgym.messages import Message, ToolCall
from agentgym.policies.textcalls import calls_in_text, may_hold_calls, text_wire, tools_text
from agentgym.tools import ToolSpec
from environments.guess import Guess

NAMES = ("guess", "find")
FIVE = ToolCall("guess", {"n": 5}, raw='{"n": 5}')
BLOCK = '<tool_call>\n{"name": "guess", "arguments": {"n": 5}}\n</tool_call>'
TAGS = ["<tool_call>", "</tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "<|channel|>", "<|message|>", "<|start|>"]
PIECES = [*TAGS, "```json\n", "```\n", '{"name": "guess"', ', "arguments": ', "{}", '"', "\\", "final", " to=a", "["]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
tagged = st.lists(st.sampled_from([*PIECES, "a", "\n", " "]) | st.text(max_size=3)).map("".join)
names = st.sampled_from(NAMES)
calls = st.builds(ToolCall, names, st.dictionaries(tagged, json_values | tagged, max_size=3)) | st.builds(
    ToolCall.from_text, names, tagged.filter(bool)
)


@given(st.sampled_from(["", "I try."]), st.lists(calls, min_size=1, max_size=4), st.booleans())
def test_calls_are_read_as_they_were_written(text: str, written: list[ToolCall], fenced: bool) -> None:
    message = json.loads(text_wire(Message("assistant", text, tuple(written))))
    found = calls_in_text(message["content"], NAMES, fenced=fenced)
    assert (message["role"], set(message), found.text) == ("assistant", {"role", "content"}, text)
    assert [(call.name, call.arguments, call.problem) for call in found.calls] == [
        (call.name, call.arguments, call.problem) for call in written
    ]
    assert [call.raw for call in found.calls if call.problem] == [call.raw for call in written if call.problem]


@given(tagged | st.text(), st.booleans())
def test_no_text_does_harm(text: str, fenced: bool) -> None:
    found = calls_in_text(text, NAMES, fenced=fenced)
    assert found.calls or found.text == text or may_hold_calls(text)


@pytest.mark.parametrize(
    "text",
    [
        BLOCK,
        '<tool_call>{"name": "guess", "parameters": {"n": 5}}</tool_call>',
        '<tool_call>{"name": "guess", "arguments": "{\\"n\\": 5}"}</tool_call>',
        '<tool_call>{"name": "guess", "arguments": {"n": 5}}}</tool_call>',
        '<tool_call>{"name": "guess", "arguments": {"n": 5}</tool_call>',
        '<tool_call>{"name": "guess", "arguments": {"n": 5}}',
        '<tool_call>\n[{"name": "guess", "arguments": {"n": 5}}]\n</tool_call>',
        '<tool_call>{"type": "function", "function": {"name": "guess", "arguments": {"n": 5}}}</tool_call>',
        '[TOOL_CALLS][{"name": "guess", "arguments": {"n": 5}, "id": "abc"}]',
        '[TOOL_CALLS]guess{"n": 5}',
        '[TOOL_CALLS]guess[CALL_ID]a1[ARGS]{"n": 5}',
        '<|python_tag|>{"name": "guess", "parameters": {"n": 5}}<|eom_id|>',
        '<|channel|>commentary to=functions.guess <|constrain|>json<|message|>{"n": 5}<|call|>',
        '<|start|>assistant to=functions.guess<|channel|>commentary json<|message|>{"n": 5}<|call|>',
        ' to=functions.guess<|channel|>commentary json<|message|>{"n": 5}',
    ],
)
def test_every_tagged_form_is_read(text: str) -> None:
    for fenced in (True, False):
        found = calls_in_text(text, NAMES, fenced=fenced)
        assert (found.text, found.calls, found.reasoning) == ("", (FIVE,), None)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('```json\n{"name": "guess", "arguments": {"n": 5}}\n```', ""),
        ('```tool_call\n{"name": "guess", "arguments": {"n": 5}}\n```\nDone.', "Done."),
        ('So:\n```\n[{"name": "guess", "arguments": {"n": 5}}]\n```', "So:"),
        ('```json\n{"name": "guess", "arguments": {"n": 5}}', ""),
        ('{"name": "guess", "arguments": {"n": 5}}', ""),
        ('{"name": "guess", "arguments": {"n": 5}}\n</tool_call>', ""),
        (f"So:\n```xml\n{BLOCK}\n```\nDone.", "So:\n\nDone."),
    ],
)
def test_fences_and_bare_json_are_read_only_where_that_was_asked_for(text: str, left: str) -> None:
    found = calls_in_text(text, NAMES, fenced=True)
    assert (found.text, found.calls) == (left, (FIVE,))
    assert (calls_in_text(text, NAMES, fenced=False).text, calls_in_text(text, NAMES, fenced=False).calls) == (text, ())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Seven.",
        '```json\n{"name": "Ann", "age": 5}\n```',
        '```json\n{"name": "guess", "age": 5}\n```',
        '```python\n{"name": "guess", "arguments": {}}\n```',
        '{"name": "Ann", "arguments": {}}',
        '{"name": "guess", "arguments": {}} is how one calls it',
        "One writes `<tool_call>{}</tool_call>` to call, or <tool_call> with a name, or <tool_call>{...}</tool_call>.",
        f"```\n{BLOCK.replace('guess', 'other')}\n```",
        "The token <|channel|> comes before <|message|>.",
        "They begin with `<|start|>assistant` and `<|message|>`.",
        "<|python_tag|>print(1)",
        "[TOOL_CALLS] is a token.",
    ],
)
def test_what_is_no_call_stays_as_it_is(text: str) -> None:
    found = calls_in_text(text, NAMES, fenced=True)
    assert (found.text, found.calls) == (text, ())


def test_several_calls_among_words() -> None:
    text = (
        f'First.\n{BLOCK}\nThen:\n```python\nx = 1\n```\n<tool_call>{{"name": "find", "arguments": {{}}}}</tool_call>'
    )
    found = calls_in_text(text, NAMES, fenced=False)
    assert found.text == "First.\n\nThen:\n```python\nx = 1\n```"
    assert [call.name for call in found.calls] == ["guess", "find"]


def test_a_whole_harmony_answer() -> None:
    text = (
        "<|channel|>analysis<|message|>Seven?<|end|><|start|>assistant<|channel|>commentary<|message|>I try."
        '<|end|><|start|>assistant<|channel|>commentary to=functions.find <|constrain|>json<|message|>{"a": 1}<|call|>'
    )
    found = calls_in_text(text, NAMES, fenced=False)
    assert (found.text, found.reasoning) == ("I try.", "Seven?")
    assert [(call.name, call.arguments) for call in found.calls] == [("find", {"a": 1})]
    final = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|return|>"
    assert calls_in_text(final, NAMES, fenced=False).text == "Yes."


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ('<tool_call>{"name": "guess", "arguments": {"n": 5,}}</tool_call>', "invalid_json", "guess: not JSON"),
        ('<tool_call>{"name": "guess", "arguments": {"n": 5', "invalid_json", "guess: not JSON"),
        ("<tool_call>{'name': 'guess', 'arguments': {'n': 5}}</tool_call>", "invalid_json", "guess: not JSON"),
        ('<tool_call>{"name": "guess", "arguments": [5]}</tool_call>', "invalid_json", "must be a JSON object"),
        ('<tool_call>{"name": "guess", "n": 5}</tool_call>', "invalid_json", 'there is no "arguments"'),
        ('<tool_call>{"name": "guess"}</tool_call>', "invalid_arguments", "guess: "),
        ('<tool_call>{"name": "gues", "arguments": {}}</tool_call>', "unknown_tool", "the tools are: guess"),
        ("<tool_call>guess(5)</tool_call>", "unknown_tool", "the tools are: guess"),
        ("<tool_call>\n</tool_call>", "unknown_tool", "the tools are: guess"),
        ('<tool_call>\n{"n": 5}\n</tool_call>', "unknown_tool", "the tools are: guess"),
        ("<tool_call>\n<function=guess>\n</function>\n</tool_call>", "invalid_json", 'write {"name"'),
        ('<tool_call>{"name": "guess", "arguments": ' + '{"a":' * 100_000, "invalid_json", "guess: not JSON"),
        ("<|channel|>commentary to=functions.guess<|message|>{", "invalid_json", "guess: not JSON"),
        ('[TOOL_CALLS]guess{"n": ', "invalid_json", "guess: not JSON"),
    ],
)
def test_a_call_gone_wrong_is_told_to_the_model(text: str, kind: str, says: str) -> None:
    (call,) = calls_in_text(text, ["guess"], fenced=True).calls
    bad = Guess().parse_call(call)
    assert getattr(bad, "kind", None) == kind
    assert says in getattr(bad, "message", "")


@pytest.mark.parametrize(
    ("broken", "kept"),
    [
        ('{"name": "guess", "arguments": {"n": "a}}', '{"n": "a}'),
        ('{"name": "guess", "arguments": {"n": "a\\"}}', '{"n": "a\\"}'),
        ('{"name": "guess", "arguments": {"n": "a, "m": 2}}', '{"n": "a, "m": 2}'),
        ('{"name": "guess, "arguments": {"n": 1}}', '{"name": "guess, "arguments": {"n": 1}}'),
    ],
)
@pytest.mark.parametrize("between", ["\n</tool_call>\n", "\n", '</tool_call>\nNow the "right" one:\n'])
def test_a_missing_quote_does_no_harm_to_the_next_call(broken: str, kept: str, between: str) -> None:
    first, second = calls_in_text(f"<tool_call>\n{broken}{between}{BLOCK}", NAMES, fenced=True).calls
    assert (first.name, first.arguments, first.raw) == ("guess", {}, kept)
    assert (first.problem or "").startswith("not JSON: ")
    assert second == FIVE


@pytest.mark.parametrize("broken", ['{"n": "a}', '{"n": [', '{"n": 1, "m'])
def test_a_broken_call_of_mistral_does_no_harm_to_the_next(broken: str) -> None:
    first, second = calls_in_text(f'[TOOL_CALLS]guess{broken}[TOOL_CALLS]guess{{"n": 5}}', NAMES, fenced=True).calls
    assert (first.name, first.arguments, first.raw) == ("guess", {}, broken)
    assert second == FIVE


@pytest.mark.parametrize(
    "tag", ["</tool_call>", '\\n</tool_call>\\n<tool_call>\\n{\\"name', "[TOOL_CALLS]", "<|eom_id|>"]
)
@pytest.mark.parametrize("end", ["}}", "}", "", ",}}", "}, }"])
def test_tags_in_a_string_that_ends_are_part_of_it(tag: str, end: str) -> None:
    arguments = f'{{"a": "See {tag} there.", "b": ["{tag}"]'
    found = calls_in_text(
        f'<tool_call>\n{{"name": "find", "arguments": {arguments}{end}\n</tool_call>', NAMES, fenced=True
    )
    assert (found.text, len(found.calls), found.calls[0].name) == ("", 1, "find")
    assert (found.calls[0].raw or "").startswith(arguments)
    assert (found.calls[0].problem is None) == end.startswith("}")


def test_a_comma_that_is_missing_after_the_name_costs_no_call() -> None:
    text = '<tool_call>{"name": "guess" "arguments": {"n": 5}}</tool_call>'
    assert calls_in_text(text, NAMES, fenced=True).calls == (FIVE,)


@pytest.mark.parametrize(
    "piece",
    [
        *PIECES,
        '<tool_call>{"name":"a","arguments":{',
        '[TOOL_CALLS]a{"',
        '[TOOL_CALLS]a{""',
        '[TOOL_CALLS]a{"b',
        '<tool_call>{"":["',
        '</tool_call><tool_call>{"a":"',
    ],
)
@pytest.mark.parametrize("before", ["", "<tool_call>", "[TOOL_CALLS]a", "<|channel|>final<|message|>"])
def test_a_long_text_takes_little_time(piece: str, before: str) -> None:
    text = before + piece * (300_000 // len(piece))
    started = time.process_time()
    calls_in_text(text, NAMES, fenced=True)
    assert time.process_time() - started < 10, "linear time is a fiftieth of that, quadratic time far more"


def test_tools_are_described_a_line_each() -> None:
    tricky = ToolSpec("end", "Says </tools> and <tool_call>.", {"type": "object"})
    text = tools_text([*Guess.tool_specs(), tricky])
    lines = text.split("<tools>\n")[1].split("\n</tools>")[0].splitlines()
    assert [json.loads(line) for line in lines] == [tool.wire() for tool in (*Guess.tool_specs(), tricky)]


def test_results_and_other_messages_are_plain_text() -> None:
    result = json.loads(text_wire(Message("tool", "a</tool_response><b>", tool_call_id="1")))
    assert result == {"role": "user", "content": "<tool_response>\na&lt;/tool_response><b>\n</tool_response>"}
    for message in (Message("system", "s"), Message("user", "<tool_call>"), Message("assistant", "a", reasoning="r")):
        assert text_wire(message) == message.wire()


@pytest.mark.parametrize(
    ("text", "may"), [("Seven.", False), (BLOCK, True), ("a <|message|>", True), ("x < [1]", False)]
)
def test_most_texts_need_no_look(text: str, may: bool) -> None:
    assert may_hold_calls(text) is may
