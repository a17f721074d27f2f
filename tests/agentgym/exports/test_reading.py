"""What is read: rows of every format, in files of every shape, and the episodes of runs."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentgym import ScriptedPolicy, ToolCall, Turn, make_policy
from agentgym.errors import DataFileError, UsageError
from agentgym.exports.reading import Wanted, read_dialogues
from agentgym.exports.writing import FORMATS, FormatName, export_rows, is_list, opened, write_rows
from agentgym.jobs import Job
from agentgym.messages import JsonObject
from agentgym.runner import run
from environments.guess import Guess, Secret

ASKED: JsonObject = {"role": "user", "content": "Where?"}
FOUND: JsonObject = {"role": "assistant", "content": "Here."}
ROW: JsonObject = {"messages": [ASKED, FOUND]}
EXPORTED = {**ROW, "tools": []}


def as_openai(path: Path) -> list[Any]:
    return list(export_rows(read_dialogues(path), "openai"))


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        {"messages": [ASKED, FOUND], "tools": None, "extra": {"a": 1}},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}, FOUND]},
        {"conversations": [{"from": "human", "value": "Where?"}, {"from": "gpt", "value": "Here."}], "tools": ""},
        {"conversations": [ASKED, FOUND], "system": ""},
        {"instruction": "Where?", "input": "", "output": "Here."},
        {"prompt": [ASKED], "completion": [FOUND], "tools": "[]"},
        {"Query": "Where?", "Output": "Here."},
        {"QUERY": "Where?", "output": "Here."},
    ],
)
def test_rows_of_every_format_are_understood(tmp_path: Path, row: JsonObject) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row))
    assert as_openai(path) == [EXPORTED]


def test_alpaca_s_input_history_and_system_are_part_of_the_dialogue(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    row = {"instruction": "Sum.", "input": "1 2", "output": "3", "system": "Brief.", "history": [["a", "b"]]}
    path.write_text(json.dumps([row]))
    ((made),) = as_openai(path)
    assert [message["content"] for message in made["messages"]] == ["Brief.", "a", "b", "Sum.\n1 2", "3"]


def test_calls_that_others_write_as_a_list_are_one_reply(tmp_path: Path) -> None:
    calls = [{"name": "a", "arguments": {"x": 1}}, {"name": "b", "arguments": '{"y": 2}'}]
    turns = [("human", "q"), ("function_call", json.dumps(calls)), ("observation", "1"), ("observation", "2")]
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"conversations": [{"from": who, "value": value} for who, value in turns]}))
    (made,) = as_openai(path)
    found = [call["function"] for call in made["messages"][1]["tool_calls"]]
    assert [(call["name"], json.loads(call["arguments"])) for call in found] == [("a", {"x": 1}), ("b", {"y": 2})]
    assert [message["content"] for message in made["messages"][2:]] == ["1", "2"]


TEXT = json.dumps(ROW)


@pytest.mark.parametrize(
    "content",
    [
        f"{TEXT}\n{TEXT}\n",
        f"\n\n{TEXT}\r\n\r\n{TEXT}",
        f"\ufeff{TEXT}\n{TEXT}",
        f"[{TEXT},{TEXT}]",
        f"\ufeff [\n{TEXT}\n,\n{TEXT}\n]\n\n",
        json.dumps([ROW, ROW], indent=2),
    ],
)
def test_lines_and_lists_are_read(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rows"
    path.write_text(content, encoding="utf-8")
    assert as_openai(path) == [EXPORTED, EXPORTED]


def test_one_object_over_many_lines_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "row.json"
    path.write_text(json.dumps(ROW, indent=2))
    assert as_openai(path) == [EXPORTED]


@pytest.mark.parametrize(
    "written", [b"\xed\xa0\xbd\xed\xb8\x80 \xed\xa0\x80", rb"\ud83d\ude00 \ud800", "\U0001f600 \ufffd".encode()]
)
@pytest.mark.parametrize("before", [0, 8191, (1 << 20) - 60, (1 << 20) - 59])
def test_halves_of_surrogate_pairs_become_a_character_or_its_replacement(
    tmp_path: Path, written: bytes, before: int
) -> None:
    path = tmp_path / "rows.json"
    row = TEXT.encode().replace(b"Where?", b"x" * before + written)
    path.write_bytes(b"[" + row + b"]")
    (made,) = as_openai(path)
    assert made["messages"][0]["content"] == "x" * before + "\U0001f600 \ufffd"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "rows: holds no row; give rows with `messages`"),
        (b"[]", "rows: holds no row"),
        (TEXT.encode() + b"\n{", "rows:2: not JSON: "),
        (b"[" + TEXT.encode() + b",", "rows: row 2: not JSON: "),
        (b"[" + TEXT.encode() + b" 3]", "rows: row 2: no comma before it"),
        (b"[" + TEXT.encode(), "no ']' after the last row"),
        (b"[" + TEXT.encode() + b"] 3", "something follows the list"),
        (b'{"messages": "\xe9"}', "is not UTF-8 text"),
        (b'{"messages": ' + b"[" * 99_999, "rows:1: not JSON: nested too deeply"),
        (b'[{"messages": ' + b"[" * 99_999, "rows: row 1: not JSON: nested too deeply"),
        (b"3", "rows:1: a row is a JSON object with `messages`"),
        (b'{"text": 1}', "rows:1: no known form of a row, its keys are 'text'; give `messages`"),
        (b'{"messages": []}', "rows:1: messages: List should have at least 1 item"),
        (b'{"messages": [{"role": "bot"}]}', "rows:1: messages.0.role: Input should be 'system'"),
        (b'{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}', "a part is 'image_url'"),
        (b'{"messages": [{"role": "tool", "content": "x"}]}', "rows:1: a tool's answer stands before any call"),
        (b'{"messages": [{"role": "user"}], "tools": "x"}', "rows:1: tools: not JSON"),
        (b'{"messages": [{"role": "user"}], "tools": [{}]}', 'a tool is an object like {"name"'),
        (b'{"conversations": [{"from": "function_call", "value": "{"}]}', "rows:1: conversations.0.value: not JSON"),
        (b'{"conversations": [{"from": "function_call", "value": "3"}]}', 'not a call; write {"name"'),
        (b'{"instruction": 3}', "rows:1: instruction: Input should be a valid string"),
        (b'{"prompt": []}', "rows:1: prompt: holds no message"),
    ],
)
def test_the_first_fault_is_told_in_one_line_with_file_and_row(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "rows"
    path.write_bytes(content)
    with pytest.raises(DataFileError) as caught:
        as_openai(path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_answer_to_no_call_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text(json.dumps({"messages": [FOUND, {"role": "tool", "content": "x", "tool_call_id": "z"}]}))
    with pytest.raises(DataFileError, match="rows:1: a tool's answer belongs to no call with the id 'z'"):
        as_openai(path)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with solved and failed episodes."""
    folder = tmp_path_factory.mktemp("runs") / "random"
    jobs = [Job(make=Guess, task=task, seed=trial, trial=trial) for trial in range(2) for task in Guess().tasks()]
    anyio.run(run, jobs, make_policy("random"), folder)
    return folder


def test_episodes_are_dialogues_with_their_tools(played: Path) -> None:
    dialogues = list(read_dialogues(played))
    assert len(dialogues) == 20
    assert dialogues[0].where.startswith(f"{played}: task digit-")
    for made in export_rows(dialogues, "openai"):
        assert [message["role"] for message in made["messages"]][:4] == ["system", "user", "assistant", "tool"]
        assert made["tools"][0]["function"]["name"] == "guess"
    assert len(list(read_dialogues(played / "episodes.jsonl"))) == 20


def test_only_wanted_episodes_are_read(played: Path, tmp_path: Path) -> None:
    solved = list(read_dialogues(played, wanted=Wanted(solved=True)))
    assert 0 < len(solved) < 20
    assert all(dialogue.messages[-1].content == "correct" for dialogue in solved)
    assert len(list(read_dialogues(played, wanted=Wanted(min_reward=1.0)))) == len(solved)
    assert len(list(read_dialogues(played, wanted=Wanted(tool_errors=False)))) == 20
    rows = tmp_path / "rows.jsonl"
    rows.write_text(TEXT)
    with pytest.raises(UsageError, match="a data file knows no outcomes or rewards"):
        list(read_dialogues(rows, wanted=Wanted(solved=True)))


def test_calls_that_went_wrong_and_words_beside_calls_are_exported_as_they_were_said(tmp_path: Path) -> None:
    broken = ToolCall.from_text("guess", '{"n": ')
    turns = [
        Turn("I try two.", (broken, ToolCall("guess", {"n": 1})), reasoning="Hm."),
        Turn("", (ToolCall("guess", {"n": 7}),)),
    ]
    job = Job(make=Guess, task=Secret(id="t", digit=7), seed=1)
    anyio.run(run, [job], ScriptedPolicy(turns), tmp_path / "run")
    (made,) = as_openai(tmp_path / "run")
    reply = made["messages"][2]
    assert (reply["content"], reply["reasoning_content"], len(reply["tool_calls"])) == ("I try two.", "Hm.", 2)
    assert json.loads(reply["tool_calls"][0]["function"]["arguments"]) == {"invalid_arguments": '{"n": '}
    assert made["messages"][-1]["content"] == "correct"
    assert list(read_dialogues(tmp_path / "run", wanted=Wanted(tool_errors=False))) == []


@pytest.mark.parametrize("to", FORMATS)
def test_what_is_written_is_read_again_in_memory_that_does_not_grow(tmp_path: Path, to: FormatName) -> None:
    def peak(count: int) -> int:
        long = {"messages": [ASKED, {**FOUND, "content": "x" * 100_000}]}
        source, target = tmp_path / f"{count}.json", tmp_path / f"{count}-out.json"
        source.write_text(json.dumps([long] * count))
        tracemalloc.start()
        with opened(target) as file:
            assert write_rows(file, export_rows(read_dialogues(source), to), as_list=is_list(to, target)) == count
        assert sum(1 for _ in read_dialogues(target)) == count
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held

    peak(1)  # what is imported or cached once
    assert peak(200) < 1.3 * peak(40)
