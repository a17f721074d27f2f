"""Which checkpoints are gone on from, and which outputs are in the way."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import UsageError
from trainers.progress.checkpoints import Mark, check_same, newest, prune, recorded, write_mark
from trainers.progress.outputs import prepare_outputs
from trainers.progress.stopping import stoppable
from trainers.recipe import Recipe


def recipe(folder: Path, **keys: Any) -> Recipe:
    return Recipe(stage="sft", output_dir=folder / "outputs", log_dir=folder / "log", **keys)


def checkpoint(folder: Path, step: int, *, whole: bool = True) -> Path:
    made = folder / "outputs" / f"checkpoint-{step}"
    made.mkdir(parents=True)
    (made / "weights").write_text("")
    if whole:
        write_mark(made, Mark(step=step, run="run", data="d", recipe=recorded(recipe(folder))))
    return made


def test_the_newest_whole_checkpoint_counts(tmp_path: Path) -> None:
    assert newest(tmp_path / "outputs") is None
    checkpoint(tmp_path, 9)
    tenth = checkpoint(tmp_path, 10)
    checkpoint(tmp_path, 11, whole=False)
    (checkpoint(tmp_path, 12, whole=False) / "agentgym.json").write_text('{"step": 12')
    found = newest(tmp_path / "outputs")
    assert found is not None
    assert (found.folder, found.mark.step) == (tenth, 10)


def test_the_newest_are_kept_and_nothing_that_broke_off(tmp_path: Path) -> None:
    for step in (5, 10, 100):
        checkpoint(tmp_path, step)
    checkpoint(tmp_path, 105, whole=False)
    (tmp_path / "outputs" / "notes").mkdir()
    prune(tmp_path / "outputs", 2)
    assert {path.name for path in (tmp_path / "outputs").iterdir()} == {"checkpoint-10", "checkpoint-100", "notes"}


def test_what_was_killed_while_being_written_goes(tmp_path: Path) -> None:
    kept = checkpoint(tmp_path, 5)
    outputs = kept.parent
    for name in (
        ".checkpoint-7.09fdc627.writing",
        "..checkpoint-7.09fdc627.writing.56356b12.writing",
        ".best.12345678.old",
    ):
        (outputs / name).mkdir()
        (outputs / name / "weights").write_text(name)
    (outputs / "final_model").mkdir()
    (outputs / ".final_model.0123abcd.old").mkdir()
    (outputs / ".mine.writing").mkdir()
    prune(outputs, 2)
    assert {path.name for path in outputs.iterdir()} == {"checkpoint-5", "best", "final_model", ".mine.writing"}
    assert (outputs / "best" / "weights").read_text() == ".best.12345678.old"  # moved aside, and nothing took its place


def test_what_changes_nothing_that_is_learnt_may_differ(tmp_path: Path) -> None:
    mark = Mark(step=1, run="run", data="d", recipe=recorded(recipe(tmp_path)))
    check_same(mark, recipe(tmp_path / "elsewhere", save_steps=7, keep_checkpoints=9, log_steps=2), data="d")


def test_all_differences_are_told(tmp_path: Path) -> None:
    mark = Mark(step=3, run="run", data="d", recipe=recorded(recipe(tmp_path)))
    other = recipe(tmp_path, batch_size=8, optimizer={"learning_rate": 0.5})
    with pytest.raises(UsageError) as told:
        check_same(mark, other, data="e")
    assert "batch_size: 1 then, 8 now" in str(told.value)
    assert "optimizer.learning_rate: 0.0001 then, 0.5 now" in str(told.value)
    assert "rows of the data are others" in str(told.value)


def test_earlier_outputs_are_in_the_way_unless_one_goes_on_or_replaces_them(tmp_path: Path) -> None:
    assert prepare_outputs(recipe(tmp_path), resume=False, force=False) is None
    kept = checkpoint(tmp_path, 5)
    (tmp_path / "outputs" / "mine.txt").write_text("")
    with pytest.raises(UsageError, match="checkpoint-5 of an earlier training"):
        prepare_outputs(recipe(tmp_path), resume=False, force=False)
    found = prepare_outputs(recipe(tmp_path), resume=True, force=False)
    assert found is not None
    assert found.folder == kept
    assert prepare_outputs(recipe(tmp_path), resume=False, force=True) is None
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["mine.txt"]


def test_a_training_cut_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    checkpoint(tmp_path, 5, whole=False)
    assert prepare_outputs(recipe(tmp_path), resume=True, force=False) is None
    (tmp_path / "outputs" / "final_model").mkdir()
    with pytest.raises(UsageError, match="final_model"):
        prepare_outputs(recipe(tmp_path), resume=True, force=False)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_asks_for_an_end_and_a_second_one_ends(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with stoppable() as stop:
        assert not stop.asked
        assert stop.exit_code == 0
        signal.raise_signal(number)
        assert stop.asked
        assert stop.exit_code == code
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before
