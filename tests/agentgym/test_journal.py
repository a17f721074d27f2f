"""What an episode was told is written before it is used, and taken from there for the same question alone."""

from __future__ import annotations

import json
import math

import pytest

from agentgym import Message, ToolCall
from agentgym.journal import Journal, prefix_of
from agentgym.messages import JsonObject

REPLY = b'{"choices":[{"message":{"content":"ja \xc3\xbc"}}]}'


def entries(written: list[bytes]) -> list[dict[str, object]]:
    return [json.loads(line) for line in b"".join(written).splitlines()]


def test_a_call_is_taken_up_once_for_the_same_request_and_for_no_other() -> None:
    written: list[bytes] = []
    Journal("t", 0, written.append).keep("r1", REPLY, latency_s=0.25, attempts=3)
    again = Journal("t", 0, written.append, written)
    assert again.recall("r2") is None
    kept = again.recall("r1")
    assert kept is not None
    assert (json.loads(kept.reply), kept.latency_s) == (json.loads(REPLY), 0.25)
    assert again.recall("r1") is None, "it is used up"


def test_equal_requests_get_their_replies_in_order() -> None:
    written: list[bytes] = []
    journal = Journal("t", 0, written.append)
    for number in range(3):
        journal.keep("same", b'{"n":%d}' % number, latency_s=0.0, attempts=1)
    again = Journal("t", 0, written.append, written)
    replies = [again.recall("same") for _ in range(4)]
    assert [reply and json.loads(reply.reply)["n"] for reply in replies] == [0, 1, 2, None]


def test_a_reply_of_several_lines_is_written_as_one() -> None:
    written: list[bytes] = []
    Journal("t", 0, written.append).keep("r", b'{\r\n  "a": "b\\n"\n}', latency_s=0.0, attempts=1)
    (entry,) = entries(written)
    assert entry["reply"] == {"a": "b\n"}


def test_lines_tell_whose_they_are_whatever_the_name() -> None:
    written: list[bytes] = []
    for task in ("plain", 'with "quotes" and \\', "two\nlines", '"kind":', "日本"):
        Journal(task, 2, written.append).keep("r", b"{}", latency_s=0.0, attempts=1)
    assert [entry["task"] for entry in entries(written)] == [
        "plain",
        'with "quotes" and \\',
        "two\nlines",
        '"kind":',
        "日本",
    ]
    assert len({prefix_of(line) for line in b"".join(written).splitlines()}) == 5


def show(journal: Journal, text: str, *, n: int = 3) -> tuple[object, list[Message]]:
    return journal.step(0, 0, action={"n": n}, observation={"text": text}, messages=[Message("tool", text)])


def test_steps_are_written_with_the_call_that_follows_them() -> None:
    written: list[bytes] = []
    journal = Journal("t", 0, written.append)
    show(journal, "lower")
    assert written == [], "nothing depends on it yet"
    journal.keep("r", b"{}", latency_s=0.0, attempts=1)
    assert len(written) == 1, "all in one go"
    assert [entry["kind"] for entry in entries(written)] == ["step", "call"]


def test_what_was_shown_before_is_shown_again_though_the_environment_says_something_else() -> None:
    written: list[bytes] = []
    journal = Journal("t", 0, written.append)
    call = ToolCall("look", {"at": 1}, "c1")
    shown = [Message("tool", "7", tool_calls=(call,))]
    journal.step(0, 0, action={}, observation={"text": "7 o'clock"}, messages=shown)
    journal.keep("r", b"{}", latency_s=0.0, attempts=1)
    again = Journal("t", 0, written.append, b"".join(written).splitlines())
    observation, messages = again.step(0, 0, action={}, observation={"text": "8"}, messages=[Message("tool", "8")])
    assert observation == {"text": "7 o'clock"}
    assert messages == shown
    assert again.divergences == 1


def test_another_action_in_the_same_place_is_shown_what_it_did() -> None:
    written: list[bytes] = []
    journal = Journal("t", 0, written.append)
    show(journal, "lower")
    journal.keep("r", b"{}", latency_s=0.0, attempts=1)
    again = Journal("t", 0, written.append, b"".join(written).splitlines())
    assert show(again, "higher", n=4)[0] == {"text": "higher"}
    assert again.divergences == 0


def test_what_is_nested_too_deeply_to_be_written_leaves_a_line_that_can_be_read() -> None:
    deep: JsonObject = {}
    for _ in range(100_000):
        deep = {"in": deep}
    written: list[bytes] = []
    journal = Journal("t", 0, written.append)
    journal.step(0, 0, action={}, observation=deep, messages=[])
    assert journal.recall("r") is None
    journal.keep("r", b"{}", latency_s=0.0, attempts=1)
    again = Journal("t", 0, written.append, b"".join(written).splitlines())
    assert again.step(0, 0, action={}, observation=deep, messages=[]) == (deep, [])
    assert again.divergences == 0
    assert again.recall("r") is not None


@pytest.mark.parametrize(
    "shown", [{"n": 2**70}, {"text": "\ud800", "p": 1e-7}, {"at": math.nan}, {"b": 1, "a": 2.0}], ids=str
)
def test_what_json_changes_is_no_divergence(shown: JsonObject) -> None:
    written: list[bytes] = []
    journal = Journal("t", 0, written.append)
    odd = [Message("tool", "\ud800")]
    journal.step(0, 0, action=shown, observation=shown, messages=odd)
    journal.keep("r", b"{}", latency_s=0.0, attempts=1)
    again = Journal("t", 0, written.append, b"".join(written).splitlines())
    assert again.step(0, 0, action=shown, observation=shown, messages=odd) == (shown, odd)
    again.keep("s", b"{}", latency_s=0.0, attempts=1)
    assert again.divergences == 0
    assert len(entries(written)) == 3, "the step is not written again"
