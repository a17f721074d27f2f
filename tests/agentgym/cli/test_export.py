"""`agentgym export`: rows on standard output or in a file that is there whole or not at all, and what was left out."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.agentgym.cli.conftest import Cli

ROW = {"messages": [{"role": "user", "content": "Où?"}, {"role": "assistant", "content": "Ici."}]}


@pytest.fixture
def rows(tmp_path: Path) -> str:
    """Two rows, as lines."""
    path = tmp_path / "rows.jsonl"
    path.write_text((json.dumps(ROW) + "\n") * 2)
    return str(path)


@pytest.fixture
def played(cli: Cli, tmp_path: Path) -> str:
    """A run of the random agent."""
    folder = str(tmp_path / "played")
    assert cli("bench", "guess", "--policy", "random", "--out", folder, "--quiet").code == 0
    return folder


@pytest.mark.parametrize(("form", "is_list"), [("alpaca", True), ("sharegpt", True), ("openai", False)])
def test_rows_go_to_standard_output(cli: Cli, rows: str, form: str, is_list: bool) -> None:
    ran = cli("export", rows, "--format", form)
    assert (ran.code, ran.err) == (0, f"2 rows, as {form}\n")
    made = json.loads(ran.out) if is_list else list(map(json.loads, ran.out.splitlines()))
    assert len(made) == 2
    assert "Où?" in ran.out


@pytest.mark.parametrize("form", ["alpaca", "trl-prompt"])
def test_the_name_of_the_file_says_whether_it_is_a_list(cli: Cli, rows: str, form: str) -> None:
    out = Path("deep/er/out.json")
    assert cli("export", rows, "--format", form, "--out", str(out)).err == f"2 rows in {out}, as {form}\n"
    assert len(json.loads(out.read_text())) == 2
    lines = out.with_suffix(".jsonl")
    assert cli("export", rows, "--format", form, "--out", str(lines)).code == 0
    assert len([json.loads(line) for line in lines.read_text().splitlines()]) == 2
    assert sorted(path.name for path in out.parent.iterdir()) == ["out.json", "out.jsonl"]


def test_runs_and_files_are_exported_together(cli: Cli, rows: str, played: str) -> None:
    ran = cli("export", played, rows, "--format", "openai")
    assert (ran.code, len(ran.out.splitlines())) == (0, 12)
    ids = [
        call["id"]
        for line in ran.out.splitlines()
        for message in json.loads(line)["messages"]
        for call in message.get("tool_calls", [])
    ]
    assert len(set(ids)) == len(ids) > 10


def test_episodes_are_chosen_by_how_they_ended(cli: Cli, played: str) -> None:
    solved = cli("export", played, "--format", "sharegpt", "--solved-only", "--end-on-reply")
    made = json.loads(solved.out)
    assert solved.err == f"{len(made)} rows, as sharegpt\n"
    assert 0 < len(made) < 10
    assert {row["conversations"][-1]["from"] for row in made} == {"function_call"}
    assert len(cli("export", played, "--format", "openai", "--min-reward", "0.5").out.splitlines()) == len(made)
    assert len(cli("export", played, "--format", "openai", "--limit", "3").out.splitlines()) == 3


def test_no_row_is_a_negative_result_and_writes_nothing(cli: Cli, played: str) -> None:
    ran = cli("export", played, "--format", "alpaca", "--min-reward", "2", "--out", "out.json")
    assert (ran.code, ran.out) == (1, "")
    assert "nothing to export" in ran.err
    assert not Path("out.json").exists()


def test_a_fault_halfway_leaves_the_file_as_it_was(cli: Cli, rows: str) -> None:
    out = Path("out.jsonl")
    out.write_text("before")
    with open(rows, "a") as file:
        file.write("{torn")
    ran = cli("export", rows, "--format", "openai", "--out", str(out))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"agentgym export: {rows}:3: not JSON: ")
    assert ran.err.count("\n") == 1
    assert (out.read_text(), os.listdir()) == ("before", ["out.jsonl"])


def test_a_file_may_take_the_place_of_its_source(cli: Cli, rows: str) -> None:
    assert cli("export", rows, "--format", "sharegpt", "--out", rows).code == 0
    assert [*map(json.loads, Path(rows).read_text().splitlines())][1]["conversations"][1]["value"] == "Ici."


def test_a_device_is_written_to_and_stays(cli: Cli, rows: str) -> None:
    assert cli("export", rows, "--format", "openai", "--out", "/dev/null").code == 0
    assert not Path("/dev/null").is_file()


def test_what_was_left_out_is_told_once_for_each_kind(cli: Cli, tmp_path: Path) -> None:
    call = {"id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    trailing = {"messages": [*ROW["messages"], {"role": "assistant", "content": None, "tool_calls": [call]}]}
    path = tmp_path / "rows.jsonl"
    path.write_text((json.dumps(ROW) + "\n") + (json.dumps(trailing) + "\n") * 3)
    ran = cli("export", str(path), "--format", "openai")
    assert ran.code == 0
    assert ran.err == f"calls left out that nobody answered: 3, first at {path}:2\n4 rows, as openai\n"
    assert '"tool_calls"' not in ran.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ROWS",), "the following arguments are required: --format"),
        (("ROWS", "--format", "csv"), "argument --format: invalid choice: 'csv'"),
        (("none.jsonl", "--format", "openai"), "none.jsonl: no such file; give a data file or the directory of a run"),
        ((".", "--format", "openai"), "no run in .: it holds no run.json"),
        (("ROWS", "--format", "openai", "--solved-only"), "a data file knows no outcomes or rewards"),
        (("ROWS", "--format", "openai", "--min-reward", "nan"), "argument --min-reward: 'nan' is not a number"),
        (("ROWS", "--format", "openai", "--out", "."), ".: is a folder; give the name of a file"),
        (("ROWS", "--format", "openai", "--out", "/dev/null/x"), "/dev/null/x: its folder cannot be made"),
        (("ROWS", "--format", "openai", "--reasoning", "loud"), "argument --reasoning: invalid choice: 'loud'"),
    ],
)
def test_wrong_use_is_told_in_one_line(cli: Cli, rows: str, words: tuple[str, ...], told: str) -> None:
    ran = cli("export", *(rows if word == "ROWS" else word for word in words))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert told in ran.err
