"""Replies of many servers, read into turns: choices, thoughts, token ids, and errors behind a good status."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from agentgym.messages import JsonObject, TokenSpan, ToolCall, Turn, Usage
from agentgym.policies.completions import read_reply, read_turns


def read(message: JsonValue, **fields: JsonValue) -> Turn:
    """The turn of a reply with one choice."""
    return read_all({"choices": [{"message": message}], **fields})[0]


def read_all(reply: JsonValue, **known: float) -> tuple[Turn, ...]:
    """Every turn of a reply, as it came over the wire."""
    return read_turns(read_reply(json.dumps(reply).encode()), **known)


def test_a_reply_of_openai() -> None:
    call: JsonObject = {"id": "call_1", "type": "function", "function": {"name": "guess", "arguments": '{"n": 7}'}}
    message: JsonObject = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
    usage = {"prompt_tokens": 20, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 16}}
    logprobs = {"content": [{"token": "7", "logprob": -0.5, "bytes": [55], "top_logprobs": []}], "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "tool_calls"}
    reply: JsonObject = {"model": "gpt-4.1", "choices": [choice], "usage": usage, "error": None}
    assert read_all(reply, temperature=0.5, latency_s=1.5)[0] == Turn(
        "",
        (ToolCall("guess", {"n": 7}, "call_1", raw='{"n": 7}'),),
        finish_reason="tool_calls",
        usage=Usage(20, 5, 16, calls=1),
        latency_s=1.5,
        model="gpt-4.1",
    )


def test_several_choices_are_turns_that_share_what_they_cost() -> None:
    choices = [
        {"index": number, "message": {"content": text}, "token_ids": [number], "finish_reason": "stop"}
        for number, text in enumerate("ab")
    ]
    reply = {"choices": choices, "usage": {"prompt_tokens": 3, "completion_tokens": 2}, "prompt_token_ids": [7, 8]}
    first, second = read_all(reply, temperature=1.0, latency_s=2.0)
    assert (first.text, first.usage, first.span) == ("a", Usage(3, 2, calls=1), TokenSpan((7, 8), (0,), None, 1.0))
    assert (second.text, second.usage, second.span) == ("b", Usage(), TokenSpan((7, 8), (1,), None, 1.0))
    assert (first.latency_s, second.latency_s) == (2.0, 2.0)


def test_every_choice_must_be_one() -> None:
    good: JsonObject = {"message": {"content": "a"}}
    for bad, says in (({}, "choice 1 has no message"), (5, "no choices that are JSON objects")):
        with pytest.raises(ValueError, match=says):
            read_all({"choices": [good, bad]})


def test_token_ids_and_logprobs_of_vllm() -> None:
    logprobs: JsonValue = {"content": [{"logprob": -0.5}, {"logprob": -1}]}
    choice: JsonObject = {"message": {"content": "a"}, "token_ids": [3, 4], "logprobs": logprobs}
    reply = {"prompt_token_ids": [1, 2], "prompt_logprobs": [None, {"2": {"logprob": -3}}], "choices": [choice]}
    span = read_all(reply, temperature=0.5)[0].span
    assert span == TokenSpan((1, 2), (3, 4), (-0.5, -1.0), 0.5)


@pytest.mark.parametrize(
    ("message", "text", "reasoning"),
    [
        ({"content": "<think>Hm.</think>Seven."}, "Seven.", "Hm."),
        ({"content": "\n<think>\nHm.\n</think>\n\nSeven.\n"}, "Seven.\n", "Hm."),
        ({"content": "Hm.\n</think>\n\nSeven."}, "Seven.", "Hm."),
        ({"content": "Hm.</think>Seven."}, "Seven.", "Hm."),
        ({"content": "Hm. </think>"}, "", "Hm."),
        ({"content": "<think>\n\n</think>\n\nSeven."}, "Seven.", None),
        ({"content": "<think>I was cut sho"}, "", "I was cut sho"),
        ({"content": "<think>a</think>b</think>c"}, "b</think>c", "a"),
        ({"content": "<think>a</think>b", "reasoning_content": ""}, "b", "a"),
        ({"content": "<think>a</think>b", "reasoning_content": "c"}, "<think>a</think>b", "c"),
        ({"content": "<think>a</think>b", "reasoning": "c"}, "<think>a</think>b", "c"),
        ({"content": "Thoughts end with </think> there."}, "Thoughts end with </think> there.", None),
        ({"content": "End with `</think>`."}, "End with `</think>`.", None),
        ({"content": "a</think>b</think>c"}, "a</think>b</think>c", None),
        ({"content": "a <think>b</think> c"}, "a <think>b</think> c", None),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}, {"text": "b"}]}, "b", "a"),
        ({"content": [{"type": "thinking", "thinking": "a"}, {"type": "text", "text": "b"}]}, "b", "a"),
        ({"content": [{"type": "text", "text": "<think>a</think>b"}]}, "b", "a"),
        ({"content": None, "reasoning": "a"}, "", "a"),
    ],
)
def test_thoughts_are_kept_apart_from_the_text(message: JsonObject, text: str, reasoning: str | None) -> None:
    turn = read(message)
    assert (turn.text, turn.reasoning) == (text, reasoning)


@pytest.mark.parametrize(
    ("message", "calls"),
    [
        ({"function_call": {"name": "a", "arguments": '{"n": 1}'}}, (ToolCall("a", {"n": 1}, raw='{"n": 1}'),)),
        ({"function_call": {"name": "a"}, "tool_calls": []}, (ToolCall("a", raw="{}"),)),
        ({"function_call": None, "tool_calls": None}, ()),
        ({"function_call": {"name": "a"}, "tool_calls": [{"function": {"name": "b"}}]}, (ToolCall("b", raw="{}"),)),
    ],
)
def test_the_function_call_of_old_is_a_tool_call(message: JsonObject, calls: tuple[ToolCall, ...]) -> None:
    assert read(message).tool_calls == calls


def test_one_call_without_a_list_around_it_is_read() -> None:
    """TGI sends some so, and the arguments as they are."""
    call: JsonObject = {"id": "x", "type": "function", "function": {"name": "a", "arguments": {"n": 1}}}
    assert read({"content": None, "tool_calls": call}).tool_calls == (ToolCall("a", {"n": 1}, "x"),)
    assert read({"content": None, "tool_calls": {}}).tool_calls == ()
    with pytest.raises(ValueError, match="the tool calls are not a list"):
        read({"content": None, "tool_calls": "a"})


def nested(levels: int) -> str:
    return '{"a":' * levels + "[1]" + "}" * levels


@pytest.mark.parametrize(("levels", "is_too_deep"), [(1, False), (99, False), (100, True), (200, True)])
def test_arguments_that_come_as_an_object_nest_no_deeper_than_text_may(levels: int, is_too_deep: bool) -> None:
    text = nested(levels)
    one, as_text = (
        read({"tool_calls": [{"function": {"name": "a", "arguments": arguments}}]}).tool_calls[0]
        for arguments in (json.loads(text), text)
    )
    assert (one.arguments, one.problem) == (as_text.arguments, as_text.problem)
    assert (one.problem is not None, one.raw) == (is_too_deep, text if is_too_deep else None)


def test_arguments_that_come_as_a_broad_object_are_not_deep() -> None:
    broad: JsonObject = {"a": [[number] for number in range(300)]}
    assert read({"tool_calls": {"function": {"name": "a", "arguments": broad}}}).tool_calls == (ToolCall("a", broad),)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ({"error": {"message": "over\n loaded", "code": 529}}, "no choices: the server says: over loaded"),
        ({"error": "overloaded"}, "the server says: overloaded"),
        ({"error": {"error": {"message": "deep"}}}, "the server says: deep"),
        ({"error": {"code": 500}}, "the server says: 500"),
        ({"error": {"message": ""}}, "the server says: no message"),
        ({"error": ["a", 1]}, r'the server says: \["a",1\]'),
        ({"object": "error", "message": "too long", "code": 400}, "the server says: too long"),
        ({"error": {"message": "late"}, "choices": [{"message": {"content": "a"}}]}, "an error: the server says: late"),
        (
            {"choices": [{"error": {"message": "lost"}, "message": {"content": "a"}}]},
            "off: the server says: lost",
        ),
        ({"choices": [{"finish_reason": "error", "message": {"content": "a"}}]}, "the answer broke off"),
        ({"choices": []}, "the reply has no choices$"),
        ({"choices": {"0": {}}}, "the reply has no choices$"),
        ({"choices": [{"message": {"function_call": {"arguments": "{}"}}}]}, "tool call 0 names no function"),
    ],
)
def test_an_error_behind_a_good_status_is_told(reply: JsonObject, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_all(reply)


def test_a_long_error_is_cut() -> None:
    with pytest.raises(ValueError, match="xxx") as error:
        read({}, error="x" * 100_000)
    assert len(str(error.value)) < 600


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just("</think>"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["message", "content", "thinking", "text", "tool_calls", "function", "error", "logprobs"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(json_values, json_values, json_values)
def test_nothing_but_value_errors_come_of_odd_replies(choice: JsonValue, message: JsonValue, usage: JsonValue) -> None:
    for choices in ([choice], [{"message": message, "token_ids": choice}], choice):
        try:
            turns = read_all({"choices": choices, "usage": usage, "prompt_token_ids": [1]})
        except ValueError:
            continue
        assert turns[0].usage.calls == 1


def test_parts_within_parts_do_not_go_deep() -> None:
    parts: JsonValue = "a"
    for _ in range(300):
        parts = [{"type": "text", "text": parts}]
    assert read({"content": parts}).text == ""


def test_the_first_choice_is_the_one_numbered_so_wherever_it_stands() -> None:
    choices = [
        {"index": index, "message": {"role": "assistant", "content": text}}
        for index, text in ((2, "c"), (0, "a"), (1, "b"))
    ]
    turns = read_all({"choices": choices, "usage": {"prompt_tokens": 3}})
    assert [turn.text for turn in turns] == ["a", "b", "c"]
    assert [turn.usage.prompt_tokens for turn in turns] == [3, 0, 0]
