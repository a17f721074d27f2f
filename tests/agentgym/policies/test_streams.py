"""Streamed answers come to what the same answer would have been in one piece, however servers cut and number them."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from agentgym.messages import JsonObject, TokenSpan, ToolCall, Turn, Usage
from agentgym.policies.completions import read_reply, read_turns
from agentgym.policies.streams import StreamText, read_stream

END: JsonObject = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
DONE = b"data: [DONE]\n\n"


def event(chunk: JsonValue) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def stream(*deltas: JsonObject) -> bytes:
    """The deltas of one choice, and a proper end."""
    chunks: list[JsonObject] = [{"id": "c1", "model": "m", "choices": [{"index": 0, "delta": one}]} for one in deltas]
    return b"".join(map(event, [*chunks, END])) + DONE


def turn(body: bytes) -> Turn:
    return read_turns(read_reply(read_stream(body)))[0]


def call(arguments: str | None = None, name: str | None = None, **fields: JsonValue) -> JsonObject:
    """A delta with one piece of a tool call."""
    given: JsonObject = {"name": name, "arguments": arguments}
    function: JsonObject = {key: value for key, value in given.items() if value is not None}
    return {"tool_calls": [{**fields, "function": function}]}


def test_a_whole_answer_of_openai() -> None:
    role: JsonObject = {"role": "assistant", "content": None, "refusal": None}
    first = call("", "guess", index=0, id="call_1", type="function")
    body = stream(role | first, call('{"n"', index=0), call(": 7}", index=0))
    usage: JsonObject = {"prompt_tokens": 20, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 16}}
    body = body.removesuffix(DONE) + event({"choices": [], "usage": usage}) + DONE
    assert turn(body) == Turn(
        "",
        (ToolCall("guess", {"n": 7}, "call_1", raw='{"n": 7}'),),
        finish_reason="stop",
        usage=Usage(20, 5, 16, calls=1),
        model="m",
    )
    assert json.loads(read_stream(body))["id"] == "c1"


def test_text_reasoning_and_usage_in_every_chunk() -> None:
    chunks: list[JsonObject] = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}], "usage": {"completion_tokens": 0}},
        {"choices": [{"index": 0, "delta": {"reasoning_content": "Hm", "content": None}}], "usage": None},
        {"choices": [{"index": 0, "delta": {"reasoning_content": "."}}], "usage": {"completion_tokens": 2}},
        {"choices": [{"index": 0, "delta": {"content": "Sev"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": "en."}, "finish_reason": ""}]},
        {"choices": [{"index": 0, "delta": None, "finish_reason": "stop"}], "usage": {"completion_tokens": 4}},
    ]
    read = turn(b"".join(map(event, chunks)))
    assert (read.text, read.reasoning, read.finish_reason) == ("Seven.", "Hm.", "stop")
    assert read.usage == Usage(0, 4, calls=1)


def test_token_ids_and_logprobs_are_joined() -> None:
    def chunk(text: str, *ids: int) -> JsonObject:
        logprobs: JsonObject = {"content": [{"token": "", "logprob": -id / 4} for id in ids]}
        return {"choices": [{"index": 0, "delta": {"content": text}, "logprobs": logprobs, "token_ids": list(ids)}]}

    first: JsonObject = {"prompt_token_ids": [1, 2], "choices": [{"index": 0, "delta": {"role": "assistant"}}]}
    body = event(first) + event(chunk("a", 3)) + event(chunk("bc", 4, 5)) + event(END) + DONE
    assert turn(body).span == TokenSpan((1, 2), (3, 4, 5), (-0.75, -1.0, -1.25))


def test_choices_are_kept_apart() -> None:
    order = [(1, "c"), (0, "a"), (1, "d"), (0, "b")]
    chunks = [event({"choices": [{"index": index, "delta": {"content": text}}]}) for index, text in order]
    ends = [event({"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]}) for index in (0, 1)]
    assert [one.text for one in read_turns(read_reply(read_stream(b"".join([*chunks, *ends]))))] == ["ab", "cd"]
    with pytest.raises(ValueError, match="broke off"):
        read_stream(b"".join([*chunks, ends[0]]))


ONE = [("a", {"n": 1})]
TWO = [("a", {"n": 1}), ("b", {"m": 2})]
TWICE = [("a", {"n": 1}), ("a", {"n": 2})]


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        ([call("", "a", id="x"), call('{"n"'), call(": 1}")], ONE),
        ([call('{"n"', "a", id="x"), call(": 1", "a"), call("}", "a")], ONE),
        ([call('{"n"', "a", index=0, id="x"), call(": 1", "a", index=0, id="y"), call("}", "a", index=0, id="z")], ONE),
        ([call('{"n"', "a", index=0, id="x"), call(": 1}", "", index=0, id=""), call("", index=0)], ONE),
        ([{"tool_calls": [{"index": 0, "id": "x"}]}, call(None, "a", index=0), call('{"n": 1}', index=0)], ONE),
        ([{"tool_calls": [{"index": 0, "id": None, "function": {"name": "a", "arguments": {"n": 1}}}]}], ONE),
        ([{"tool_calls": {"index": 0, "function": {"name": "a", "arguments": '{"n": 1}'}}}, {"tool_calls": {}}], ONE),
        (
            [
                {"tool_calls": {"index": 0, "function": {"name": "a", "arguments": '{"n"'}}},
                {"tool_calls": {"index": 0, "function": {"name": "", "arguments": ": 1}"}}},
            ],
            ONE,
        ),
        ([{"function_call": {"name": "a", "arguments": ""}}, {"function_call": {"arguments": '{"n": 1}'}}], ONE),
        ([call('{"n": 1}', "a", index=0, id="x"), {"tool_calls": []}, {"tool_calls": None}, {}], ONE),
        ([call('{"n": 1}', "a", index=0, id="x"), call('{"m": 2}', "b", index=1, id="y")], TWO),
        ([call("", "b", index=1), call("", "a", index=0), call('{"m": 2}', index=1), call('{"n": 1}', index=0)], TWO),
        ([call('{"n": 1}', "a", id="x"), call('{"m"', "b", id="y"), call(": 2}", id="y")], TWO),
        ([call('{"n": 1}', "a"), call('{"m": 2}', "b")], TWO),
        ([call('{"n": 1}', "a", index=0), call('{"m": 2}', "b", index=0)], TWO),
        ([call('{"n": 1}', "a", id="x"), call('{"n": 2}', "a", id="y")], TWICE),
        ([call('{"n": 1}', "a"), call('{"n": 2}', "a")], TWICE),
        ([call('{"n": 1}', "a", index=0, id="x"), call("", "a", index=0, id="y"), call('{"n": 2}', index=0)], TWICE),
        ([call(name="get_", index=0, id="x"), call(name="it", index=0), call("{}", index=0)], [("get_it", {})]),
    ],
)
def test_calls_are_put_together_however_they_are_numbered(
    deltas: list[JsonObject], expected: list[tuple[str, JsonObject]]
) -> None:
    assert [(one.name, one.arguments) for one in turn(stream(*deltas)).tool_calls] == expected


@pytest.mark.parametrize(
    "body",
    [
        stream({"content": "hi"}).replace(b"\n", b"\r\n"),
        stream({"content": "hi"}).replace(b"\n", b"\r"),
        stream({"content": "hi"}).replace(b"data: ", b"data:"),
        stream({"content": "hi"}).replace(b"\n\n", b"\n"),
        stream({"content": "hi"}).rstrip(b"\n"),
        stream({"content": "hi"}).removesuffix(DONE),
        stream({"content": "hi"}).removesuffix(DONE) + b'data: {"choices": [{"ind',
        stream({"content": "hi"}) + event({"error": "too late to matter"}),
        stream({"content": "hi"}).replace(b"data: ", b"event: message\nid: 5\nretry: 10\ndata: "),
        stream({"content": "hi"}).replace(b'"choices"', b'\ndata: "choices"'),
        b": ping\n\n" + stream({"content": "hi"}).replace(b"\n\n", b"\n\n: OPENROUTER PROCESSING\n\n"),
        b"\xef\xbb\xbf\n" + stream({"content": "hi"}),
        b'event: ping\ndata: {"type": "ping"}\n\ndata:\n\n' + stream({"content": "hi"}),
        event({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}),
        stream({"content": [{"type": "text", "text": "h"}]}, {"content": "i"}),
        stream({"content": "<think>Hm</think>"}, {"content": "hi"}),
    ],
)
def test_every_way_to_write_events_is_read(body: bytes) -> None:
    assert turn(body).text == "hi"


def test_half_characters_of_two_chunks_become_one() -> None:
    body = b'data: {"choices": [{"delta": {"content": "%s"}}]}\n\n'
    assert turn(body % rb"\ud83d" + body % rb"\ude00" + event(END)).text == "\U0001f600"
    assert turn(body % rb"\ud83d" + event(END)).text == "\ufffd"
    assert turn(body % b"a\xffb" + event(END)).text == "a\ufffdb"


@pytest.mark.parametrize("body", [b'{"choices": []}', b"", b" \n[1]", b"<html>data: x</html>", b"\xff", b"{}\ndata: 1"])
def test_what_is_no_stream_stays_as_it_is(body: bytes) -> None:
    assert read_stream(body) == body


BEGUN = event({"choices": [{"index": 0, "delta": {"content": "hi"}}]})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (BEGUN, "the stream broke off before the answer was finished"),
        (b": ping\n\n", "broke off before"),
        (BEGUN[:-9], "broke off before"),
        (BEGUN + b"data: [DO", "broke off before"),
        (BEGUN + event({"error": {"message": "out of\nmemory", "code": 500}}) + DONE, "server says: out of memory"),
        (event({"object": "error", "message": "too long"}) + DONE, "server says: too long"),
        (BEGUN + b'event: error\ndata: {"message": "lost"}\n\n', "server says: lost"),
        (BEGUN + b"event: error\ndata: lost it\n\n", "server says: lost it"),
        (BEGUN + b'error: {"message": "lost"}\n\n', "lost"),
        (BEGUN + b'{"error": {"message": "lost"}}\n', "server says: lost"),
        (event({"choices": [{"index": 0, "error": {"message": "lost"}, "finish_reason": "error"}]}), "says: lost"),
        (BEGUN + b"data: <html>\n\n" + DONE, "not a JSON object: <html>"),
        (event([1]) + DONE, r"not a JSON object: \[1\]"),
        (stream({"tool_calls": ["a"]}), "a tool call of the stream is not an object"),
    ],
)
def test_a_stream_gone_wrong_is_told(body: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_stream(body)


def test_an_end_without_a_beginning_is_a_fault_and_silence_is_an_answer() -> None:
    """litellm's proxy makes up an end for what broke off behind it; a model that says nothing begins, or is counted."""
    silence: JsonObject = {"choices": [{"index": 0, "delta": {}}]}
    with pytest.raises(ValueError, match="ended before any answer began"):
        turn(event(END) + event(silence) + DONE)
    with pytest.raises(ValueError, match="ended before any answer began"):
        turn(event(END))
    assert turn(stream({"role": "assistant"})).text == ""
    assert turn(event(END | {"usage": {"prompt_tokens": 9}}) + DONE).text == ""


def test_a_stream_without_an_answer_is_no_turn() -> None:
    with pytest.raises(ValueError, match="no choices"):
        turn(event({"choices": [], "usage": {"prompt_tokens": 1}}) + DONE)
    with pytest.raises(ValueError, match="the content is no text, but int"):
        turn(stream({"content": 5}))
    with pytest.raises(ValueError, match="broke off"):
        turn(event({"choices": [{"delta": {"content": "a"}, "finish_reason": "error"}]}) + DONE)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "{}", "stop"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["index", "id", "name"]), inner),
    max_leaves=5,
)
fields = st.sampled_from(["choices", "delta", "tool_calls", "function", "arguments", "content", "error", "usage"])
chunks = st.recursive(json_values, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(fields, inner))


@given(st.lists(chunks | chunks.map(lambda one: {"choices": [{"delta": one}]}), max_size=4), st.binary(max_size=10))
def test_nothing_but_value_errors_come_of_odd_streams(odd: list[JsonValue], rest: bytes) -> None:
    with suppress(ValueError):
        turn(b"".join(map(event, odd)) + rest + b"\n\n" + event(END))


@given(st.text(), st.lists(st.integers(1, 60), min_size=1), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_the_text_is_told_while_it_comes_wherever_pieces_are_cut(text: str, cuts: list[int], line: bytes) -> None:
    deltas: list[JsonObject] = [{"content": text[place : place + 3]} for place in range(0, len(text), 3)]
    body = stream({"reasoning_content": "hm"}, *deltas, call("{}", "a", index=0)).replace(b"\n", line)
    live, told = StreamText(), ""
    while body:
        size = cuts[len(body) % len(cuts)]
        told += live.feed(body[:size])
        body = body[size:]
    assert told == text


def test_the_live_text_is_that_of_the_first_choice() -> None:
    live = StreamText()
    assert live.feed(event({"choices": [{"index": 1, "delta": {"content": "no"}}]})) == ""
    assert live.feed(event({"choices": [{"index": 0, "delta": {"content": "yes"}}]})) == "yes"
    assert live.feed(event({"choices": [{"delta": {"content": [{"type": "text", "text": "!"}, 5]}}]})) == "!"
    assert live.feed(b"data: oops\n\n: ping\n\n" + event({"error": "x"}) + DONE) == ""


@pytest.mark.parametrize(
    "deltas",
    [
        [{"content": "a"}] * 20_000,
        [call("{}", "a")] * 20_000,
        [call('{"a": "', "a"), *[call("{}", "a")] * 20_000],
        [call("}", "a", index=0, id=str(number)) for number in range(20_000)],
    ],
)
def test_a_long_stream_takes_little_time(deltas: list[JsonObject]) -> None:
    body = stream(*deltas)
    started = time.process_time()
    read_stream(body)
    assert time.process_time() - started < 15, "linear time is a fiftieth of that, quadratic time far more"


def test_many_small_pieces_take_little_time() -> None:
    body, live = event({"choices": [{"delta": {"content": "a" * 300_000}}]}), StreamText()
    started = time.process_time()
    told = "".join(live.feed(body[place : place + 3]) for place in range(0, len(body), 3))
    assert (len(told), time.process_time() - started < 15) == (300_000, True)
