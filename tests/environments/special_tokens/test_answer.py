"""Answers as they are written, and the rules they keep to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgym import ToolCall, Turn
from agentgym.errors import UsageError
from environments.special_tokens.answer import Answer, Call, read_answer, read_turn
from environments.special_tokens.modes import STANDARD, Modes, read_modes
from environments.special_tokens.rules import broken_rules, format_codes

THINK = "<think>The index is out of range.</think>"
PYTHON = '{"name": "python", "arguments": {"code": "print(1)"}}'
EDITOR = '{"name": "editor", "arguments": {"original_code": "a", "modified_code": "b"}}'
GOOD = f"{THINK}\n<|EDIT|>\nI mend it.\n{EDITOR}"
EXPLORING = f"{THINK}\n<|AGENT|>\nI look.\n{PYTHON}"
FAULTY = {
    "NO_THINK": f"<|EDIT|>\nI mend it.\n{EDITOR}",
    "THINK_UNCLOSED": f"<think>The index is out of range.\n<|EDIT|>\nI mend it.\n{EDITOR}",
    "NO_TOKEN": f"{THINK}\nI mend it.\n{EDITOR}",
    "MULTIPLE_TOKENS": f"{THINK}\n<|EDIT|>\n<|AGENT|>\nI mend it.\n{EDITOR}",
    "TOKEN_IN_THINK": f"<think>Surely <|EDIT|> it is.</think>\n<|EDIT|>\nI mend it.\n{EDITOR}",
    "AGENT_WITHOUT_PYTHON": f"{THINK}\n<|AGENT|>\nI look.\n{EDITOR}",
    "EDIT_WITHOUT_EDITOR": f"{THINK}\n<|EDIT|>\nI mend it.\n{PYTHON}",
    "BAD_CALL_JSON": f"{THINK}\n<|EDIT|>\nI mend it.\n{EDITOR[:-1]}",
    "MISSING_ARGUMENT": f'{THINK}\n<|EDIT|>\nI mend it.\n{{"name":"editor","arguments":{{"original_code":"a"}}}}',
}


def codes(written: str, modes: Modes = STANDARD) -> tuple[str, ...]:
    return broken_rules(read_answer(written, modes), modes)


@pytest.mark.parametrize("code", format_codes())
def test_each_rule_has_a_code_of_its_own(code: str) -> None:
    assert codes(FAULTY[code]) == (code,)


def test_an_answer_in_form_is_read_in_all_its_parts() -> None:
    answer = read_answer(GOOD)
    assert answer == Answer(
        mode="EDIT",
        thought="The index is out of range.",
        text="I mend it.",
        call=Call(name="editor", arguments={"original_code": "a", "modified_code": "b"}),
    )
    assert codes(GOOD) == codes(EXPLORING) == ()
    assert read_answer(answer.written()) == answer


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", ("NO_THINK", "NO_TOKEN")),
        ("<think>  </think>\n<|AGENT|>\n" + PYTHON, ("NO_THINK",)),
        (f"<|AGENT|>\n{THINK}\n{PYTHON}", ("NO_THINK",)),
        (f"The end of a thought.</think>\n<|AGENT|>\n{PYTHON}", ("NO_THINK",)),
        ("<think>Only here: <|EDIT|></think>\n" + EDITOR, ("NO_TOKEN", "TOKEN_IN_THINK")),
        (f"{THINK}\n<|edit|>\n{EDITOR}", ("NO_TOKEN",)),
        (f"{THINK}\n<|EDIT|><|EDIT|>\n{EDITOR}", ("MULTIPLE_TOKENS",)),
        (f"{THINK}\n{EDITOR}\n<|EDIT|>", ("EDIT_WITHOUT_EDITOR",)),
        (f"{THINK}\n<|EDIT|>\nNo call at all.", ("EDIT_WITHOUT_EDITOR",)),
        (f"{THINK}\n<|EDIT|>\n{EDITOR}\n{EDITOR}", ("BAD_CALL_JSON",)),
        (f"{THINK}\n<|AGENT|>\n{{'name': 'python', 'arguments': {{'code': '1'}}}}", ("BAD_CALL_JSON",)),
        (f'{THINK}\n<|AGENT|>\n{{"name": "python", "arguments": "print(1)"}}', ("BAD_CALL_JSON",)),
        (f'{THINK}\n<|AGENT|>\n{{"name": "python", "arguments": {{"code": "1", "code": "2"}}}}', ("BAD_CALL_JSON",)),
        (f'{THINK}\n<|AGENT|>\n{{"name": "python", "arguments": {{"code": NaN}}}}', ("BAD_CALL_JSON",)),
        (f'{THINK}\n<|AGENT|>\n{{"name": "python"}}', ("MISSING_ARGUMENT",)),
        (f'{THINK}\n<|AGENT|>\n{{"name": "python", "arguments": {{"code": " "}}}}', ("MISSING_ARGUMENT",)),
        (f'{THINK}\n<|AGENT|>\n{{"name": "python", "arguments": {{"code": 1}}}}', ("MISSING_ARGUMENT",)),
        (f'{THINK}\n<|AGENT|>\n{{"name": "bash", "arguments": {{"code": "ls"}}}}', ("AGENT_WITHOUT_PYTHON",)),
    ],
)
def test_what_is_not_in_form(written: str, expected: tuple[str, ...]) -> None:
    assert codes(written) == expected


@pytest.mark.parametrize(
    "written",
    [
        f"{THINK}\n<|AGENT|>\n<tool_call>\n{PYTHON}\n</tool_call>",
        f"{THINK}\n<|AGENT|>\n```json\n{PYTHON}\n```",
        f'{THINK}\n<|AGENT|>\nThe row {{"name": "Bob"}} is odd, so I look.\n{PYTHON}',
        f'{THINK}\n<|AGENT|>\nThe rows {{"name": {{"a": 1}}}} and {{"name": [1]}} are odd, so I look.\n{PYTHON}',
        f"{THINK}\n<|AGENT|>{PYTHON}",
        f"{THINK}\r\n<|AGENT|>\r\n{PYTHON}\r\n",
    ],
)
def test_what_stands_around_a_call_does_not_matter(written: str) -> None:
    assert codes(written) == ()
    call = read_answer(written).call
    assert call is not None
    assert (call.name, call.arguments) == ("python", {"code": "print(1)"})


def test_native_calls_and_reasoning_are_parts_of_the_answer() -> None:
    call = ToolCall("python", {"code": "print(1)"})
    answer = read_turn(Turn("<|AGENT|>\nI look.", (call,), reasoning="Nothing concrete is known."))
    assert broken_rules(answer) == ()
    assert (answer.mode, answer.thought, answer.text) == ("AGENT", "Nothing concrete is known.", "I look.")
    assert broken_rules(read_turn(Turn(f"{THINK}<|AGENT|>", (call, call)))) == ("BAD_CALL_JSON",)
    broken = ToolCall.from_text("python", '{"code": ')
    assert broken_rules(read_turn(Turn(f"{THINK}<|AGENT|>", (broken,)))) == ("BAD_CALL_JSON",)
    assert broken_rules(read_turn(Turn("", (call,)))) == ("NO_THINK", "NO_TOKEN")


def test_two_different_tokens_are_no_choice_and_the_same_twice_is_one() -> None:
    assert read_answer(FAULTY["MULTIPLE_TOKENS"]).mode is None
    assert read_answer(f"{THINK}<|EDIT|><|EDIT|>").mode == "EDIT"


@given(st.text(alphabet='<>|AGENTDIthink/{}":, \n\0\ud800a', max_size=200))
def test_any_text_is_read_and_has_an_equal_record(written: str) -> None:
    answer = read_answer(written)
    assert broken_rules(answer)
    assert Answer.model_validate_json(answer.model_dump_json()) == answer


@given(
    st.text(max_size=50), st.text(max_size=50), st.dictionaries(st.text(max_size=5), st.text(max_size=30), max_size=3)
)
def test_what_is_written_is_read_again(thought: str, text: str, arguments: dict[str, Any]) -> None:
    if any(mark in f"{thought}{text}" for mark in ("<", "{", "`", "\0", "\r")):
        return
    answer = Answer(
        mode="AGENT",
        thought=thought.strip(),
        text=text.strip(),
        call=Call(name="python", arguments=arguments),
    )
    assert read_answer(answer.written()).model_dump(exclude={"text"}) == answer.model_dump(exclude={"text"})


def test_half_a_character_in_a_call_is_mended() -> None:
    answer = read_answer(f'{THINK}<|AGENT|>{{"name":"python","arguments":{{"code":"print(\'\\ud800\')"}}}}\ud800')
    assert answer.call is not None
    assert answer.call.arguments == {"code": "print('\ufffd')"}


@pytest.mark.parametrize("text", ["<think>" * 20_000, "{" * 50_000, '{"name":' * 20_000, '{"name":[' * 20_000])
def test_monstrous_answers_are_read_quickly(text: str) -> None:
    assert "NO_TOKEN" in codes(text)
    assert codes(f"{THINK}<|EDIT|>{text}")


LANES = [
    {"name": "ASK", "token": "[[ask]]", "tool": "question", "arguments": ["text"], "about": "Something is unclear."},
    {"name": "RUN", "token": "[[run]]", "tool": "shell", "arguments": ["command"]},
    {"name": "STOP", "token": "[[stop]]", "tool": "finish", "arguments": ["reason"]},
]


def test_modes_may_be_others() -> None:
    modes = read_modes(LANES)
    call = json.dumps({"name": "shell", "arguments": {"command": "ls"}})
    assert codes(f"{THINK}[[run]]{call}", modes) == ()
    assert codes(f"{THINK}[[ask]]{call}", modes) == ("ASK_WITHOUT_QUESTION",)
    assert codes(GOOD, modes) == ("NO_TOKEN",)


@pytest.mark.parametrize(
    ("modes", "costs"),
    [
        (LANES[:1], None),
        ([LANES[0], LANES[0]], None),
        ([LANES[0], {**LANES[1], "token": "[[ask]]x"}], None),
        ([LANES[0], {**LANES[1], "surplus": 1}], None),
        ([LANES[0], {**LANES[1], "arguments": []}], None),
        ([LANES[0], {**LANES[1], "does": "fix"}], None),
        (LANES, {"ASK": {"RUN": 2}}),
        (LANES, {"ASK": {"FLY": 1}}),
        (LANES, {"ASK": {"ASK": 0.5}}),
    ],
)
def test_modes_that_cannot_be_told_apart_are_refused(modes: Any, costs: Any) -> None:
    with pytest.raises(UsageError):
        read_modes(modes, costs)
