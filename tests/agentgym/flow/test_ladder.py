"""From what a model said to what was asked of it: each rung, and what is no rung."""

from __future__ import annotations

import time

import pytest

from agentgym import ToolCall, Turn
from agentgym.flow.ladder import NoReply, read_reply
from agentgym.flow.verifier import BinaryReply, VerdictReply

GOOD = '{"status": "replan", "hint": "look again"}'


def read(turn: Turn | str) -> VerdictReply:
    given = Turn(turn) if isinstance(turn, str) else turn
    return read_reply(given, VerdictReply, tool="verdict")


@pytest.mark.parametrize(
    "turn",
    [
        Turn("whatever", (ToolCall("verdict", {"status": "replan", "hint": "look again"}),)),
        Turn("", (ToolCall.from_text("verdict", GOOD),)),
        Turn(f"```json\n{GOOD}\n```"),
        Turn(f"Well:\n\n```\n{GOOD}\n```\nThat is it."),
        Turn(GOOD),
        Turn(f"I think {GOOD} is right."),
        Turn(f"<think>no: {{'a': 1}} {{}}</think>{GOOD}"),
        Turn(f"of the form {{status}}, so {GOOD}"),
        Turn(f'an unclosed brace {{ and "a quote {{": {GOOD}'),
        Turn(f'{{"example": {{"status": "stop"}}}} {GOOD}'),
        Turn(f'```json\n{{"status": "perhaps"}}\n```\n{GOOD}'),
    ],
    ids=[
        "native",
        "raw",
        "fence",
        "plain fence",
        "alone",
        "in words",
        "thought",
        "braces",
        "unclosed",
        "inside",
        "second try",
    ],
)
def test_each_rung_holds(turn: Turn) -> None:
    assert read(turn) == VerdictReply(status="replan", hint="look again")


def test_the_native_call_comes_before_a_fence_and_a_fence_before_words() -> None:
    fence = '```json\n{"status": "continue"}\n```'
    both = Turn(f'{{"status": "stop"}}\n{fence}', (ToolCall("verdict", {"status": "replan"}),))
    assert read(both).status == "replan"
    assert read(both.text).status == "continue"


def test_a_call_of_another_tool_is_no_reply() -> None:
    with pytest.raises(NoReply, match="no JSON object"):
        read(Turn("", (ToolCall("other", {"status": "stop"}),)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("I would stop here. STOP! stop.", "no JSON object"),
        ("", "no JSON object"),
        ('{"status": "halt"}', "status"),
        ('{"status": "stop", "mood": "good"}', "mood"),
        ('{"status": "stop", "status": "continue"}', "twice"),
        ('{"status": "stop", "unmet": "a"}', "unmet"),
        ('{"status": "stop", "hint": NaN}', "NaN"),
        ('{"status": "sto', "no JSON object"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    with pytest.raises(NoReply, match=told):
        read(text)


def test_a_reply_may_have_several_forms() -> None:
    assert read_reply(Turn('{"stop": true}'), VerdictReply, BinaryReply) == BinaryReply(stop=True)


@pytest.mark.parametrize("text", ["{" * 300_000, '{"' * 150_000, "{}" * 150_000, '"{' * 150_000, "\\" * 300_000 + "{"])
def test_garbage_is_read_quickly(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(NoReply):
        read(text)
    assert time.perf_counter() - began < 30
