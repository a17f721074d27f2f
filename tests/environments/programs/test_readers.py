"""Problems from files of every known form."""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import zlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import DataFileError, MissingExtraError
from environments.programs.library import bundled_problems
from environments.programs.livecodebench import unpacked
from environments.programs.readers import Chosen, iterate_problems, read_problems


def record(**changes: Any) -> dict[str, Any]:
    cases = {"inputs": ["1\n", "2\n", "3\n", "4\n"], "outputs": ["1\n", "4\n", "9\n", "16\n"], "remote": False}
    return {"prompt": "be brief", "question": "square it", "query_id": "q1", "input_output": cases} | changes


def packed(value: object) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


def livecodebench(**changes: Any) -> dict[str, Any]:
    public = [{"input": "1\n", "output": "1\n", "testtype": "stdin"}]
    private = [{"input": "2\n", "output": "4\n", "testtype": "stdin"}]
    return {
        "question_title": "Squares",
        "question_content": "square it",
        "platform": "atcoder",
        "question_id": "abc_1",
        "contest_id": "abc",
        "contest_date": "2024-08-31T00:00:00",
        "starter_code": "",
        "difficulty": "easy",
        "public_test_cases": json.dumps(public),
        "private_test_cases": packed(json.dumps(private)),
        "metadata": "{}",
    } | changes


def written(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def fault(path: Path, **options: Any) -> str:
    with pytest.raises(DataFileError) as caught:
        read_problems(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_record_is_read_and_its_later_cases_are_hidden(tmp_path: Path) -> None:
    (problem,) = read_problems(written(tmp_path / "p.jsonl", record(source="x", id=7)))
    assert (problem.query_id, problem.question, problem.prompt) == ("q1", "square it", "be brief")
    assert [case.input for case in problem.visible] == ["1\n", "2\n"]
    assert [case.output for case in problem.hidden] == ["9\n", "16\n"]
    assert problem.model_extra == {"source": "x", "id": 7}


@pytest.mark.parametrize("layout", ["list", "lines", "object", "indented", "with a byte order mark"])
def test_every_layout_of_json_is_read_alike(tmp_path: Path, layout: str) -> None:
    rows = [record(), record(query_id="q2")]
    texts = {
        "list": json.dumps(rows, indent=1),
        "lines": "\n".join(map(json.dumps, rows)) + "\n\n",
        "object": json.dumps(rows[0]),
        "indented": json.dumps(rows[0], indent=2),
        "with a byte order mark": "\ufeff" + json.dumps(rows),
    }
    path = tmp_path / "p.json"
    path.write_text(texts[layout], encoding="utf-8")
    read = read_problems(path)
    assert [problem.query_id for problem in read] == ["q1", "q2"][: len(read)]
    assert read == read_problems(written(tmp_path / "same.jsonl", *rows[: len(read)]))


def test_a_problem_survives_being_written_as_the_record(tmp_path: Path) -> None:
    problems = list(bundled_problems())
    assert read_problems(written(tmp_path / "p.jsonl", *(problem.record() for problem in problems))) == problems


def test_cases_may_be_json_text_lists_of_lines_or_calls(tmp_path: Path) -> None:
    lines = record(input_output=json.dumps({"inputs": [["1", "2"], "3"], "outputs": [["3"], "3"]}))
    calls = record(
        query_id="q2", input_output={"inputs": [[1, [2]], [3, []]], "outputs": [[1, 2], None], "fn_name": "f"}
    )
    texts = record(query_id="q3", fn_name="f", input_output={"inputs": ['1\n"a"', "2\n[]"], "outputs": ["true", "1.5"]})
    first, second, third = read_problems(written(tmp_path / "p.jsonl", lines, calls, texts))
    assert first.visible[0].input == "1\n2"
    assert (second.fn_name, second.visible[0].arguments, second.visible[0].result) == ("f", [1, [2]], [1, 2])
    assert second.hidden[0].result is None
    assert (third.fn_name, third.visible[0].arguments, third.hidden[0].result) == ("f", [1, "a"], 1.5)


def test_a_single_case_is_shown_and_graded(tmp_path: Path) -> None:
    path = written(tmp_path / "p.jsonl", record(input_output={"inputs": ["1"], "outputs": ["1"]}, float_compare=True))
    (problem,) = read_problems(path)
    assert problem.visible == problem.hidden
    assert problem.checker == "float(1e-6)"


def test_missing_ids_become_row_numbers(tmp_path: Path) -> None:
    rows = [record(), record(), record(question_id=5)]
    for row in rows:
        del row["query_id"]
    assert [p.query_id for p in read_problems(written(tmp_path / "p.jsonl", *rows))] == ["row-1", "row-2", "5"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (record(input_output={"inputs": ["1"], "outputs": []}), r"p\.jsonl:2: UNEQUAL_LENGTHS: 1 inputs, 0 outputs"),
        (record(input_output={"inputs": [], "outputs": []}), "NO_TESTS"),
        (record(input_output=None), "NO_TESTS"),
        (record(input_output="{bad"), "BAD_JSON: input_output"),
        (record(input_output={"inputs": [{}], "outputs": ["1"]}), "BAD_CASE: the input"),
        (record(fn_name="f"), None),
        (record(fn_name="f", input_output={"inputs": ["nope"], "outputs": ["1"]}), "BAD_CASE: the input of a call"),
        (record(query_id="first"), "DUPLICATE_ID: 'first'"),
        (record(question=None, prompt=None), "NO_QUESTION"),
        (record(question=5), "BAD_ROW: question"),
        (record(visible_count=9), "BAD_ROW: visible_count=9"),
        ([1], "BAD_ROW: a problem is a JSON object"),
        (livecodebench(metadata='{"func_name": "f"}'), "BAD_CASE: testtype"),
        (livecodebench(public_test_cases="[1]"), "BAD_CASE: a case in public_test_cases"),
        (livecodebench(private_test_cases="AAAA"), "BAD_JSON: private_test_cases: not base64"),
        (livecodebench(private_test_cases=packed([1])), "the pickle holds list"),
        (livecodebench(private_test_cases=packed("[1")), "BAD_JSON: private_test_cases: not JSON"),
        (livecodebench(question_content=""), "BAD_ROW: needs `question_content`"),
    ],
)
def test_a_fault_names_the_row_and_what_to_do(tmp_path: Path, row: Any, told: str | None) -> None:
    path = written(tmp_path / "p.jsonl", record(query_id="first"), row)
    if told is None:
        assert len(read_problems(path)) == 2, "digits are JSON too"
    else:
        with pytest.raises(DataFileError, match=told):
            read_problems(path)


def test_broken_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    assert "cannot be read: No such file" in fault(path)
    path.write_text(json.dumps(record()) + "\n{broken\n")
    assert f"{path}:2: BAD_JSON" in fault(path)
    path.write_text("{broken\n" + json.dumps(record()))
    assert f"{path}:1: BAD_JSON" in fault(path)
    path.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in fault(path)
    path.write_text("")
    assert "no problem" in fault(path)
    assert "cannot be read" in fault(tmp_path)
    path.write_text('{"query_id": "a", "query_id": "b"}')
    assert "stands twice" in fault(path)


def test_remote_rows_are_refused_only_on_request(tmp_path: Path) -> None:
    path = written(tmp_path / "p.jsonl", record(input_output={"inputs": ["1"], "outputs": ["1"], "remote": True}))
    assert read_problems(path)[0].remote
    assert "REMOTE_UNSUPPORTED" in fault(path, remote=False)


def test_livecodebench_rows_are_read_with_packed_and_plain_cases(tmp_path: Path) -> None:
    plain = json.dumps([{"input": "[1]\n2", "output": "3", "testtype": "functional"}])
    functional = livecodebench(
        question_id="f", metadata='{"func_name": "add"}', public_test_cases=plain, private_test_cases=plain
    )
    stdin, function = read_problems(written(tmp_path / "p.jsonl", livecodebench(), functional))
    assert [case.output for case in stdin.cases] == ["1\n", "4\n"]
    assert (stdin.fn_name, stdin.checker, stdin.difficulty) == (None, "lcb", "easy")
    assert (stdin.model_extra or {})["contest_date"] == "2024-08-31T00:00:00"
    assert (function.fn_name, function.hidden[0].arguments) == ("add", [[1], 2])


def test_a_window_and_difficulties_choose(tmp_path: Path) -> None:
    rows = [
        livecodebench(question_id="old", contest_date="2023-01-01T00:00:00"),
        livecodebench(question_id="new", difficulty="hard"),
        livecodebench(question_id="undated", contest_date=None),
    ]
    path = written(tmp_path / "p.jsonl", *rows)

    def chosen(**choice: Any) -> list[str]:
        return [problem.query_id for problem in iterate_problems(path, chosen=Chosen(**choice))]

    assert chosen(since=date(2024, 8, 31)) == ["new"]
    assert chosen(until=date(2024, 8, 30)) == ["old"]
    assert chosen(since=date(2024, 8, 31), until=date(2024, 8, 31)) == ["new"]
    assert chosen(difficulties=["EASY"]) == ["old", "undated"]
    assert "widen the choice" in fault(path, chosen=Chosen(difficulties=["medium"]))
    path = written(tmp_path / "bad.jsonl", livecodebench(contest_date="soon"))
    assert "contest_date='soon'" in fault(path, chosen=Chosen(since=date(2024, 1, 1)))


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_could_run_code_is_refused(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "made"
    attack = pickle.dumps(Attack(target), protocol)
    with pytest.raises(DataFileError, match="could run code"):
        unpacked(base64.b64encode(zlib.compress(attack)).decode())
    assert not target.exists()


def test_packed_cases_that_are_cut_off_or_odd_are_refused() -> None:
    whole = packed("[]")
    assert unpacked(whole) == "[]"
    assert unpacked(packed("é" * 70_000)) == "é" * 70_000
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    pickler.persistent_id = lambda value: "x" if value == 1 else None  # type: ignore[method-assign]
    pickler.dump([1])
    cut = base64.b64encode(base64.b64decode(whole)[:-6]).decode()
    for text in (cut, "!!!", "", packed(b"[]"), base64.b64encode(zlib.compress(stream.getvalue())).decode()):
        with pytest.raises(DataFileError):
            unpacked(text)


def test_parquet_needs_pyarrow_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no such file" in fault(tmp_path / "p.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    path = tmp_path / "p.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(MissingExtraError, match="pip install"):
        read_problems(path)


def test_parquet_is_read_like_json(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [record(), record(query_id="q2", input_output=record()["input_output"])]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "p.parquet")
    assert read_problems(tmp_path / "p.parquet") == read_problems(written(tmp_path / "p.jsonl", *rows))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    assert "is not a parquet file" in fault(tmp_path / "bad.parquet")
