"""Bodies of requests: what is taken, and what is refused in words that name the field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trainers.serving.refusal import Refusal
from trainers.serving.requests import ChatAsked, TextAsked, read_request

HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "guess", "parameters": {"type": "object"}}}


def chat(**fields: Any) -> ChatAsked:
    return read_request(json.dumps({"model": "m", "messages": HI} | fields).encode(), ChatAsked)


def text(**fields: Any) -> TextAsked:
    return read_request(json.dumps({"model": "m", "prompt": "hi"} | fields).encode(), TextAsked)


def refused(body: bytes) -> dict[str, Any]:
    with pytest.raises(Refusal) as raised:
        read_request(body, ChatAsked)
    error: dict[str, Any] = json.loads(raised.value.body())["error"]
    return error


def test_what_clients_usually_send_is_taken() -> None:
    asked = chat(
        temperature=0.7,
        top_p=1,
        max_completion_tokens=5,
        stop="x",
        n=2,
        seed=-1,
        stream=True,
        stream_options={"include_usage": True},
        logprobs=True,
        top_logprobs=2,
        return_token_ids=True,
        tools=[TOOL],
        tool_choice="auto",
        parallel_tool_calls=True,
        response_format={"type": "text"},
        frequency_penalty=0,
        presence_penalty=0.0,
        logit_bias={},
        user="me",
        metadata={"a": "b"},
        store=False,
    )
    assert asked.most_tokens == 5
    assert asked.stops == ("x",)
    assert asked.tells_usage
    assert asked.tool_names == {"guess"}
    assert chat(tools=[TOOL], tool_choice="none").tool_names == frozenset()


def test_messages_may_hold_what_other_servers_add() -> None:
    call = {"id": "c", "type": "function", "index": 0, "function": {"name": "guess", "arguments": "{}"}}
    said = {"role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": [call]}
    parts = {"role": "user", "content": [{"type": "text", "text": "hi"}]}
    assert len(chat(messages=[parts, said, {"role": "tool", "tool_call_id": "c", "content": "4"}]).messages) == 3


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1], [2, 3]], [[1], [2, 3]]),
    ],
)
def test_prompts_are_texts_or_ids_one_or_several(prompt: Any, prompts: Any) -> None:
    assert text(prompt=prompt).prompts == prompts


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": "1"},
        {"temperature": -0.1},
        {"temperature": True},
        {"top_p": 0},
        {"top_p": 1.1},
        {"n": 0},
        {"n": 1.0},
        {"n": 129},
        {"max_tokens": 0},
        {"stop": ""},
        {"stop": ["a", ""]},
        {"seed": 0.5},
        {"seed": 2**64},
        {"stream": "yes"},
        {"messages": []},
        {"messages": "hi"},
        {"messages": [{"role": "robot", "content": "hi"}]},
        {"tools": {}},
        {"tools": [{"type": "function"}]},
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "guess"}}},
        {"response_format": {"type": "json_object"}},
        {"top_logprobs": 3},
        {"logprobs": True, "top_logprobs": 21},
        {"frequency_penalty": 0.5},
        {"presence_penalty": -1},
        {"logit_bias": {"5": 100}},
        {"top_k": 5},
        {"repetition_penalty": 1.1},
        {"guided_json": {}},
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused_by_name(fields: dict[str, Any]) -> None:
    error = refused(json.dumps({"model": "m", "messages": HI} | fields).encode())
    assert error["type"] == "invalid_request_error"
    assert error["param"] in fields
    assert error["param"] in error["message"]
    assert "\n" not in error["message"]


@pytest.mark.parametrize("body", [b"", b"no", b"[]", b'{"model": NaN}', b"\xff\xfe", b'{"model": "a", "model": "b"}'])
def test_what_is_no_request_is_told(body: bytes) -> None:
    assert "JSON" in refused(body)["message"]


def test_half_a_character_is_refused() -> None:
    body = b'{"model": "m", "messages": [{"role": "user", "content": "\\ud83d"}]}'
    assert "surrogate" in refused(body)["message"]
    whole = b'{"model": "m", "messages": [{"role": "user", "content": "\\ud83d\\ude00"}]}'
    assert read_request(whole, ChatAsked).messages[0].content == "\U0001f600"


def test_a_prompt_that_is_empty_is_refused() -> None:
    for prompt in ([], [1.5], None, [["a"]]):
        with pytest.raises(Refusal, match="prompt"):
            text(prompt=prompt)
