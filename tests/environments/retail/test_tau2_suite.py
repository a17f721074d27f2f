"""The suite and the commands on tau2-bench's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentgym.cli import main

SMALL = ("--users", "9", "--orders", "14", "--products", "4", "--test", "8", "--train", "16")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder to run commands in, with a world in `shop`."""
    monkeypatch.chdir(tmp_path)
    assert main(["retail", "world", *SMALL, "--format", "tau2", "-o", "shop"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[1:] == ["test: 8 tasks", "train: 16 tasks"]
    return tmp_path / "shop"


def bench(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["bench", "retail", "--set", "profile=tau2", *words, "--json", "--quiet"]) == 0
    scores: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["scores"]
    return scores


def test_a_world_is_written_in_its_layout(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sorted(path.name for path in world.iterdir()) == ["db.json", "split_tasks.json", "tasks.json"]
    splits = json.loads((world / "split_tasks.json").read_text())
    assert {split: len(ids) for split, ids in splits.items()} == {"test": 8, "train": 16}
    assert main(["retail", "world", *SMALL, "--format", "tau2", "-o", "shop"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["retail", "world", *SMALL, "--format", "tau2", "-o", "shop", "--force"]) == 0


def test_the_oracle_solves_all_and_the_idle_agent_none(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    idle, oracle = bench(capsys, "--data", "shop", "--policy", "oracle", "--trials", "2")
    assert (idle["episodes"], idle["solved_rate"], idle["mean_reward"]) == (16, 0.0, 0.0)
    assert (oracle["episodes"], oracle["solved_rate"]) == (16, 1.0)
    assert oracle["reward_terms"]["unjudged"]["mean"] == 0.0
    assert (oracle["conduct"]["episodes"], oracle["conduct"]["strict_f1"]) == (16, 1.0)
    assert oracle["tags"], "by which scores are broken down"
    _, train = bench(capsys, "--data", "shop", "--split", "train", "--policy", "oracle", "--limit", "2")
    assert (train["episodes"], train["solved_rate"]) == (2, 1.0)
    _, own = bench(capsys, "--policy", "oracle", "--limit", "2")
    assert own["solved_rate"] == 1.0


def test_a_run_goes_on(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench(capsys, "--data", "shop", "--policy", "oracle", "--out", "cut")
    episodes = world.parent / "cut" / "episodes.jsonl"
    episodes.write_text("".join(episodes.read_text().splitlines(keepends=True)[:3]))
    assert main(["resume", "cut", "--quiet", "--json"]) == 0
    [score] = json.loads(capsys.readouterr().out)["scores"]
    assert (score["episodes"], score["solved_rate"]) == (8, 1.0)


def test_an_audit_tells_of_flaws_and_writes_the_other_tasks(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = ["retail", "audit", "--profile", "tau2", "--data", "shop"]
    assert main(audit) == 0
    assert "24 tasks, 0 flawed: nothing found" in capsys.readouterr().out
    tasks = json.loads((world / "tasks.json").read_text())
    tasks[1]["evaluation_criteria"] = None
    del tasks[2]["user_scenario"]
    (world / "tasks.json").write_text(json.dumps(tasks))
    assert main([*audit, "-o", "sound.json"]) == 1
    out = capsys.readouterr().out
    assert "23 tasks, 1 flawed: 1 x unreadable; 1 x nothing to do" in out
    assert "task 3: not a RetailTask: user_scenario: Field required" in out
    kept = json.loads((tmp_path / "sound.json").read_text())
    assert kept == [tasks[0], *tasks[3:]]
    assert main([*audit, "--tasks", "sound.json"]) == 0


def test_the_environment_is_checked(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "retail", "--set", "profile=tau2", "--set", "data=shop"]) == 0
    assert "violation" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("bench", "retail", "--set", "profile=tau2", "--data", "nowhere"), "no db.json there"),
        (
            ("bench", "retail", "--set", "profile=tau2", "--data", "shop", "--split", "dev"),
            "no tasks in its split 'dev'",
        ),
        (("bench", "retail", "--set", "profile=tau"), "profile='tau'"),
        (("bench", "retail", "--set", "judge=idle"), "profile='tau2'"),
        (("bench", "retail", "--set", "profile=tau2", "--set", "judge=x"), "no policy 'x'"),
        (("retail", "audit", "--profile", "tau2", "--data", "nowhere"), "no db.json there"),
        (("retail", "world", "--format", "tau3", "-o", "w"), "tau3"),
    ],
)
def test_wrong_use_is_one_line(
    world: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    quiet = ("--quiet", "--policy", "oracle") if words[0] == "bench" else ()
    assert main([*words, *quiet]) != 0
    said = capsys.readouterr()
    assert told in said.out + said.err
    assert "Traceback" not in said.err


def test_a_world_without_tasks_is_told_of(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (world / "tasks.json").unlink()
    assert main(["retail", "audit", "--profile", "tau2", "--data", "shop"]) == 2
    assert capsys.readouterr().err == "agentgym retail: shop holds no tasks.json; name a file with --tasks\n"
