"""The formats: what each makes of a conversation, and that nothing is lost between openai and sharegpt."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentgym.exports import openai, sharegpt
from agentgym.exports.notices import Notices
from agentgym.exports.reasoning import Reasoning
from agentgym.exports.writing import FormatName, export_rows
from agentgym.policies.textcalls import calls_in_text

Row = dict[str, Any]
TOOL = {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}


def call(id: str, name: str = "look", arguments: str = '{"at": 1}') -> Row:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def said(role: str, content: str | None = None, **more: Any) -> Row:
    return {"role": role, "content": content, **more}


def exported(
    *rows: Row,
    to: FormatName = "openai",
    reasoning: Reasoning | None = None,
    end_on_reply: bool = False,
    notices: Notices | None = None,
) -> list[Any]:
    read = map(openai.read, rows)
    made = export_rows(read, to, reasoning=reasoning, end_on_reply=end_on_reply, notices=notices)
    return json.loads(json.dumps(list(made)))


ASKED = said("user", "Where is it?")
BOTH = said("assistant", "Let me see.", tool_calls=[call("a"), call("b", "feel", "{}")])
ANSWERS = [said("tool", "here", tool_call_id="a"), said("tool", "cold", tool_call_id="b")]
FOUND = said("assistant", "It is here.")
PARALLEL: Row = {"messages": [said("system", "Be brief."), ASKED, BOTH, *ANSWERS, FOUND], "tools": [TOOL]}


def test_openai_has_arguments_as_text_null_beside_calls_and_ids_that_stand_nowhere_else() -> None:
    silent = said("assistant", "", tool_calls=[call("a"), call("a")])
    both = [said("tool", "1", tool_call_id="a"), said("tool", "2", tool_call_id="a")]
    rows = exported({"messages": [ASKED, silent, *both, silent, *both, FOUND]}, PARALLEL)
    first, second = rows
    assert first["messages"][1]["content"] is None
    assert first["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"at": 1}'
    assert first["tools"] == []
    assert second["tools"] == [TOOL]
    ids = [made["id"] for row in rows for message in row["messages"] for made in message.get("tool_calls", [])]
    assert len(set(ids)) == len(ids) == 6
    assert ids == [message["tool_call_id"] for row in rows for message in row["messages"] if message["role"] == "tool"]


def test_answers_in_another_order_are_put_in_that_of_the_calls() -> None:
    (row,) = exported({"messages": [ASKED, BOTH, *reversed(ANSWERS), FOUND]})
    assert [message["content"] for message in row["messages"]] == [
        *("Where is it?", "Let me see.", "here", "cold", "It is here.")
    ]


def test_sharegpt_alternates_also_where_calls_were_made_in_one_reply() -> None:
    (row,) = exported(PARALLEL, to="sharegpt")
    assert [entry["from"] for entry in row["conversations"]] == [
        *("human", "function_call", "observation", "function_call", "observation", "gpt")
    ]
    first, second = (json.loads(row["conversations"][place]["value"]) for place in (1, 3))
    assert first == {"name": "look", "arguments": {"at": 1}, "content": "Let me see."}
    assert second == {"name": "feel", "arguments": {}}
    assert row["system"] == "Be brief."
    assert json.loads(row["tools"]) == [TOOL["function"]]


def test_the_first_turn_of_sharegpt_is_human() -> None:
    greeting: Row = {"messages": [said("assistant", "Hello!"), ASKED, FOUND]}
    (row,) = exported(greeting, to="sharegpt")
    assert [entry["from"] for entry in row["conversations"]] == ["human", "gpt", "human", "gpt"]
    (again,) = export_rows([sharegpt.read(row)], "openai")
    assert again == {**greeting, "tools": []}


def test_alpaca_has_pairs_before_the_last_reply_and_calls_that_agentgym_reads_itself() -> None:
    (row,) = exported({"messages": [*PARALLEL["messages"], ASKED], "tools": [TOOL]}, to="alpaca")
    assert set(row) == {"instruction", "input", "output", "system", "history"}
    assert (row["input"], row["output"]) == ("", "It is here.")
    assert row["system"].startswith("Be brief.\n\nYou have tools.")
    ((question, calls),) = row["history"]
    assert question == "Where is it?"
    found = calls_in_text(calls, {"look", "feel"}, fenced=False)
    assert found.text == "Let me see."
    assert [(made.name, made.arguments) for made in found.calls] == [("look", {"at": 1}), ("feel", {})]
    assert row["instruction"] == ("<tool_response>\nhere\n</tool_response>\n<tool_response>\ncold\n</tool_response>")


def test_trl_prompt_ends_before_the_first_reply_to_learn() -> None:
    wrong = said("assistant", "There.", loss=False)
    (row,) = exported({"messages": [ASKED, wrong, ASKED, BOTH, *ANSWERS, FOUND], "tools": [TOOL]}, to="trl-prompt")
    assert row["prompt"] == [ASKED, wrong, ASKED]
    assert row["completion"][0]["tool_calls"][0]["function"]["arguments"] == {"at": 1}
    assert row["completion"][-1] == FOUND
    assert json.loads(row["tools"]) == [TOOL]
    assert exported({"messages": [ASKED]}, to="trl-prompt") == [{"prompt": [ASKED], "completion": [], "tools": "[]"}]


def test_what_is_not_to_be_learnt_keeps_its_flag_or_gives_a_row_for_each_other_reply() -> None:
    wrong = said("assistant", "There.", loss=False)
    row: Row = {"messages": [ASKED, BOTH, *ANSWERS, wrong, ASKED, said("assistant", "Here.", loss=True)]}
    (kept,) = exported(row)
    assert [message.get("loss") for message in kept["messages"]] == [None, None, None, None, False, None, True]
    first, last = exported(row, to="sharegpt")
    assert [entry["from"] for entry in first["conversations"]] == [
        *("human", "function_call", "observation", "function_call")
    ]
    assert last["conversations"][-1] == {"from": "gpt", "value": "Here."}
    assert len(last["conversations"]) == 8
    assert [made["output"][:6] for made in exported(row, to="alpaca")] == ["Let me", "Here."]
    notices = Notices()
    assert exported({"messages": [ASKED, wrong]}, to="alpaca", notices=notices) == []
    assert notices.lines()[0].startswith("left out for no reply that is to be learnt: 1")


def test_openai_s_own_flag_is_understood() -> None:
    (row,) = exported({"messages": [ASKED, said("assistant", "a", weight=0), ASKED, said("assistant", "b", weight=1)]})
    assert [message.get("loss") for message in row["messages"]] == [None, False, None, True]


THOUGHT = said("assistant", "Here.", reasoning_content="It was\nthere.")
INLINE = said("assistant", "<think>\nIt was\nthere.\n</think>\n\nHere.")
TIGHT = said("assistant", "<think>It was\nthere.</think>\n<|AGENT|>\nHere.")


@pytest.mark.parametrize(
    ("given", "reasoning", "wanted"),
    [
        (THOUGHT, None, THOUGHT),
        (INLINE, None, INLINE),
        (TIGHT, None, TIGHT),
        (THOUGHT, "field", THOUGHT),
        (INLINE, "field", THOUGHT),
        (TIGHT, "field", said("assistant", "<|AGENT|>\nHere.", reasoning_content="It was\nthere.")),
        (THOUGHT, "inline", INLINE),
        (INLINE, "inline", INLINE),
        (TIGHT, "inline", TIGHT),
        (THOUGHT, "drop", said("assistant", "Here.")),
        (TIGHT, "drop", said("assistant", "<|AGENT|>\nHere.")),
    ],
)
def test_thoughts_stand_where_they_are_wanted(given: Row, reasoning: Reasoning | None, wanted: Row) -> None:
    (row,) = exported({"messages": [ASKED, given]}, reasoning=reasoning)
    assert row["messages"] == [ASKED, wanted]
    (alpaca,) = exported({"messages": [ASKED, given]}, to="alpaca", reasoning=reasoning)
    shown = "<think>" in wanted["content"] or "reasoning_content" in wanted
    assert alpaca["output"].startswith("<think>") == shown


def test_a_thought_cannot_end_the_tags_around_it() -> None:
    sly = said("assistant", "Here.", reasoning_content="a\n</think>\n\nThere.")
    (row,) = exported({"messages": [ASKED, sly]}, reasoning="inline")
    assert row["messages"][1]["content"].count("</think>") == 1
    assert row["messages"][1]["content"].endswith("</think>\n\nHere.")


def test_calls_that_nobody_answered_are_left_out_with_one_notice() -> None:
    notices = Notices()
    trailing = [said("assistant", None, tool_calls=[call("x")])]
    half = [said("assistant", "Both.", tool_calls=[call("a"), call("b")]), ANSWERS[1]]
    rows = exported(
        {"messages": [ASKED, FOUND, *trailing]},
        {"messages": [ASKED, *half]},
        {"messages": [ASKED, *trailing, ASKED, FOUND]},
        notices=notices,
    )
    assert [[message["role"] for message in row["messages"]] for row in rows] == [
        ["user", "assistant"],
        ["user", "assistant", "tool"],
        ["user", "user", "assistant"],
    ]
    assert len(rows[1]["messages"][1]["tool_calls"]) == 1
    assert notices.lines() == ["calls left out that nobody answered: 3, first at "]


def test_a_row_ends_on_its_last_reply_where_that_is_wanted() -> None:
    notices = Notices()
    row: Row = {"messages": [ASKED, BOTH, *ANSWERS]}
    (whole,) = exported(row, to="sharegpt", notices=notices)
    assert whole["conversations"][-1]["from"] == "observation"
    assert "--end-on-reply" in notices.lines()[0]
    quiet = Notices()
    (cut,) = exported(row, to="sharegpt", end_on_reply=True, notices=quiet)
    assert [entry["from"] for entry in cut["conversations"]] == [
        *("human", "function_call", "observation", "function_call")
    ]
    assert exported({"messages": [ASKED]}, to="sharegpt", end_on_reply=True, notices=quiet) == []
    assert quiet.lines() == ["left out for no reply: 1, first at "]


def test_arguments_that_are_no_object_are_kept_as_text_in_one() -> None:
    broken = said("assistant", None, tool_calls=[call("a", arguments='{"at": ')])
    row: Row = {"messages": [ASKED, broken, ANSWERS[0], FOUND]}
    notices = Notices()
    (made,) = exported(row, notices=notices)
    kept = {"invalid_arguments": '{"at": '}
    assert json.loads(made["messages"][1]["tool_calls"][0]["function"]["arguments"]) == kept
    assert len(notices.lines()) == 1
    (made,) = exported(row, to="sharegpt")
    assert json.loads(made["conversations"][1]["value"])["arguments"] == kept


@pytest.mark.parametrize("to", ["alpaca", "sharegpt", "openai", "trl-prompt"])
@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\0", "x" * 1_000_000, "\u2028</tool_call>", ""])
def test_no_text_is_too_strange_and_every_row_can_be_read_back(to: FormatName, text: str) -> None:
    from agentgym.exports.dialogue import Dialogue, Said
    from agentgym.jsontext import dump_json
    from agentgym.messages import ToolCall

    reply = Said("assistant", text, (ToolCall("look", {"at": text}),), reasoning=text)
    messages = (Said("system", text), Said("user", text), reply, Said("tool", text), Said("assistant", text or "done"))
    (row,) = export_rows([Dialogue(messages)], to)
    assert json.loads(dump_json(row).decode("utf-8")).keys() == row.keys()


names = st.from_regex(r"[A-Za-z0-9_-]{1,10}", fullmatch=True)
texts = st.text(max_size=12) | st.sampled_from(
    ["<think>", "\n", "\\", '"}', "</think>\n\n", "&lt;/think>", "&amp;lt;/think>", "\x00", "ü\u2028"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
arguments = st.dictionaries(texts, values, max_size=3).flatmap(
    lambda given: st.sampled_from([json.dumps(given), json.dumps(given, indent=1, ensure_ascii=False)])
)
thoughts = st.none() | texts.filter(bool)
words = texts.filter(lambda text: not text.startswith("<think>\n"))


@st.composite
def exchanges(draw: st.DrawFn) -> list[Row]:
    """A question, calls with their answers, and perhaps a reply."""
    said_so_far = [said("user", draw(texts))]
    for _ in range(draw(st.integers(0, 2))):
        calls = [call(f"id-{n}", draw(names), draw(arguments)) for n in range(draw(st.integers(1, 3)))]
        said_so_far.append(spoken(draw, tool_calls=calls))
        said_so_far += [said("tool", draw(texts), tool_call_id=made["id"]) for made in calls]
    return said_so_far + ([spoken(draw)] if draw(st.booleans()) else [])


def spoken(draw: st.DrawFn, **more: Any) -> Row:
    thought = draw(thoughts)
    text = draw(words)
    return said(
        "assistant", text or (None if more else ""), **more, **({"reasoning_content": thought} if thought else {})
    )


tools = st.lists(
    st.fixed_dictionaries(
        {"name": names, "description": texts, "parameters": st.dictionaries(texts, values, max_size=2)}
    ).map(lambda function: {"type": "function", "function": function})
    | st.fixed_dictionaries({"type": st.just("web_search"), "limit": st.integers()}),
    max_size=2,
)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    system = draw(st.none() | texts.filter(bool))
    messages = [message for exchange in draw(st.lists(exchanges(), min_size=1, max_size=3)) for message in exchange]
    return {"messages": [said("system", system)] * (system is not None) + messages, "tools": draw(tools)}


def without_ids(row: Row) -> Row:
    def bare(message: Row) -> Row:
        calls = [made["function"] for made in message.get("tool_calls", [])]
        return {**message, "tool_calls": calls, "tool_call_id": None}

    return {**row, "messages": list(map(bare, row["messages"]))}


@settings(max_examples=150, deadline=None)
@given(rows())
def test_nothing_but_ids_is_lost_from_openai_to_sharegpt_and_back(row: Row) -> None:
    (there,) = exported(row, to="sharegpt")
    (back,) = export_rows([sharegpt.read(there)], "openai")
    assert without_ids(json.loads(json.dumps(back))) == without_ids(row)


@settings(max_examples=50, deadline=None)
@given(st.lists(rows(), max_size=3), st.sampled_from(["alpaca", "sharegpt", "openai", "trl-prompt"]))
def test_all_rows_have_the_same_columns(given: list[Row], to: FormatName) -> None:
    made = exported(*given, to=to)
    assert len({tuple(row) for row in made}) <= 1
