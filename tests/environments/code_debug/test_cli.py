"""`agentgym code`: problems, bugs, verdicts and conversations, as people and programs read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentgym.cli import Parser
from agentgym.errors import DataFileError, UsageError
from environments.code_debug import cli as commands
from environments.programs.library import bundled_bugs, bundled_problem, bundled_problems

Code = Callable[..., tuple[int, str, str]]


@pytest.fixture
def code(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Code:
    """Run `agentgym code ...` in this process."""
    monkeypatch.setenv("AGENTGYM_SANDBOX", "local")

    def run(*words: object) -> tuple[int, str, str]:
        parser = Parser(prog="agentgym code")
        commands.configure(parser)
        status = commands.run(parser.parse_args([str(word) for word in words]))
        return status, *capsys.readouterr()

    return run


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


ECHO = {
    "query_id": "echo",
    "question": "Echo.",
    "input_output": {"inputs": ["1", "2", "3"], "outputs": ["1", "2", "3"]},
}
ADD = {
    "query_id": "add",
    "question": "Add.",
    "input_output": {"inputs": [[1, 2], [3, 4]], "outputs": [3, 7], "fn_name": "add"},
}
RIGHT = {"query_id": "echo", "code": "print(input())"}
HALF = {"query_id": "echo", "code": "n = input()\nprint(n if n < '3' else 1 / 0)"}
ENDLESS = {"query_id": "add", "code": "def add(a, b):\n    while True:\n        pass"}
SUM = {"query_id": "add", "code": "def add(a, b):\n    return a + b"}


def test_problems_are_counted_and_listed(code: Code) -> None:
    assert code("problems", "--count") == (0, f"{len(bundled_problems())}\n", "")
    status, out, _ = code("problems", "--by-topic", "--json")
    assert (status, sum(json.loads(out).values())) == (0, len(bundled_problems()))
    _, out, _ = code("problems", "--topic", "strings", "--limit", "2")
    assert [line.split()[0] for line in out.splitlines()] == [
        "problem",
        *[p.query_id for p in bundled_problems("strings")[:2]],
    ]
    with pytest.raises(UsageError, match="did you mean 'strings'"):
        code("problems", "--topic", "string")


def test_what_is_printed_as_json_is_read_again(code: Code, tmp_path: Path) -> None:
    _, out, _ = code("problems", "--limit", "3", "--json")
    path = tmp_path / "again.jsonl"
    path.write_text(out)
    assert code("problems", "--input", path, "--json")[1] == out


def test_problems_are_chosen_by_day_and_difficulty(code: Code, tmp_path: Path) -> None:
    old = {**ECHO, "query_id": "old", "contest_date": "2023-01-01T00:00:00", "difficulty": "hard"}
    new = {**ECHO, "query_id": "new", "contest_date": "2025-01-01T00:00:00", "difficulty": "easy"}
    path = written(tmp_path / "p.jsonl", old, new)
    assert code("problems", "--input", path, "--since", "2024-06-01", "--count")[1] == "1\n"
    assert code("problems", "--input", path, "--difficulty", "HARD", "--difficulty", "easy", "--count")[1] == "2\n"
    with pytest.raises(UsageError, match="is no day such as 2025-01-31"):
        code("problems", "--since", "June")
    with pytest.raises(UsageError, match="no problem is wanted"):
        code("problems", "--input", path, "--since", "2030-01-01")


def test_verdicts_come_in_the_order_of_the_programs(code: Code, tmp_path: Path) -> None:
    problems = written(tmp_path / "p.jsonl", ECHO, ADD)
    programs = written(tmp_path / "s.jsonl", ENDLESS, RIGHT, HALF, SUM, RIGHT)
    status, out, err = code("judge", "--problems", problems, "--programs", programs, "--json", "--cpu-s", "1")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"query_id": "add", "verdict": "failed", "passed": 0, "total": 2, "cases": ["timeout", "timeout"]},
        {"query_id": "echo", "verdict": "passed", "passed": 3, "total": 3, "cases": ["passed"] * 3},
        {
            "query_id": "echo",
            "verdict": "failed",
            "passed": 2,
            "total": 3,
            "cases": ["passed", "passed", "runtime_error"],
        },
        {"query_id": "add", "verdict": "passed", "passed": 2, "total": 2, "cases": ["passed", "passed"]},
        {"query_id": "echo", "verdict": "passed", "passed": 3, "total": 3, "cases": ["passed"] * 3},
    ]
    assert (status, err) == (0, "3 passed, 2 failed, 0 not evaluable\n")


def test_verdicts_in_words_and_a_single_case_counts_once(code: Code, tmp_path: Path) -> None:
    single = {"query_id": "one", "question": "Echo.", "input_output": {"inputs": ["1"], "outputs": ["1"]}}
    problems = written(tmp_path / "p.jsonl", single)
    programs = written(tmp_path / "s.jsonl", {"query_id": "one", "code": "print(1)"})
    assert code("judge", "--problems", problems, "--programs", programs)[:2] == (0, "one  passed  1 of 1\n")


def test_bundled_problems_judge_too(code: Code, tmp_path: Path) -> None:
    bug = next(bug for bug in bundled_bugs() if bug.bug_class == "NameError")
    programs = written(
        tmp_path / "s.jsonl", *({"query_id": bug.query_id, "code": text} for text in (bug.fixed, bug.code))
    )
    _, out, _ = code("judge", "--programs", programs, "--json")
    assert [json.loads(line)["verdict"] for line in out.splitlines()] == ["passed", "failed"]
    assert json.loads(out.splitlines()[0])["total"] == len(bundled_problem(bug.query_id).cases)


def test_what_cannot_be_evaluated_is_nobodys_failure(
    code: Code, tmp_path: Path, words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.code_debug.cli.judge.make_sandbox", lambda spec: words)
    programs = written(tmp_path / "s.jsonl", {"query_id": "echo", "code": "broken"})
    problems = written(tmp_path / "p.jsonl", ECHO)
    status, out, err = code("judge", "--problems", problems, "--programs", programs, "--json")
    assert (status, json.loads(out)["verdict"], json.loads(out)["cases"]) == (1, "not_evaluable", ["sandbox_error"] * 3)
    assert err == "echo: not evaluable: the zygote is gone\n0 passed, 0 failed, 1 not evaluable\n"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"query_id": "eco", "code": ""}, "s.jsonl:2: no problem 'eco'"),
        ({"query_id": "echo"}, "s.jsonl:2: BAD_ROW: needs `code`"),
        ({"query_id": "echo", "code": 3}, "s.jsonl:2: BAD_ROW: `code` is a text, not int"),
        ({"code": "print(1)"}, "s.jsonl:2: BAD_ROW: needs `query_id`"),
        ({"query_id": "echo", "code": "", "language": "cobol"}, "s.jsonl:2: no language 'cobol' here"),
        ({"query_id": "add", "code": "", "language": "bash"}, "s.jsonl:2: functions are called in python alone"),
    ],
)
def test_a_wrong_row_is_named(code: Code, tmp_path: Path, row: dict[str, Any], told: str) -> None:
    problems = written(tmp_path / "p.jsonl", ECHO, ADD)
    programs = written(tmp_path / "s.jsonl", RIGHT, row)
    with pytest.raises(DataFileError) as raised:
        code("judge", "--problems", problems, "--programs", programs)
    assert told in str(raised.value)


def test_wrong_use_is_told(code: Code, tmp_path: Path) -> None:
    programs = written(tmp_path / "s.jsonl")
    with pytest.raises(UsageError, match="holds no program"):
        code("judge", "--programs", programs)
    remote = written(tmp_path / "p.jsonl", {**ECHO, "remote": True})
    with pytest.raises(UsageError, match="REMOTE_UNSUPPORTED"):
        code("judge", "--problems", remote, "--programs", written(programs, RIGHT))
    for words in (["judge"], [], ["judge", "--programs", "x", "--cpu-s", "0"], ["problems", "--limit", "0"]):
        with pytest.raises(UsageError):
            code(*words)


def test_bugs_are_injected_and_the_same_every_time(code: Code, tmp_path: Path) -> None:
    words = ("inject", "--count", "3", "--limit", "6", "--class", "NameError", "--class", "TypeError", "--seed", "4")
    status, out, err = code(*words)
    assert (status, err.splitlines()[-1]) == (0, "3 of 3 bugs: 2 x NameError, 1 x TypeError")
    assert code(*words, "--output", tmp_path / "bugs.jsonl")[1] == ""
    assert (tmp_path / "bugs.jsonl").read_text() == out
    problems = written(tmp_path / "p.jsonl", ECHO)
    status, out, err = code("inject", "--input", problems, "--count", "1")
    assert (status, out, err) == (1, "", "echo: left out: has no solution to put bugs into\n0 of 1 bugs\n")
    with pytest.raises(UsageError, match="did you mean 'NameError'"):
        code("inject", "--class", "NamError")


def test_conversations_are_prepared(code: Code, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    status, _, err = code("prepare", "--topic", "mathematics", "--limit", "3", "--output", output)
    assert (status, err.startswith("3 conversations: ")) == (0, True)
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["query_id"] for row in rows] == [problem.query_id for problem in bundled_problems("mathematics")[:3]]
    problems = written(tmp_path / "p.jsonl", ECHO)
    status, _, err = code("prepare", "--input", problems, "--output", output)
    assert (status, "0 conversations; 1 problems left out" in err) == (1, True)
    with pytest.raises(UsageError, match="cannot write"):
        code("prepare", "--output", tmp_path / "no" / "folder.jsonl")
    with pytest.raises(UsageError, match=r"name a \.jsonl file"):
        code("prepare", "--output", tmp_path / "x.parquet")
