"""Data files: what is wrong with a row, what a whole file is worth, and the commands that tell."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from agentgym.cli import Parser
from agentgym.errors import DataFileError, UsageError
from environments.programs.library import bundled_problem, bundled_problems
from environments.special_tokens import cli
from environments.special_tokens.content import CODES
from environments.special_tokens.responding import SAMPLES
from environments.special_tokens.rules import format_codes
from environments.special_tokens.symptoms import leaks_error, quotes_failure

Row = dict[str, Any]


def tokens(*words: str | Path) -> int:
    """`agentgym tokens ...`."""
    parser = Parser(prog="agentgym tokens")
    cli.configure(parser)
    return cli.run(parser.parse_args(list(map(str, words))))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """128 rows of the template writer."""
    path = tmp_path_factory.mktemp("data") / "full.json"
    assert tokens("generate", "--preset", "full", "--output", path) == 0
    return path


@pytest.fixture
def rows(full: Path) -> list[Row]:
    """The same, to be spoilt."""
    loaded: list[Row] = json.loads(full.read_text())
    return loaded


def validated(tmp_path: Path, rows: list[Row]) -> dict[str, Any]:
    """The report that `validate` writes."""
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    code = tokens("validate", path, "--out", tmp_path, "--sandbox", "local")
    report: dict[str, Any] = json.loads((tmp_path / "reports" / "rows_report.json").read_text())
    assert code == (0 if report["passed"] else 1)
    return report


def first(rows: list[Row], mode: str, bug_class: str = "") -> Row:
    return next(
        row for row in rows if row["metadata"]["mode"] == mode and bug_class in ("", row["metadata"]["bug_class"])
    )


def call_of(row: Row) -> dict[str, Any]:
    call: dict[str, Any] = json.loads(row["output"].splitlines()[-1])
    return call


def with_call(row: Row, **arguments: str) -> None:
    call = call_of(row)
    call["arguments"] |= arguments
    row["output"] = "\n".join([*row["output"].splitlines()[:-1], json.dumps(call)])


def unlabelled(row: Row) -> Row:
    del row["metadata"]
    return row


def test_the_full_preset_is_what_it_should_be(full: Path, rows: list[Row], tmp_path: Path) -> None:
    report = validated(tmp_path, rows)
    assert (report["total"], report["valid"], report["passed"], report["duplicates"]) == (128, 128, True, 0)
    assert report["token_distribution"] == {
        "AGENT": {"count": 64, "ratio": 0.5},
        "EDIT": {"count": 64, "ratio": 0.5},
        "balanced": True,
    }
    mend = [row for row in rows if row["metadata"]["mode"] == "EDIT"]
    for row in mend:
        assert row["metadata"]["error"] in row["instruction"]
        assert call_of(row)["arguments"]["modified_code"] == bundled_problem(row["metadata"]["problem_id"]).solution
    assert sum(row["metadata"]["bug_class"] == "wrong_answer" for row in mend) >= 0.3 * len(mend)
    assert {row["metadata"]["language"] for row in rows} == {"en", "zh"}
    assert len({row["metadata"]["problem_id"] for row in rows}) >= 60
    assert tokens("check", full) == 0


def test_what_validate_writes(rows: list[Row], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows[0]["output"] = "no answer"
    report = validated(tmp_path, rows)
    assert json.loads(capsys.readouterr().out) == report
    assert list(report) == [
        "file", "total", "valid", "invalid", "valid_rate", "format_compliance", "content_quality",
        "token_distribution", "alpaca_compatibility", "duplicates", "issues", "thresholds", "passed", "items",
    ]  # fmt: skip
    assert report["items"][0] == {
        "index": 0,
        "valid": False,
        "mode": None,
        "codes": ["NO_THINK", "NO_TOKEN", "THINK_TOO_SHORT"],
    }
    assert (report["invalid"], report["passed"]) == (1, True)
    kept = json.loads((tmp_path / "validation" / "rows_alpaca.json").read_text())
    assert len(kept) == 127
    assert list(kept[0]) == ["instruction", "input", "output", "system"]
    assert "valid: 127" in (tmp_path / "validation" / "rows_analysis.txt").read_text()


def spoilt(code: str, rows: list[Row]) -> Row:
    """A row in which that very thing is wrong."""
    mend, explore = deepcopy(first(rows, "EDIT", "IndexError")), deepcopy(first(rows, "AGENT"))
    arguments = call_of(mend)["arguments"]
    if code == "EMPTY_INSTRUCTION":
        explore["instruction"] = " "
        return explore
    if code == "CODE_MISSING":
        explore["input"] = "The code is in the attachment."
        return explore
    if code == "CODE_UNPARSABLE":
        explore["input"] = "```python\nprint(\n```"
        return explore
    if code == "THINK_TOO_SHORT":
        head, _, tail = explore["output"].partition("</think>")
        explore["output"] = f"<think>{head[7:20]}</think>{tail}"
        return explore
    if code == "ERROR_LEAK_IN_AGENT":
        explore["instruction"] += " It says KeyError."
        return explore
    if code == "NO_CHANGE":
        with_call(mend, modified_code=f"{arguments['original_code']}\n\n")
    elif code == "FIX_FAILS":
        with_call(mend, modified_code="print('all tests passed')\n")
    elif code == "ERROR_MISSING_IN_EDIT":
        mend["instruction"] = "Please mend this program, it does not do what it should."
    elif code == "DUPLICATE":
        return deepcopy(rows[0])
    return mend


@pytest.mark.parametrize("code", CODES)
def test_each_fault_of_content_has_a_code_of_its_own(code: str, rows: list[Row], tmp_path: Path) -> None:
    bad = spoilt(code, rows)
    original = next(row for row in rows if row["metadata"]["bug"] == bad["metadata"]["bug"])
    kept = rows if code == "DUPLICATE" else [row for row in rows if row is not original]
    report = validated(tmp_path, [*kept, bad])
    assert report["items"][-1]["codes"] == [code]
    assert report["issues"] == report["content_quality"]["issues"] == {code: 1}


MUTATIONS: dict[str, Callable[[Row], object]] = {
    "another exception": lambda row: row.update(instruction=row["instruction"].replace("IndexError", "KeyError")),
    "another line": lambda row: row.update(instruction=re.sub("[0-9]", "0", row["instruction"])),
    "the other token": lambda row: row.update(output=row["output"].replace("<|EDIT|>", "<|AGENT|>")),
    "both tokens": lambda row: row.update(output=row["output"].replace("<|EDIT|>", "<|EDIT|><|AGENT|>")),
    "no end of the thought": lambda row: row.update(output=row["output"].replace("</think>", "")),
    "a cut call": lambda row: row.update(output=row["output"][:-2]),
    "another tool": lambda row: row.update(output=row["output"].replace('"editor"', '"python"')),
    "an argument renamed": lambda row: row.update(output=row["output"].replace("modified_code", "new_code")),
    "a bug put back": lambda row: with_call(row, modified_code=call_of(row)["arguments"]["original_code"]),
    "another fix": lambda row: with_call(row, modified_code="print('all tests passed')\n"),
    "an exit": lambda row: with_call(row, modified_code="raise SystemExit(0)\n"),
    "nothing to put it in place of": lambda row: with_call(row, original_code="x = 1"),
    "another label": lambda row: row["metadata"].update(mode="AGENT"),
    "a wrong fix without a label": lambda row: with_call(unlabelled(row), modified_code="print()\n"),
    "no output": lambda row: row.pop("output"),
    "a number for an output": lambda row: row.update(output=5),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutated_row_never_passes(mutation: str, rows: list[Row], tmp_path: Path) -> None:
    row = deepcopy(first(rows, "EDIT", "IndexError"))
    MUTATIONS[mutation](row)
    report = validated(tmp_path, [row])
    assert not report["items"][0]["valid"]
    assert not report["passed"]


EXPLORATIONS: dict[str, tuple[Callable[[Row], object], str]] = {
    "another label": (lambda row: row["metadata"].update(mode="EDIT"), "ERROR_MISSING_IN_EDIT"),
    "code that cannot run": (lambda row: with_call(row, code="print("), "CODE_UNPARSABLE"),
    "another program": (lambda row: with_call(row, code="print(1)"), "CODE_MISSING"),
    "the program of another request": (
        lambda row: row.update(input="```python\nvalue = 1\nprint(value)\n```"),
        "CODE_MISSING",
    ),
    "a result beside the expected one": (
        lambda row: row.update(instruction="For 1 I expected 3 but it returned 4. Look into it."),
        "ERROR_LEAK_IN_AGENT",
    ),
}


@pytest.mark.parametrize("mutation", EXPLORATIONS)
def test_a_mutated_exploration_never_passes(mutation: str, rows: list[Row], tmp_path: Path) -> None:
    row = deepcopy(first(rows, "AGENT"))
    mutate, code = EXPLORATIONS[mutation]
    mutate(row)
    assert validated(tmp_path, [row])["items"][0]["codes"] == [code]


def test_an_unbalanced_file_does_not_pass(rows: list[Row], tmp_path: Path) -> None:
    report = validated(tmp_path, [row for row in rows if row["metadata"]["mode"] == "EDIT"])
    assert (report["valid_rate"], report["token_distribution"]["balanced"], report["passed"]) == (1.0, False, False)
    assert not validated(tmp_path, [])["passed"]


def test_fixes_of_other_problems_are_run_where_the_problems_are_given(
    rows: list[Row], full: Path, tmp_path: Path
) -> None:
    row = deepcopy(first(rows, "EDIT", "IndexError"))
    problem = bundled_problem(row["metadata"]["problem_id"]).model_copy(update={"query_id": "mine", "solution": None})
    row["metadata"]["problem_id"] = "mine"
    (tmp_path / "mine.jsonl").write_text(problem.model_dump_json() + "\n")
    for fix, codes in ((call_of(row)["arguments"]["modified_code"], []), ("print()\n", ["FIX_FAILS"])):
        with_call(row, modified_code=fix)
        (tmp_path / "one.json").write_text(json.dumps([row]))
        tokens("validate", tmp_path / "one.json", "--out", tmp_path, "--problems", tmp_path / "mine.jsonl")
        assert json.loads((tmp_path / "reports" / "one_report.json").read_text())["items"][0]["codes"] == codes


def test_checking_is_quick(full: Path, tmp_path: Path) -> None:
    started = process_time()
    tokens("check", full)
    tokens("validate", full, "--out", tmp_path)
    assert process_time() - started < 40


FORMS: dict[str, Callable[[str], Row]] = {
    "output": lambda text: {"output": text},
    "Output": lambda text: {"Query": "?", "Output": text},
    "messages": lambda text: {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": text}]},
}


@pytest.mark.parametrize("form", FORMS)
def test_check_reads_rows_of_all_forms(
    form: str, rows: list[Row], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = rows[0]["output"], rows[1]["output"].replace("<think>", "")
    for name, text in (
        ("list.json", json.dumps([FORMS[form](good), FORMS[form](bad)])),
        ("lines.jsonl", "\n".join(json.dumps(FORMS[form](text)) for text in (good, bad))),
    ):
        (tmp_path / name).write_text(text)
        assert tokens("check", tmp_path / name) == 1
        assert json.loads(capsys.readouterr().out) == {
            "file": str(tmp_path / name),
            "total": 2,
            "passed": 1,
            "failed": 1,
            "pass_rate": 0.5,
            "by_rule": {"NO_THINK": 1},
            "items": [
                {"index": 0, "passed": True, "mode": "AGENT", "codes": []},
                {"index": 1, "passed": False, "mode": "EDIT", "codes": ["NO_THINK"]},
            ],
        }


def test_native_calls_of_messages_are_checked(tmp_path: Path) -> None:
    function = {"name": "python", "arguments": '{"code": "print(1)"}'}
    last = {
        "role": "assistant",
        "content": "<|AGENT|>",
        "reasoning_content": "Nothing concrete is known.",
        "tool_calls": [{"id": "1", "type": "function", "function": function}],
    }
    (tmp_path / "native.json").write_text(json.dumps([{"messages": [{"role": "user", "content": "?"}, last]}]))
    assert tokens("check", tmp_path / "native.json") == 0
    function["arguments"] = '{"code": '
    (tmp_path / "native.json").write_text(json.dumps([{"messages": [last]}]))
    assert tokens("check", tmp_path / "native.json") == 1


def test_what_is_no_file_of_rows(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('[{"output": ')
    with pytest.raises(DataFileError, match="BAD_JSON"):
        tokens("check", tmp_path / "broken.json")
    with pytest.raises(DataFileError, match=r"(?i)no such file"):
        tokens("validate", tmp_path / "none.json")
    (tmp_path / "odd.json").write_text('[1, null, "text", [], {}]')
    assert tokens("check", tmp_path / "odd.json") == 1
    (tmp_path / "empty.json").write_text("[]")
    assert tokens("check", tmp_path / "empty.json") == 1


def test_the_samples_are_what_they_say() -> None:
    assert tokens("check", SAMPLES / "query_and_output.json") == 0
    asked = [row["Query"] for row in json.loads((SAMPLES / "query_only.json").read_text())]
    assert asked == [row["Query"] for row in json.loads((SAMPLES / "query_and_output.json").read_text())]


def test_problems_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tokens("problems", "--count") == 0
    assert int(capsys.readouterr().out) == len(bundled_problems()) >= 128
    assert tokens("problems", "--by-topic", "--json") == 0
    assert sum(json.loads(capsys.readouterr().out).values()) == len(bundled_problems())
    (tmp_path / "one.jsonl").write_text(bundled_problems()[0].model_dump_json())
    assert tokens("problems", "--problems", tmp_path / "one.jsonl", "--count") == 0
    assert capsys.readouterr().out == "1\n"
    assert tokens("problems") == 0


@pytest.mark.parametrize(
    ("text", "leaks"),
    [
        ("It gives KeyError.", True),
        ("它报IndexError错误", True),
        ("See line 12.", True),
        ("问题在第 3 行。", True),
        ("The Traceback is long.", True),
        ("MyOwnError is raised", True),
        ("i get a keyerror now", True),
        ("It says list index out of range.", True),
        ("See main.py:12, or line: 12.", True),
        ("Input:\n1\nExpected:\nab\nGot:\nba", True),
        ("输入：\n1\n期望：\n3\n实际：\n4", True),  # noqa: RUF001
        ("期望是 3，实际得到 4", True),  # noqa: RUF001
        ("It timed out.", True),
        ("I expected so, but the customer got something else. Warning lights are on.", False),
        ("There is an error somewhere; ErrorLog and parse_error are fine.", False),
        ("I deleted a line, an exception to my rule, and online 5 people complained.", False),
        ("It handles errors, 有错误。", False),
    ],
)
def test_what_names_an_error(text: str, leaks: bool) -> None:
    assert leaks_error(text) is leaks


def test_what_names_a_failure() -> None:
    for text in ("ValueError: bad", "Expected: 3\nGot: 4", "期望 3 实际 4", "timed out after 2 s", "超时"):
        assert quotes_failure(text), text
    for text in ("It does not work.", "有点问题"):
        assert not quotes_failure(text), text
    assert len(format_codes()) == 9


@pytest.mark.parametrize(
    "words", [("--samples", "0"), ("--languages", "en,fr"), ("--preset", "huge"), ("--policy", "a", "--model", "b")]
)
def test_wrong_use_of_generate(words: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises((UsageError, Exception)) as raised:
        tokens("generate", *words, "--output", tmp_path / "x.json")
    assert isinstance(raised.value, UsageError)
    assert not (tmp_path / "x.json").exists()
