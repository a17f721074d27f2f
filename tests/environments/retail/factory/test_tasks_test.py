"""`agentgym tasks test`: the files it writes, what it prints, and how it goes on."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agentgym.cli import Parser
from agentgym.cli import compare as compare_runs
from agentgym.errors import AgentGymError, DataFileError, MissingExtraError, UsageError
from environments.retail.factory import cli as tasks_cli
from environments.retail.factory.template import as_blueprint
from environments.retail.world.own import own_tasks

ROW = (
    *("task_id", "success", "action_precision", "action_recall", "action_f1"),
    *("execution_time", "model_response_time", "tool_execution_time"),
    *("reward", "output_match", "exact_action_match", "error", "scenario", "actions", "query_enhanced"),
)
SUMMARY = (
    *("total_tasks", "successful", "success_rate", "avg_action_precision", "avg_action_recall", "avg_action_f1"),
    *("exact_action_matches", "avg_output_match", "mode", "model", "user_model", "pass_hat_k", "not_evaluable"),
)
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    return write_tasks(tmp_path / "tasks.json", 16)


def write_tasks(path: Path, count: int) -> Path:
    made = [as_blueprint(task, Random(task.id)).model_dump(mode="json") for task in own_tasks()[:count]]
    path.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.fixture
def test(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """`agentgym tasks test ...` in this process: its exit code, what it printed, and what it said beside that."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AGENTGYM_USER_API_KEY", "AGENTGYM_USER_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        parser = Parser(prog="agentgym tasks")
        tasks_cli.configure(parser)
        code = tasks_cli.run(parser.parse_args(["test", *map(str, words)]))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def load(folder: Path, pattern: str) -> Any:
    (path,) = folder.glob(pattern)
    assert re.search(r"_\d{8}_\d{6}\.(json|csv|png)$", path.name)
    return path.read_text(encoding="utf-8") if path.suffix == ".csv" else json.loads(path.read_bytes())


def test_a_dry_run_writes_the_files_with_exactly_the_named_fields(test: Cli, tasks: Path, tmp_path: Path) -> None:
    code, out, err = test("--tasks", tasks, "--dry-run", "--save-results", "--check-thresholds")
    assert code == 0, err
    assert re.search(r"^success_rate +1\.00$", out, re.MULTILINE)
    assert re.search(r"^success rate of a silent agent +0\.00$", out, re.MULTILINE)
    results = tmp_path / "results"
    told = load(results, "test_results_*.json")
    assert tuple(told) == ("summary", "results")
    assert tuple(told["summary"]) == SUMMARY
    assert [tuple(row) for row in told["results"]] == [ROW] * 16
    assert [row["task_id"] for row in told["results"]] == [f"task_{number:03d}" for number in range(1, 17)]
    assert told["summary"]["mode"] == "dry-run"
    assert told["results"][0]["actions"][0].keys() == {"name", "arguments"}
    summary = load(results, "test_summary_*.json")
    assert tuple(summary) == (*SUMMARY, "thresholds", "time_percentiles", "errors", "failures")
    assert all(set(found) == {"p50", "p90", "p99"} for found in summary["time_percentiles"].values())
    assert summary["thresholds"]["min_success_rate"] == {"threshold": 0.7, "value": 1.0, "passed": True}
    table = load(results, "test_summary_*.csv")
    assert table.splitlines()[0] == "task_id,success,action_precision,action_recall,action_f1,execution_time"
    rows = list(csv.DictReader(table.splitlines()))
    assert [row["success"] for row in rows] == ["True"] * 16
    assert len(list(results.iterdir())) == 3


def test_without_being_asked_nothing_is_written_but_the_run(test: Cli, tasks: Path, tmp_path: Path) -> None:
    code, _, err = test("--tasks", tasks, "--dry-run", "--limit", 2, "--verbose")
    assert code == 0
    assert "task_002: solved" in err
    assert not (tmp_path / "results").exists()
    (run,) = (tmp_path / "runs").iterdir()
    log = (run / "task_tester.log").read_text().splitlines()
    assert "2 episodes are planned" in log[0]
    assert "task_001: solved, reward 1" in log[1]


def test_the_picture_has_four_panels(test: Cli, tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    drawn: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *to: Any, **how: Any) -> None:
        drawn.append(figure)
        save(figure, *to, **how)

    monkeypatch.setattr(Figure, "savefig", keep)
    assert test("--tasks", tasks, "--dry-run", "--visualize", "--output-dir", "there")[0] == 0
    (path,) = (tmp_path / "there").iterdir()
    assert path.name.startswith("test_visualization_")
    assert path.read_bytes().startswith(b"\x89PNG")
    (figure,) = drawn
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["success", "actions, mean over tasks", "execution time", "tools: expected by called"]
    assert len(figure.axes[3].images) == 1


def test_without_what_draws_it_is_told_before_anything_is_played(
    test: Cli, tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match="viz"):
        test("--tasks", tasks, "--dry-run", "--visualize")
    assert not (tmp_path / "runs").exists()


def test_two_reports_of_one_second_are_both_kept(test: Cli, tasks: Path, tmp_path: Path) -> None:
    for _ in range(3):
        assert test("--tasks", tasks, "--dry-run", "--limit", 1, "--save-results")[0] == 0
    assert len(list((tmp_path / "results").iterdir())) == 9
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_a_threshold_that_is_missed_is_named(test: Cli, tasks: Path) -> None:
    words = ("--tasks", tasks, "--policy", "idle", "--limit", 4)
    assert test(*words)[0] == 0
    code, _, err = test(*words, "--check-thresholds")
    assert code == 1
    assert "min_success_rate: success_rate is 0, below 0.7" in err
    assert "min_action_recall" in err


def test_a_reference_that_cannot_be_carried_out_scores_0_in_a_dry_run(test: Cli, tasks: Path, tmp_path: Path) -> None:
    entries = json.loads(tasks.read_text())
    entries[1]["agt"][-1]["arguments"] = {"order_id": "#W0000001", "reason": "no longer needed"}
    entries[1]["agt"][-1]["name"] = "cancel_pending_order"
    tasks.write_text(json.dumps(entries))
    code, _, err = test("--tasks", tasks, "--dry-run", "--save-results")
    told = load(tmp_path / "results", "test_results_*.json")
    assert (code, told["summary"]["successful"]) == (0, 15)
    assert told["results"][1]["success"] is False
    assert "order not found" in told["results"][1]["error"]
    assert "task_002: the task cannot be solved" in err
    assert load(tmp_path / "results", "test_summary_*.json")["failures"] == {"reference": 1}


def test_checks_alone_play_nothing(test: Cli, tasks: Path, tmp_path: Path) -> None:
    code, out, _ = test("--tasks", tasks, "--validate-only", "--limit", 3, "--model", "never-asked")
    assert (code, out.splitlines()[-1]) == (0, "3 tasks, 0 not valid"), out
    entries = json.loads(tasks.read_text())
    entries.append(entries[0])
    entries.append({"q": "", "agt": [], "ogt": []})
    tasks.write_text(json.dumps(entries))
    code, out, _ = test("--tasks", tasks, "--validate-only", "--save-results")
    assert code == 1
    assert re.search(r"task_017 +error +DUPLICATE", out)
    report = load(tmp_path / "results", "validation_*.json")
    assert (report["total"], report["invalid"]) == (18, 2)
    assert set(report["tasks"][0]["validation_report"]) == {"valid", "missing", "suggestions"}
    assert not (tmp_path / "runs").exists()


def test_what_cannot_be_read_is_one_of_those_that_are_not_valid(test: Cli, tasks: Path, tmp_path: Path) -> None:
    lines = [json.dumps(entry) for entry in json.loads(tasks.read_text())[:2]]
    tasks.write_text("\n".join([lines[0], "{broken", lines[1]]))
    code, out, _ = test("--tasks", tasks, "--validate-only", "--save-results")
    assert (code, out.splitlines()[-1]) == (1, "3 tasks, 1 not valid")
    report = load(tmp_path / "results", "validation_*.json")
    assert [(row["task_id"], row["codes"]) for row in report["tasks"]][1] == ("task_002", ["FORMAT_TASK"])
    tasks.write_text("{broken\n{too")
    with pytest.raises(DataFileError, match=":1: not JSON"):
        test("--tasks", tasks, "--validate-only")


def test_dry_runs_are_compared_with_no_others(test: Cli, tasks: Path, tmp_path: Path) -> None:
    assert test("--tasks", tasks, "--dry-run", "--out", "dry")[0] == 0
    assert test("--tasks", tasks, "--dry-run", "--out", "dry2")[0] == 0
    assert test("--tasks", tasks, "--policy", "oracle", "--out", "real")[0] == 0
    assert test("--tasks", tasks, "--policy", "idle", "--out", "real2")[0] == 0

    def compared(*words: str) -> int:
        parser = Parser(prog="agentgym compare")
        compare_runs.configure(parser)
        return compare_runs.run(parser.parse_args(words))

    for words in (("dry", "real"), ("real", "dry"), ("dry", "real", "--force")):
        with pytest.raises(UsageError, match="dry is a dry run"):
            compared(*words)
    assert compared("dry", "dry2") == compared("real", "real2") == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--tasks", "nosuch.json", "--dry-run"), "nosuch.json: cannot be read"),
        (("--tasks", "tasks.json", "--dry-run", "--data", "nosuch"), "there is no"),
        (("--tasks", "tasks.json", "--policy", "oracle", "--model", "m"), "leave one out"),
        (("--tasks", "tasks.json", "--policy", "nosuch:x"), "no policy 'nosuch:x'"),
        (("--tasks", "tasks.json", "--model", "nosuch:x"), "cannot connect"),
        (("--tasks", "tasks.json", "--dry-run", "--trials", "0"), "--trials"),
        (("--tasks", "tasks.json", "--policy", "idle", "--dual-model", "--user-model", "oracle"), "cannot play"),
        (("--dry-run",), "--tasks"),
    ],
)
def test_wrong_use_is_told_in_one_line(
    test: Cli, tasks: Path, words: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(AgentGymError, match=told):
        test(*words)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"[1]", b'[{"q": 1}]', b"\xff\xfe\x00", b'{"q": "x", "agt": [{}]}']
)
def test_files_that_hold_no_tasks_are_named(test: Cli, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(DataFileError, match=r"^bad\.json"):
        test("--tasks", "bad.json", "--dry-run")


def test_half_characters_break_no_report(test: Cli, tmp_path: Path) -> None:
    call = '{"name": "n\\ud800", "arguments": {"\\ud800": "\\ud800"}}'
    (tmp_path / "odd.json").write_text(f'[{{"id": "\\ud800,", "q": "\\ud800", "agt": [{call}], "ogt": ["\\ud800"]}}]')
    assert test("--tasks", "odd.json", "--dry-run", "--save-results")[0] == 0
    (row,) = load(tmp_path / "results", "test_results_*.json")["results"]
    assert (row["success"], row["reward"]) == (False, 0.0)


def test_an_agent_of_several_policies_is_tried_like_any_other(test: Cli, tasks: Path, tmp_path: Path) -> None:
    code, _, err = test("--tasks", tasks, "--policy", "agentflow:oracle", "--limit", 8, "--save-results")
    assert code == 0, err
    told = load(tmp_path / "results", "test_results_*.json")["summary"]
    assert (told["model"], told["successful"], told["mode"]) == ("agentflow:oracle", 8, "default")
    with pytest.raises(UsageError, match="--role is for"):
        test("--tasks", tasks, "--policy", "oracle", "--role", "verifier=mock:yes")


def test_it_goes_on_with_its_last_run_only_when_asked_to(test: Cli, tasks: Path, tmp_path: Path) -> None:
    words = ("--tasks", tasks, "--policy", "oracle", "--limit", 3)
    code, _, err = test(*words, "--resume")
    assert (code, "there is no run of this question" in err) == (0, True)
    assert test(*words)[0] == test(*words)[0] == test(*words, "--resume")[0] == 0
    assert len(list((tmp_path / "runs").iterdir())) == 3
    assert test(*words, "--max-steps", 7, "--resume")[0] == 0, "another question"
    assert len(list((tmp_path / "runs").iterdir())) == 4
    assert test(*words, "--out", "mine")[0] == test(*words, "--out", "mine", "--resume")[0] == 0
    with pytest.raises(UsageError, match="mine holds a run"):
        test(*words, "--out", "mine")


def test_settings_come_from_a_file_and_never_a_secret(test: Cli, tasks: Path, tmp_path: Path) -> None:
    settings = tmp_path / "factory.toml"
    settings.write_text("[tasks]\nmin_success_rate = 0.0\nmin_action_recall = 0\nmin_action_precision = 0\n")
    words = ("--tasks", tasks, "--policy", "idle", "--limit", 2, "--check-thresholds", "--config", settings)
    assert test(*words)[0] == 0
    settings.write_text('[tasks]\nuser_api_key = "sk-1"\n')
    with pytest.raises(DataFileError, match="a secret comes from the environment or a flag"):
        test(*words)
