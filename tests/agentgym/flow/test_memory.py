"""The memory, the rules that look at it, and how results are read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgym import Message, ToolCall
from agentgym.flow.arguments import canonical, misfit
from agentgym.flow.executor import MOST_CHARS, observe
from agentgym.flow.memory import Memory, SubGoal
from agentgym.flow.planner import RESPOND_TOOL, respond
from agentgym.flow.rules import judge_by_rules
from agentgym.flow.types import ExecutionResult, Knowledge, MemoryRecord, Plan, Verdict
from agentgym.messages import JsonObject
from agentgym.tools import ToolSpec

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "key": {"type": "string"},
        "n": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        "kinds": {"type": "array", "items": {"enum": ["a", "b"]}},
    },
    "required": ["key"],
    "additionalProperties": False,
}
KNOWLEDGE = Knowledge((ToolSpec("look", "Look.", SCHEMA), RESPOND_TOOL))


def executed(output: str, turn: int = 1, call: ToolCall | None = None) -> ExecutionResult:
    made = call or ToolCall("look", {"key": "k"}, id="c")
    gained = [Message("assistant", tool_calls=(made,)), Message("tool", output, tool_call_id=made.id)]
    return observe(Plan(turn, calls=(made,)), gained, KNOWLEDGE)


def recalled(*outputs: str, goal: str = "", call: ToolCall | None = None) -> Memory:
    memory = Memory("what?", KNOWLEDGE)
    for turn, output in enumerate(outputs, 1):
        execution = executed(output, turn, call)
        memory = memory.append(MemoryRecord(turn, Plan(turn, sub_goal=goal), execution))
    return memory


def test_a_memory_grows_and_the_one_before_stays() -> None:
    before = Memory("what?", KNOWLEDGE)
    after = before.append(MemoryRecord(1, Plan(1, sub_goal="look"), executed("seen")))
    assert before.records == ()
    assert [record.turn for record in after.records] == [1]
    assert after.sub_goals == (SubGoal("look", "completed"),)


def test_a_goal_fails_with_its_call_or_by_the_verdict_and_may_be_reached_later() -> None:
    assert recalled("Error: gone", goal="look").sub_goals == (SubGoal("look", "failed"),)
    assert recalled("Error: gone", "seen", goal="look").sub_goals == (SubGoal("look", "completed"),)
    verdict = Verdict(1, "replan", issues=("wrong one",))
    memory = Memory("what?").append(MemoryRecord(1, Plan(1, sub_goal="look"), executed("seen"), verdict))
    assert memory.sub_goals == (SubGoal("look", "failed"),)
    assert memory.notes == ("turn 1: wrong one",)


def test_the_summary_tells_the_last_turn_in_full_and_the_others_in_a_line() -> None:
    told = recalled("one\ntwo", "three\nfour").summary()
    assert told.splitlines() == [
        "Query: what?",
        'Turn 1: look({"key":"k"}) -> one two',
        "Turn 2 (the last)",
        'Call: look({"key":"k"})',
        "Result: three",
        "four",
    ]


def test_the_summary_keeps_errors_and_the_last_turn_whatever_the_room() -> None:
    memory = recalled("Error: lost", *["x" * 5000] * 20, "the end " * 100)
    told = memory.summary(4000)
    assert "Error: lost" in told
    assert "the end " * 99 in told
    assert "earlier turns are left out" in memory.summary(1000)
    assert len(told) < 4200


def test_the_summary_gives_all_the_room_there_is() -> None:
    memory = recalled("a" * 3000, "b" * 3000, "c")
    assert "a" * 3000 in memory.summary()
    assert "b" * 3000 in memory.summary()


@given(st.lists(st.text(max_size=300), max_size=8), st.integers(100, 5000))
def test_every_turn_is_in_the_summary_or_counted(outputs: list[str], room: int) -> None:
    told = recalled(*outputs).summary(room)
    shown = sum(f"Turn {turn}" in told for turn in range(1, len(outputs) + 1))
    assert shown == len(outputs) or "are left out" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"key": "k"}, None),
        ({"key": "k", "n": None, "kinds": ["a"]}, None),
        ({}, "key: is missing"),
        ({"key": 1}, "key: is no string"),
        ({"key": "k", "n": True}, "n: fits none"),
        ({"key": "k", "n": -1}, "n: fits none"),
        ({"key": "k", "kinds": ["c"]}, r'kinds\[0\]: is none of \["a","b"\]'),
        ({"key": "k", "x": 1}, "x: is unknown"),
    ],
)
def test_arguments_are_held_against_the_schema(arguments: JsonObject, told: str | None) -> None:
    found = misfit(SCHEMA, arguments)
    assert found is None if told is None else re.match(told, found or "")


def test_equal_calls_are_equal_in_any_order_of_their_arguments() -> None:
    assert canonical(ToolCall("t", {"a": 1, "b": {"c": 1, "d": 2}})) == canonical(
        ToolCall.from_text("t", '{"b": {"d": 2, "c": 1}, "a": 1}')
    )
    assert canonical(ToolCall("t", {"a": 1})) != canonical(ToolCall("t", {"a": "1"}))


@pytest.mark.parametrize(
    ("call", "output", "kind"),
    [
        (ToolCall("look", {"key": "k"}, id="c"), "seen", None),
        (ToolCall("peek", {}, id="c"), "whatever", "unknown_tool"),
        (ToolCall("look", {}, id="c"), "look: key: Field required", "invalid_arguments"),
        (ToolCall("look", {}, id="c"), "seen all the same", None),
        (ToolCall.from_text("look", "{", id="c"), "look: not JSON", "invalid_json"),
        (ToolCall("look", {"key": "k"}, id="c"), "Error: gone", "failed"),
        (ToolCall("look", {"key": "k"}, id="c"), '{"error": "gone"}', "failed"),
        (ToolCall("look", {"key": "k"}, id="c"), '{"error": null, "found": 1}', None),
        (ToolCall("look", {"key": "k"}, id="c"), "Errors are rare here", None),
        (ToolCall("look", {"key": "k"}, id="c"), "This call was not carried out.", "failed"),
    ],
)
def test_what_went_wrong_is_seen(call: ToolCall, output: str, kind: str | None) -> None:
    result = executed(output, call=call).results[0]
    assert (result.error_type, result.ok) == (kind, kind is None)
    verdict = judge_by_rules(Memory("what?", KNOWLEDGE), executed(output, call=call))
    assert (verdict.status if verdict else None) == (None if kind is None else "replan")


def test_an_empty_observation_is_an_issue() -> None:
    verdict = judge_by_rules(Memory("what?", KNOWLEDGE), executed(" \n"))
    assert verdict is not None
    assert (verdict.status, verdict.source, verdict.issues) == ("replan", "rule", ("nothing was shown",))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ((), "seen", None),
        (("seen",), "seen", None),
        (("seen", "seen"), "seen", "was made 3 times"),
        (("Error: a",), "Error: b", "has failed 2 times"),
        (("Error: a",), "seen", None),
    ],
)
def test_the_loop_guard(before: tuple[str, ...], now: str, told: str | None) -> None:
    verdict = judge_by_rules(recalled(*before), executed(now, len(before) + 1))
    assert (verdict is None) == (told is None)
    assert told is None or (verdict is not None and told in "".join(verdict.issues))


def test_what_the_user_says_is_no_error() -> None:
    said = respond("Which order?")
    gained = [Message("assistant", "Which order?"), Message("user", "Error: I forgot"), Message("user", "#W1")]
    execution = observe(Plan(1, calls=(said,)), gained, KNOWLEDGE)
    assert execution.ok
    assert execution.observation == "Error: I forgot\n#W1"


def test_a_long_output_is_cut_and_says_so() -> None:
    result = executed("x" * (MOST_CHARS + 5)).results[0]
    assert result.truncated
    assert result.output.endswith("[cut after 100,000 of 100,005 characters]")
