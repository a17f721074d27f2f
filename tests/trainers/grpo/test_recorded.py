"""Recorded rollouts: who sampled them counts, and how far the weights have gone since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentgym.episode import RewardTerm
from agentgym.errors import UsageError
from agentgym.messages import Turn
from tests.trainers.grpo.rows import group, model
from tests.trainers.grpo.training import beginner, told
from tests.trainers.recorded import episode, span, spoken, write_run
from trainers.dataset.groups import Group
from trainers.dataset.reading import Reader
from trainers.dataset.rows import TokenRow
from trainers.grpo.driver import train_grpo
from trainers.grpo.gate import GateError, look_at, refusal
from trainers.grpo.recorded import Recorded
from trainers.grpo.scoring import Scorer
from trainers.grpo.versions import updates_between, version_after, version_of, write_version
from trainers.recipe import DataSettings, GateSettings, GrpoSettings, OptimizerSettings, Recipe

torch: Any = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")
pytestmark = pytest.mark.slow


def recipe(**grpo: Any) -> Recipe:
    return Recipe(stage="grpo", grpo=GrpoSettings(**({"groups_per_step": 2} | grpo)))


def recorded(groups: Sequence[Group], chosen: Recipe | None = None, *, version: str = "start") -> Recorded:
    scorer = Scorer(model=model(), pad_id=0)
    return Recorded(groups, chosen or recipe(max_drift=None), scorer=scorer, version=version)


def changed(made: Group, **more: Any) -> Group:
    def row(each: TokenRow) -> TokenRow:
        samples = tuple(replace(sample, **more.get("sample", {})) for sample in each.samples)
        return replace(each, samples=samples, **{name: value for name, value in more.items() if name != "sample"})

    trajectories = (replace(each, rows=tuple(map(row, each.rows))) for each in made.trajectories)
    return replace(made, trajectories=tuple(trajectories))


def present(made: Group, *, seed: int = 0) -> Group:
    """As if the model had just sampled it."""
    scorer = Scorer(model=model(seed=seed), pad_id=0)
    trajectories = (replace(each, rows=tuple(scorer.anew(each.rows))) for each in made.trajectories)
    return replace(made, trajectories=tuple(trajectories))


def test_groups_that_teach_nothing_are_dropped_and_counted() -> None:
    rounds = recorded([group("a", [1.0, 0.0]), group("b", [1.0, 1.0]), group("c", [0.0, 0.5, 1.0]), group("d", [0.0])])
    chosen = rounds.round(0, updates=0)
    assert rounds.count == 1
    assert {lesson.row.origin.task_id for lesson in chosen.lessons} == {"a", "c"}
    assert chosen.figures["dropped_groups"] == 0.5
    assert chosen.figures["reward_mean"] == pytest.approx(0.5)


def test_each_group_has_its_turn_in_an_order_of_its_own_every_epoch() -> None:
    rounds = recorded([group(name, [1.0, 0.0]) for name in "abcdefg"])
    epochs = [
        [lesson.row.origin.task_id for at in range(4) for lesson in rounds.round(epoch * 4 + at, updates=0).lessons]
        for epoch in range(2)
    ]
    assert rounds.count == 4
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted("abcdefg" * 2)
    assert epochs[0] != epochs[1]
    assert epochs[0] == [
        lesson.row.origin.task_id
        for at in range(4)
        for lesson in recorded([group(name, [1.0, 0.0]) for name in "abcdefg"]).round(at, updates=0).lessons
    ]


def test_weights_choose_among_the_terms_of_a_reward() -> None:
    def rewarded(made: Group) -> Group:
        trajectories = tuple(
            replace(each, origin=replace(each.origin, terms={"form": RewardTerm(form), "sense": RewardTerm(1 - form)}))
            for each, form in zip(made.trajectories, (1.0, 0.0), strict=True)
        )
        return replace(made, trajectories=trajectories)

    groups = [rewarded(group("a", [0.5, 0.5]))]
    assert recorded(groups).count == 0
    assert recorded(groups, recipe(reward_weights={"form": 2.0})).groups[0].rewards == (2.0, 0.0)
    with pytest.raises(UsageError, match="no reward has a term 'fore'"):
        recorded(groups, recipe(reward_weights={"fore": 1.0}))


@pytest.mark.parametrize("more", [{"exact": False}, {"logprobs": None}])
def test_rows_without_chances_count_as_sampled_by_the_first_weights(more: dict[str, Any]) -> None:
    rounds = recorded([changed(group("a", [1.0, 0.0]), **more), group("b", [1.0, 0.0])])
    assert rounds.rescored == 2
    rows = {(each.row.origin.task_id, each.row.origin.trial): each.row for each in rounds.round(0, updates=0).lessons}
    expected = present(group("a", [1.0, 0.0])).trajectories[0].rows[0]
    assert rows["a", 0].logprobs == pytest.approx(expected.logprobs)
    assert rows["b", 0].logprobs == group("b", [1.0, 0.0]).trajectories[0].rows[0].logprobs


def test_the_temperature_of_each_row_counts() -> None:
    cool = present(group("a", [1.0, 0.0], temperature=0.5)).trajectories[0].rows[0]
    ids, at = torch.tensor([cool.input_ids]), cool.samples[0].begin
    with torch.no_grad():
        logprobs = (model()(input_ids=ids).logits[0, at - 1] / 0.5).log_softmax(-1)
    assert cool.logprobs is not None
    assert cool.logprobs[0] == pytest.approx(float(logprobs[cool.input_ids[at]]), abs=1e-5)


def test_rows_that_are_too_far_off_are_left_out_and_counted() -> None:
    near, sampled = present(group("a", [1.0, 0.0])), present(group("b", [1.0, 0.0]))
    far = replace(sampled, trajectories=tuple(replace(each, rows=_off(each.rows)) for each in sampled.trajectories))
    chosen = recorded([near, far], recipe(max_drift=1.0)).round(0, updates=0)
    assert {lesson.row.origin.task_id for lesson in chosen.lessons} == {"a"}
    assert chosen.figures["drifted_rows"] == 2
    assert chosen.figures["drift"] == pytest.approx(1.0, abs=1e-4)


def _off(rows: Sequence[TokenRow]) -> tuple[TokenRow, ...]:
    return tuple(replace(row, logprobs=tuple(value - 2 for value in row.logprobs or ())) for row in rows)


def test_rows_that_are_too_old_are_left_out_and_counted() -> None:
    groups = [
        changed(present(group(name, [1.0, 0.0])), sample={"model_version": version})
        for name, version in (("a", "abc+10"), ("b", "abc+2"), ("c", "somebody"), ("d", "abc+11"))
    ]
    rounds = recorded(groups, recipe(groups_per_step=4, max_staleness=5), version="abc+10")
    chosen = rounds.round(0, updates=3)
    assert {lesson.row.origin.task_id for lesson in chosen.lessons} == {"a", "c", "d"}
    assert chosen.figures["stale_rows"] == 2
    assert chosen.figures["unknown_versions"] == 2
    assert chosen.figures["staleness_max"] == 11


def test_versions_count_updates(tmp_path: Path) -> None:
    assert updates_between("abc", version_after("abc", 3)) == 3
    assert updates_between("abc+3", version_after("abc+3", 4)) == 4
    assert updates_between("abc+3", "abc+1") is None
    assert updates_between("other", "abc+1") is None
    folder = beginner(tmp_path)
    digest = version_of(folder)
    write_version(folder, "abc+7")
    assert version_of(folder) == "abc+7"
    model(seed=1).save_pretrained(folder)
    assert version_of(folder) not in ("abc+7", digest)


def test_the_gate_says_why_nothing_can_be_learnt() -> None:
    sharp = [changed(group(name, [1.0, 0.0]), logprobs=(-0.1,) * 99) for name in "ab"]
    assert refusal(look_at(sharp, vocabulary=344), GateSettings()) is None
    dull = [changed(group("a", [1.0, 0.0]), logprobs=(-5.5,) * 99)]
    assert "near pure chance" in str(refusal(look_at(dull, vocabulary=344), GateSettings()))
    same = [changed(group(name, [0.0, 0.0]), logprobs=(-0.1,) * 99) for name in "ab"]
    assert "hardly any tasks" in str(refusal(look_at(same, vocabulary=344), GateSettings()))
    solved = [changed(group(name, [1.0, 1.0]), logprobs=(-0.1,) * 99) for name in "ab"]
    assert "take harder tasks" in str(refusal(look_at(solved, vocabulary=344), GateSettings()))


def a_run(folder: Path) -> Path:
    """Two tasks, whose right answers are always the same two tokens."""
    made = []
    for task in ("one", "two"):
        for trial in range(6):
            good = trial % 2 == 0
            completion = [50, 51] if good else [60 + trial, 70]
            turn = spoken(_turn([10, 11, 12, 13], completion))
            made.append(
                episode(turn, task=task, trial=trial, reward=float(good), outcome="solved" if good else "failed")
            )
    return write_run(folder, *made)


def _turn(prompt: list[int], completion: list[int]) -> Turn:
    return Turn(span=span(prompt, completion, logprobs=(-1.5, -1.5), temperature=1.0))


@pytest.mark.parametrize("backend", ["torch", "trl"])
def test_from_a_run_on_disk(tmp_path: Path, backend: Any) -> None:
    chosen = Recipe(
        stage="grpo",
        model=str(beginner(tmp_path)),
        output_dir=tmp_path / "out",
        log_dir=tmp_path / "log",
        run_name="run",
        backend=backend,
        max_steps=6,
        batch_size=4,
        data=DataSettings(sources=(a_run(tmp_path / "run"),)),
        grpo=GrpoSettings(max_drift=None),
        optimizer=OptimizerSettings(learning_rate=1e-2, schedule="constant"),
    )
    train_grpo(chosen)
    trained = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "final_model")
    (before,), (after,) = (Scorer(model=each, pad_id=0).logprobs(_good(chosen)) for each in (model(), trained))
    assert sum(after) > sum(before) + 1.0
    assert told(chosen)[0]["drift"] > 1.0
    assert len(told(chosen)) == 6
    bounded = chosen.model_copy(update={"grpo": GrpoSettings(max_drift=0.5), "output_dir": tmp_path / "other"})
    with pytest.raises(GateError, match="no row that had its turn was near enough"):
        train_grpo(bounded)
    brief = GrpoSettings(max_drift=0.5, groups_per_step=1)  # fewer rounds than an epoch has
    update = {"grpo": brief, "output_dir": tmp_path / "brief", "max_steps": 1}
    with pytest.raises(GateError, match="no row that had its turn was near enough"):
        train_grpo(chosen.model_copy(update=update))


def _good(chosen: Recipe) -> list[TokenRow]:
    trajectories = list(Reader().read(*chosen.data.sources))
    return [row for each in trajectories if each.origin.reward for row in each.rows][:1]


def test_nothing_to_learn_from(tmp_path: Path) -> None:
    chosen = Recipe(stage="grpo", model=str(beginner(tmp_path)), output_dir=tmp_path / "out", log_dir=tmp_path / "log")
    with pytest.raises(UsageError, match="no data to learn from"):
        train_grpo(chosen)
