"""Files of tasks: the forms they come in, what is wrong with them, and that nothing is lost on the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import DataFileError
from agentgym.tools import Say
from environments.retail.database import RetailDB
from environments.retail.env import RetailEnv
from environments.retail.factory.checks import check_blueprint
from environments.retail.factory.envelope import Blueprint, Metadata, Suggestion, TaskEnvelope, ValidationReport
from environments.retail.factory.files import read_each, read_tasks, write_tasks

pytestmark = pytest.mark.anyio

SAMPLE = """\
[
  {
    "success": true,
    "task": {
      "q": "请帮我取消订单 #W123456",
      "agt": [
        {
          "name": "find_user_id_by_email",
          "arguments": {
            "email": "user@example.com"
          }
        },
        {
          "name": "get_order_details",
          "arguments": {
            "user_id": "U123",
            "order_id": "#W123456"
          }
        },
        {
          "name": "cancel_pending_order",
          "arguments": {
            "user_id": "U123",
            "order_id": "#W123456"
          }
        }
      ],
      "ogt": [
        "您的订单 #W123456 已取消。"
      ]
    },
    "metadata": {
      "generation_method": "agentflow",
      "turns": 3,
      "confidence": 1
    },
    "validation_report": {
      "valid": true,
      "missing": [],
      "suggestions": []
    }
  }
]"""


@pytest.fixture
def shop(tables: dict[str, Any]) -> RetailDB:
    """The small shop with the sample's customer in it."""
    order = {**tables["orders"]["#W3"], "order_id": "#W123456", "user_id": "U123"}
    ada = tables["users"]["ada_ito_1000"]
    tables["users"]["U123"] = {**ada, "name": {"first_name": "Wei", "last_name": "Li"}, "email": "user@example.com"}
    tables["users"]["U123"]["orders"] = ["#W123456"]
    tables["orders"]["#W123456"] = order
    return RetailDB(**tables)


async def test_the_sample_loads_validates_runs_and_is_written_back_as_it_was(shop: RetailDB, tmp_path: Path) -> None:
    path, copy = tmp_path / "sample.json", tmp_path / "new" / "copy.json"
    path.write_text(SAMPLE, encoding="utf-8")
    (stored,) = read_tasks(path)
    assert stored.id == "task_001"
    assert stored.accepted
    assert stored.envelope is not None

    checked = check_blueprint(stored.blueprint, shop, scenario="order_cancellation")
    assert checked.valid, checked.entries
    assert checked.user_id == "U123"
    assert checked.blueprint == stored.blueprint

    async with RetailEnv(shop, profile="typed", scoring="facts", user=["###STOP###"]) as env:
        task = stored.blueprint.retail_task(stored.id)
        assert env.flaws(task) == []
        await env.reset(task)
        for call in stored.blueprint.agt:
            await env.call(call.name, call.arguments)
        step = await env.step(Say(stored.blueprint.ogt[0]))
        assert step.reward == 1.0

    assert write_tasks(copy, [stored.entry]) == 1
    assert copy.read_bytes() == path.read_bytes()


def test_an_envelope_is_written_as_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "sample.json"
    path.write_text(SAMPLE.replace('"confidence": 1', '"confidence": 0.9'), encoding="utf-8")
    before = path.read_bytes()
    envelopes = [stored.envelope for stored in read_tasks(path)]
    assert write_tasks(path, envelopes) == 1
    assert path.read_bytes() == before


def test_an_envelope_of_ours_has_exactly_the_keys_of_the_format(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    report = ValidationReport(valid=False, suggestions=(Suggestion(type="ARG_ENUM", reason="no", index=1),))
    metadata = Metadata(generation_method="direct", turns=1, confidence=0.5)
    envelope = TaskEnvelope(success=False, task=Blueprint(q="é"), metadata=metadata, validation_report=report)
    assert write_tasks(path, (envelope for _ in range(2))) == 2
    assert json.loads(path.read_text(encoding="utf-8"))[1] == {
        "success": False,
        "task": {"q": "é", "agt": [], "ogt": []},
        "metadata": {"generation_method": "direct", "turns": 1, "confidence": 0.5},
        "validation_report": {
            "valid": False,
            "missing": [],
            "suggestions": [{"type": "ARG_ENUM", "reason": "no", "index": 1}],
        },
    }
    assert [stored.envelope for stored in read_each(path) if not isinstance(stored, DataFileError)] == [envelope] * 2
    assert "é" in path.read_text(encoding="utf-8")


def test_no_tasks_are_an_empty_list(tmp_path: Path) -> None:
    assert write_tasks(tmp_path / "none.json", []) == 0
    assert (tmp_path / "none.json").read_text() == "[]"


def test_a_file_stays_as_it_was_where_writing_breaks(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_text("before")

    def breaking() -> Any:
        yield {"q": "one"}
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        write_tasks(path, breaking())
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("tasks.json", "before")]


@pytest.mark.parametrize("text", ["\ud800", "\x00\u2028\u2029\x7f", "𝄞 é \\u00e9", "a\nb\r\n\tc", "x" * 1_000_000])
def test_any_text_comes_back(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tasks.json"
    write_tasks(path, [{"q": text, "ogt": [text, {"nested": [[], {}, [text]]}]}, {"q": "b"}])
    first, second = (read for read in read_each(path) if not isinstance(read, DataFileError))
    assert first.entry == {"q": text, "ogt": [text, {"nested": [[], {}, [text]]}]}
    assert second.blueprint.q == "b"


CALL = {"name": "get_order_details", "arguments": {"order_id": "#W1"}}
WANTED = Blueprint.model_validate({"q": "Hi", "agt": [CALL], "ogt": ["5"]})


@pytest.mark.parametrize(
    "entry",
    [
        {"q": "Hi", "agt": [CALL], "ogt": ["5"]},
        {"query": "Hi", "expected_actions": [CALL], "expected_outputs": ["5"]},
        {"query": "Hi", "gold_actions": [CALL], "gold_final": "5"},
        {"query": "Hi", "gold_actions": json.dumps([CALL]), "gold_final": ["5"]},
        {"q": "Hi", "agt": [{"name": CALL["name"], "arguments": '{"order_id": "#W1"}'}], "ogt": ["5"]},
        {"user_id": "u", "instruction": "Hi", "actions": [{"name": CALL["name"], "kwargs": CALL["arguments"]}]}
        | {"outputs": ["5"], "annotator": "x"},
        {"success": True, "task": {"q": "Hi", "agt": [CALL], "ogt": ["5"]}, "metadata": {"by": "somebody"}},
    ],
)
@pytest.mark.parametrize("form", ["list", "single", "lines", "marked"])
def test_every_form_is_read(tmp_path: Path, entry: dict[str, Any], form: str) -> None:
    path = tmp_path / "tasks.any"
    texts = {"list": json.dumps([entry, entry]), "single": json.dumps(entry, indent=1)}
    lines = f"{json.dumps(entry)}\n\n{json.dumps(entry)}\n"
    path.write_text(texts.get(form, lines), encoding="utf-8-sig" if form == "marked" else "utf-8")
    read = read_tasks(path)
    assert [stored.blueprint for stored in read] == [WANTED] * (1 if form == "single" else 2)
    assert [stored.id for stored in read] == ["task_001", "task_002"][: len(read)]
    assert [stored.entry for stored in read] == [entry] * len(read)


def test_ids_of_a_file_s_own_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    entries = [{"id": "a", "q": "1"}, {"q": "2"}, {"task_id": 7, "q": "3"}, {"task": {"id": "b", "q": "4"}}]
    path.write_text(json.dumps(entries))
    assert [stored.id for stored in read_tasks(path)] == ["a", "task_002", "7", "b"]
    path.write_text(json.dumps([*entries, {"id": "a", "q": "5"}]))
    with pytest.raises(DataFileError, match="task 5: id: 'a' stands twice"):
        read_tasks(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no task"),
        ("[]", "holds no task"),
        ("[{]", "not JSON"),
        ("nonsense", "not JSON"),
        ('[{"q": "a"},]', "not JSON"),
        ('[{"q": NaN}]', "NaN"),
        ("7", "task 1: not a task"),
        ("[[]]", "task 1: not a task"),
        ('[{"q": "a"}, {"q": 7}]', "task 2: not a task: q"),
        ('[{"q": "a", "agt": [{"arguments": {}}]}]', "agt.0.name"),
        ('{"q": "a"}\n{"q": "b", "agt": "x"}', r":2: not a task|task 2: not a task: agt"),
        ('{"q": "a"}\n{"q": ', ":2: not JSON"),
        ("[" * 5000, "not JSON"),
    ],
)
def test_a_bad_file_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(DataFileError, match=told) as caught:
        read_tasks(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xfa")
    for path in (tmp_path / "bytes", tmp_path / "missing", tmp_path):
        with pytest.raises(DataFileError, match="cannot be read"):
            read_tasks(path)


def test_one_bad_line_hides_no_other(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"q": "a"}\nnonsense\n{"q": 7}\n{"q": "b"}\n')
    read = list(read_each(path))
    assert [isinstance(found, DataFileError) for found in read] == [False, True, False, False]
    assert [found.id for found in read if not isinstance(found, DataFileError)] == ["task_001", "task_003", "task_004"]
