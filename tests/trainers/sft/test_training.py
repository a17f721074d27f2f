"""Trainings from end to end, by both backends, in one go and with interruptions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from agentgym.cli import main
from tests.trainers.sft.made import checkpoint, row, rows
from trainers.dataset.files import write_rows
from trainers.progress.log import TrainingLog

torch: Any = pytest.importorskip("torch")
pytest.importorskip("trl")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # what others warn of is theirs

BACKENDS = ("torch", "trl")
KILLED = """
import os, signal, sys
from agentgym.cli import main
from trainers.progress.log import TrainingLog
tell = TrainingLog.metrics
def metrics(log, step, **figures):
    tell(log, step, **figures)
    if step == {step}:
        os.kill(os.getpid(), signal.SIGKILL)
TrainingLog.metrics = metrics
sys.exit(main(sys.argv[1:]))
"""


class Place:
    """Where a test trains."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = checkpoint(folder / "model", dropout=0.1)
        self.data = folder / "rows.jsonl"
        write_rows(self.data, rows(50))

    def words(self, name: str, *more: str) -> list[str]:
        words = ["train", "sft", "--data", str(self.data), "--model", str(self.model), "--batch-size", "4"]
        words += ["--output-dir", str(self.outputs(name)), "--log-dir", str(self.folder / "log"), "--run-name", name]
        return [*words, "--learning-rate", "0.01", *more]

    def train(self, name: str, *more: str) -> int:
        return main(self.words(name, *more))

    def killed(self, name: str, *more: str, step: int) -> int:
        """Train in another process, which is killed once a step is told."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        words = [sys.executable, "-c", KILLED.format(step=step), *self.words(name, *more)]
        return subprocess.run(words, env=environment, capture_output=True, timeout=120).returncode

    def stopped(self, name: str, *more: str, step: int) -> int:
        """Train in this process, which is asked to stop once a step is told."""
        tell = TrainingLog.metrics

        def metrics(log: TrainingLog, told: int, **figures: Any) -> None:
            tell(log, told, **figures)
            if told == step:
                signal.raise_signal(signal.SIGTERM)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TrainingLog, "metrics", metrics)
            return self.train(name, *more)

    def outputs(self, name: str) -> Path:
        return self.folder / name

    def log(self, name: str) -> Path:
        return self.folder / "log" / name

    def metrics(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.log(name) / "metrics.jsonl").read_text().splitlines()]

    def curve(self, name: str) -> list[tuple[int, float]]:
        return [(line["step"], line["loss"]) for line in self.metrics(name)]

    def checkpoints(self, name: str) -> list[str]:
        return sorted(path.name for path in self.outputs(name).glob("checkpoint-*"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def same(one: list[tuple[int, float]], other: list[tuple[int, float]], *, within: float) -> bool:
    return [step for step, _ in one] == [step for step, _ in other] and all(
        abs(mine - theirs) <= within for (_, mine), (_, theirs) in zip(one, other, strict=True)
    )


def test_both_backends_learn_the_same(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--set", "data.validation_share=0.2", "--set", "accumulation=2", "--epochs", "4"]
    place.model = checkpoint(place.folder / "plain")
    for backend in BACKENDS:
        assert place.train(backend, "--backend", backend, *more) == 0
    assert same(place.curve("torch"), place.curve("trl"), within=1e-4)
    first, last = place.curve("torch")[0][1], place.curve("torch")[-1][1]
    assert last < first * 0.9
    for ours, theirs in zip(place.metrics("torch"), place.metrics("trl"), strict=True):
        assert ours["learning_rate"] == pytest.approx(theirs["learning_rate"])
        assert ours["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-2)
        assert (ours["tokens"], ours["rows"], ours["epoch"]) == (theirs["tokens"], theirs["rows"], theirs["epoch"])
    validations = [json.loads((place.log(name) / "validation.json").read_text()) for name in BACKENDS]
    (ours,), (theirs,) = (each["validations"] for each in validations)
    assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-4)
    assert 0 <= ours["token_accuracy"] <= 1
    printed = capsys.readouterr().out.splitlines()
    assert str(place.outputs("torch") / "final_model") in printed
    assert all(Path(line).exists() for line in printed)
    assert {path.name for path in place.log("trl").iterdir()} >= {"metrics.jsonl", "hparams.json", "token_usage.json"}
    hparams = json.loads((place.log("trl") / "hparams.json").read_text())
    assert hparams["recipe"]["optimizer"]["learning_rate"] == 0.01
    assert hparams["rows"] == {"train": 40, "validation": 10}
    assert "torch" in hparams["versions"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_training_goes_on_to_the_same_curve(
    place: Place, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--backend", backend, "--epochs", "2", "--set", "save_steps=5", "--set", "data.validation_share=0.2"]
    more += ["--set", "validate_steps=4"]
    assert place.train("unbroken", *more) == 0
    assert place.killed("broken", *more, step=13) == -signal.SIGKILL
    assert place.checkpoints("broken") == ["checkpoint-10", "checkpoint-5"]
    (place.outputs("broken") / "checkpoint-15").mkdir()  # as one that was being written leaves it
    assert place.train("broken", *more, "--resume") == 0
    assert "going on after step 10" in capsys.readouterr().err
    assert len(place.curve("unbroken")) == 20
    assert same(place.curve("unbroken"), place.curve("broken"), within=1e-6)
    assert place.checkpoints("broken") == ["checkpoint-15", "checkpoint-20"]
    for name in ("token_usage.json", "validation.json"):
        whole, mended = (json.loads((place.log(each) / name).read_text()) for each in ("unbroken", "broken"))
        assert json.dumps(whole) == json.dumps(mended)
    assert weights(place.outputs("unbroken")) == weights(place.outputs("broken"))
    assert place.train("broken", *more, "--resume") == 0, "it is finished"


def weights(outputs: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return {name: value.tolist() for name, value in load_file(outputs / "final_model" / "model.safetensors").items()}


@pytest.mark.parametrize("backend", BACKENDS)
def test_who_is_asked_to_stop_writes_a_checkpoint_first(place: Place, backend: str) -> None:
    more = ["--backend", backend, "--epochs", "1"]
    assert place.stopped("stopped", *more, step=4) == 143
    (checkpoint,) = place.checkpoints("stopped")
    assert not (place.outputs("stopped") / "final_model").exists()
    assert place.train("stopped", *more, "--resume") == 0
    assert place.train("unbroken", *more) == 0
    assert same(place.curve("unbroken"), place.curve("stopped"), within=1e-6)
    assert checkpoint in ("checkpoint-4", "checkpoint-5")


def test_another_recipe_or_other_data_is_not_gone_on_with(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--backend", "torch", "--epochs", "1", "--set", "save_steps=5"]
    assert place.train("one", *more) == 0
    assert place.train("one", *more, "--resume", "--seed", "5", "--set", "lora.rank=4") == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "seed: 3407 then, 5 now" in told
    assert "lora.rank: nothing then, 4 now" in told
    write_rows(place.data, rows(49))
    assert place.train("one", *more, "--resume") == 2
    assert "the rows of the data are others" in capsys.readouterr().err


def test_outputs_of_an_earlier_training_are_not_written_over(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ["--backend", "torch", "--max-steps", "2"]
    assert place.train("one", *more) == 0
    capsys.readouterr()
    monkeypatch.setattr(torch.nn.Module, "__call__", None)  # nothing is computed
    assert place.train("one", *more) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert "--resume" in told
    monkeypatch.undo()
    assert place.train("one", *more, "--force") == 0


def test_outputs_that_cannot_be_written_are_told_first(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.outputs("file").write_text("")
    assert place.train("file", "--backend", "torch") == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert "cannot be written" in told
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10, 9, 1))
    assert place.train("full", "--backend", "torch") == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert "make room" in told


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loss_that_is_no_number_stops_and_names_the_last_good_checkpoint(
    place: Place, backend: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = TrainingLog.metrics

    def poison(log: TrainingLog, step: int, **figures: Any) -> None:
        tell(log, step, **figures)
        if step == 3:
            place.poisoned.weight.data.fill_(float("nan"))  # type: ignore[attr-defined]

    from trainers.models.loading import load_trainee

    def loaded(recipe: Any) -> Any:
        trainee = load_trainee(recipe)
        place.poisoned = trainee.model.model.norm  # type: ignore[attr-defined]
        return trainee

    monkeypatch.setattr("trainers.sft.driver.load_trainee", loaded)
    monkeypatch.setattr(TrainingLog, "metrics", poison)
    more = ["--backend", backend, "--epochs", "1", "--set", "save_steps=2"]
    assert place.train("nan", *more) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert "step 4: the loss is nan" in told
    assert "checkpoint-2" in told
    assert place.checkpoints("nan") == ["checkpoint-2"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_weights_with_the_lowest_validation_loss_are_the_final_ones(place: Place, backend: str) -> None:
    few = place.folder / "few.jsonl"
    write_rows(few, rows(4, seed=9))
    place.data = few
    held = place.folder / "held.jsonl"
    write_rows(held, rows(12, seed=1))
    more = ["--backend", backend, "--validation", str(held), "--set", "validate_steps=5", "--max-steps", "60"]
    more += ["--set", "optimizer.schedule=constant"]
    assert place.train("best", *more) == 0
    validations = json.loads((place.log("best") / "validation.json").read_text())["validations"]
    lowest = min(validations, key=lambda each: each["loss"])
    assert lowest["step"] < 60, "what is learnt by heart is not learnt for others"
    assert f"is of step {lowest['step']}" in (place.folder / "log" / "latest.log").read_text()
    assert not (place.outputs("best") / "best_model").exists()
    assert loss_of(place.outputs("best") / "final_model", rows(12, seed=1)) == pytest.approx(lowest["loss"], abs=1e-4)


def loss_of(folder: Path, held: Any) -> float:
    from transformers import AutoModelForCausalLM

    from trainers.learning.batches import batch_of
    from trainers.learning.scores import token_logprobs

    batch = batch_of(list(held), pad_id=2)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        return -float(token_logprobs(model, batch).sum()) / batch.trained_count


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_adapter_is_trained_resumed_and_merged(place: Place, backend: str) -> None:
    more = ["--backend", backend, "--epochs", "1", "--set", "lora.rank=4", "--set", "lora.dropout=0.2"]
    more += ["--set", "save_steps=5"]
    assert place.train("whole", *more) == 0
    assert place.stopped("cut", *more, step=8) == 143
    assert place.train("cut", *more, "--resume") == 0
    assert same(place.curve("whole"), place.curve("cut"), within=1e-6)
    assert (place.outputs("cut") / "final_model" / "adapter_config.json").exists()
    assert (place.outputs("cut") / "final_model" / "tokenizer.json").exists()
    assert (place.outputs("cut") / "merged_model" / "model.safetensors").exists()


def test_a_token_that_the_model_does_not_know_ends_it_in_one_line(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(place.data, [row(1, 99, 3, samples=[(1, 3)])])
    assert place.train("odd", "--backend", "torch") == 2
    assert "the token 99" in capsys.readouterr().err.splitlines()[-1]
