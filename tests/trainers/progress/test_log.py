"""What a training tells of itself."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import UsageError
from trainers.progress.checkpoints import Mark, recorded
from trainers.progress.log import TrainingLog
from trainers.recipe import Recipe


def recipe(folder: Path, **keys: Any) -> Recipe:
    return Recipe(stage="sft", log_dir=folder, run_name="run", **keys)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]


def test_every_step_is_a_line_and_the_whole_recipe_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingLog(recipe(tmp_path, seed=5), total_steps=3) as log:
        log.settings(rows=7)
        for step in (1, 2, 3):
            log.metrics(step, loss=1 / step, epoch=step / 3)
        log.validation(3, loss=0.5, token_accuracy=0.75)
        log.tokens({"total": {"trained": 9}})
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3]
    assert lines(tmp_path)[1]["loss"] == 0.5
    assert all(line["seconds"] >= 0 for line in lines(tmp_path))
    hparams = json.loads((tmp_path / "run" / "hparams.json").read_bytes())
    assert (hparams["recipe"]["seed"], hparams["rows"]) == (5, 7)
    assert hparams["versions"]["agentgym"]
    validation = json.loads((tmp_path / "run" / "validation.json").read_bytes())
    assert validation == {"validations": [{"step": 3, "loss": 0.5, "token_accuracy": 0.75}]}
    assert {path.name for path in log.files} >= {"metrics.jsonl", "hparams.json", "token_usage.json", "latest.log"}
    told = capsys.readouterr().err
    assert "step 1 of 3" in told
    assert "step 2 of 3" not in told, "not every step is told on the terminal"
    assert "step 2 of 3: loss 0.5" in (tmp_path / "latest.log").read_text()


def test_a_picture_is_drawn_where_that_can_be_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    with TrainingLog(recipe(tmp_path)) as log:
        log.metrics(1, loss=2.0, reward=0.5)
        log.validation(1, loss=2.5)
    assert (tmp_path / "run" / "loss.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "run" / "loss.png").unlink()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with TrainingLog(recipe(tmp_path)) as log:
        log.metrics(1, loss=2.0)
    assert not (tmp_path / "run" / "loss.png").exists()
    assert "pip install" in capsys.readouterr().err


def test_it_goes_on_after_the_step_of_a_checkpoint(tmp_path: Path) -> None:
    with TrainingLog(recipe(tmp_path)) as log:
        for step in range(1, 7):
            log.metrics(step, loss=float(step))
            log.validation(step, loss=float(step))
    with (tmp_path / "run" / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 7, "lo')  # as a kill leaves it
    mark = Mark(step=4, run="run", seconds=100.0, data="", recipe={})
    with TrainingLog(Recipe(stage="sft", log_dir=tmp_path), mark=mark) as log:
        log.metrics(5, loss=50.0)
        log.validation(5, loss=50.0)
    assert [(line["step"], line["loss"]) for line in lines(tmp_path)] == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 50)]
    assert lines(tmp_path)[-1]["seconds"] >= 100
    held = json.loads((tmp_path / "run" / "validation.json").read_bytes())["validations"]
    assert [each["loss"] for each in held] == [1, 2, 3, 4, 50]


def test_a_training_anew_under_the_same_name_begins_with_no_lines(tmp_path: Path) -> None:
    for loss in (1.0, 2.0):
        with TrainingLog(recipe(tmp_path)) as log:
            log.metrics(1, loss=loss)
    assert [line["loss"] for line in lines(tmp_path)] == [2.0]


def test_warnings_of_all_packages_and_how_it_ended_are_in_the_latest_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "a-very-secret-value")

    def fail() -> None:
        with TrainingLog(recipe(tmp_path)):
            logging.getLogger("somebody").warning("mind the %s", "a-very-secret-value")
            raise UsageError("too bad")

    with pytest.raises(UsageError):
        fail()
    told = (tmp_path / "latest.log").read_text()
    assert "somebody mind the [hidden]" in told
    assert "UsageError: too bad" in told
    logging.getLogger("somebody").warning("later")
    assert "later" not in (tmp_path / "latest.log").read_text()


def test_of_several_processes_the_first_one_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with TrainingLog(recipe(tmp_path / "log")) as log:
        log.metrics(1, loss=1.0)
        log.say("hello")
        log.settings()
    assert not (tmp_path / "log").exists()


def test_a_recipe_is_kept_as_it_can_be_read_again(tmp_path: Path) -> None:
    kept = recipe(tmp_path, lora={"rank": 4})
    assert Recipe.model_validate(recorded(kept)) == kept
