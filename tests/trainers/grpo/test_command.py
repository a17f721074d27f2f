"""`agentgym train grpo`: what it answers with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentgym.cli import main
from tests.trainers.grpo.training import BANDIT, beginner

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = pytest.mark.slow


def train(folder: Path, *words: str) -> int:
    live = {"live.environment": BANDIT, "live.group_size": 4, "live.max_tokens": 1, "grpo.groups_per_step": 2}
    keys = [word for key, value in live.items() for word in ("--set", f"{key}={value}")]
    places = ["--output-dir", str(folder / "out"), "--log-dir", str(folder / "log"), "--run-name", "run"]
    return main(["train", "grpo", "--backend", "torch", "--max-steps", "2", *places, *keys, *words])


def test_a_start_that_cannot_learn_is_refused_with_the_reason(tmp_path: Path, capsys: Any) -> None:
    source = str(beginner(tmp_path))
    assert train(tmp_path, "--model", source) == 1
    said = capsys.readouterr().err.splitlines()
    assert "the samples are near pure chance" in said[-1]
    assert "--force begins nevertheless" in said[-1]
    found = json.loads((tmp_path / "log" / "run" / "gate.json").read_text())
    assert found["entropy_share"] > 0.9
    assert found["refused"]
    assert found["greedy_reward"] is not None
    assert train(tmp_path, "--model", source, "--force", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["steps"] == 2
    assert all(Path(file).exists() for file in told["files"])
    assert train(tmp_path, "--model", source) == 2
    assert "of an earlier training" in capsys.readouterr().err


def test_updates_that_change_nothing_are_told(tmp_path: Path, capsys: Any) -> None:
    source = str(beginner(tmp_path))
    impossible = ("--set", 'live.settings={"letters": ""}')
    assert train(tmp_path, "--model", source, "--force", *impossible) == 0
    assert "2 of 2 updates changed nothing: in none of their groups did rewards differ" in capsys.readouterr().err


def test_wrong_use_is_told_with_the_mend(tmp_path: Path, capsys: Any) -> None:
    assert main(["train", "grpo", "--model", str(beginner(tmp_path)), "--output-dir", str(tmp_path / "out")]) == 2
    assert "no data to learn from" in capsys.readouterr().err
