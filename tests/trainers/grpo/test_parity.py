"""Our loss beside trl's, of the same rows: the same number, and the same gradient."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, get_args

import pytest

from agentgym.errors import UsageError
from tests.trainers.grpo.rows import group, model, tokenizer
from trainers.advantages import lessons
from trainers.dataset.groups import Group
from trainers.grpo.rounds import Round
from trainers.grpo.scoring import Scorer
from trainers.grpo.steps import Steps
from trainers.grpo.with_torch import Learner
from trainers.grpo.with_trl import check_head, check_trl, config, recorded_trainer
from trainers.learning import batches
from trainers.models.loading import Trainee
from trainers.recipe import GrpoSettings, LossName, OptimizerSettings, Recipe

torch: Any = pytest.importorskip("torch")
pytest.importorskip("trl")
pytestmark = pytest.mark.slow

REGULAR = [group("a", [1.0, 0.0, 0.0, 1.0]), group("b", [0.0, 2.0, 1.0, 0.5]), group("c", [0.0, 0.0, 1.0, 0.0])]
UNEQUAL = [group("a", [1.0, 0.0, 0.5]), group("b", [0.0, 2.0, 1.0, 0.5, 0.0], rows=2), group("c", [0.0, 1.0])]


def a_round(groups: list[Group], *, near: float | None = 0.3) -> Round:
    """With log-probabilities about as far from the model's own as is given: some ratios are clipped.

    They lie to the side where the advantages are, or else the sums of a loss would be nearly 0 and tell of rounding.
    """
    found = lessons(groups)
    rows = [each.row for each in found.rows]
    if near is not None:
        present = Scorer(model=model(), pad_id=0).anew(rows)
        rows = [
            replace(made, logprobs=_shifted(made.logprobs or (), near * math.copysign(1.0, lesson.advantage)))
            for made, lesson in zip(present, found.rows, strict=True)
        ]
    kept = tuple(replace(lesson, row=changed) for lesson, changed in zip(found.rows, rows, strict=True))
    return Round(lessons=kept, groups=sum(values is not None for values in found.advantages.groups))


def _shifted(logprobs: tuple[float, ...], far: float) -> tuple[float, ...]:
    return tuple(now - far * (0.5 + math.sin(3 * at)) for at, now in enumerate(logprobs))


def recipe(tmp_path: Any, loss: LossName, **more: Any) -> Recipe:
    settings = {"loss": loss, "epsilon_high": 0.28, "delta": 1.5} | more
    return Recipe(
        stage="grpo",
        output_dir=tmp_path / "out",
        grpo=GrpoSettings(**settings),
        optimizer=OptimizerSettings(learning_rate=1e-9, max_grad_norm=0.0),
        batch_size=4,
        numbers="float32",
    )


def steps(batches: int = 3) -> Steps:
    return Steps(rounds=1, updates=1, batches=batches, iterations=1, total=1)


def ours(chosen: Round, settings: Recipe, *, longest: int = 20) -> dict[str, float]:
    trainee = Trainee(model=model(), tokenizer=tokenizer(), adapter=False, base=None)
    learner = Learner(trainee, settings, steps(), longest=longest)
    return next(learner.learn(chosen, 0))


def trl(
    chosen: Round, settings: Recipe, *, longest: int = 20, batches: int = 3, trained: Any = None
) -> dict[str, float]:
    """One step of the real trainer, and what it logs of it."""
    told: list[dict[str, float]] = []
    trainer = recorded_trainer()(
        trained or model(),
        rounds=lambda number, updates: chosen,
        args=config(settings, steps(batches), longest=longest, temperature=1.0),
        processing_class=tokenizer(),
    )
    original = trainer.log
    trainer.log = lambda logs, *rest, **more: (original(logs, *rest, **more), told.append(dict(logs)))[0]
    trainer.train()
    return told[0]


@pytest.mark.parametrize("loss", get_args(LossName))
@pytest.mark.parametrize("groups", [REGULAR, UNEQUAL], ids=["regular", "unequal"])
@pytest.mark.parametrize("pass_tokens", [0, 1000], ids=["in-parts", "at-once"])
def test_the_same_loss_and_the_same_gradient(
    tmp_path: Any, loss: LossName, groups: list[Group], pass_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PASS_TOKENS", pass_tokens)  # what another pass costs decides about parts
    chosen, settings = a_round(groups), recipe(tmp_path, loss)
    own, stock = ours(chosen, settings), trl(chosen, settings)
    assert own["loss"] == pytest.approx(stock["loss"], rel=1e-5)
    assert own["grad_norm"] == pytest.approx(stock["grad_norm"], rel=1e-5)


def test_who_sampled_changes_our_loss(tmp_path: Any) -> None:
    settings = recipe(tmp_path, "dapo")
    both = [[train(a_round(REGULAR, near=near), settings) for train in (ours, trl)] for near in (0.1, 0.3, 1.0)]
    for own, stock in both:
        assert own["loss"] == pytest.approx(stock["loss"], rel=1e-5)
        assert own["kl"] == pytest.approx(stock["kl_old"], rel=1e-4)
    assert len({round(own["loss"], 3) for own, _ in both}) == 3
    assert [own["kl"] for own, _ in both] == sorted(own["kl"] for own, _ in both)


@pytest.mark.filterwarnings("ignore")
def test_the_stock_trainer_does_not_see_who_sampled(tmp_path: Any) -> None:
    """Why its method is overridden: its loss is the same whatever log-probabilities a rollout function gives."""
    losses = [_stock(tmp_path, logprob) for logprob in (-1.0, -7.0, -20.0)]
    assert losses[0] == losses[1] == losses[2]


def _stock(tmp_path: Any, logprob: float) -> tuple[float, float]:
    def played(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        completions = [[10 + number, 20, 30 + number] for number in range(len(prompts))]
        logprobs = [[logprob] * 3 for _ in prompts]
        return {"prompt_ids": [[7, 8, 9]] * len(prompts), "completion_ids": completions, "logprobs": logprobs}

    def reward(completion_ids: list[list[int]], **columns: Any) -> list[float]:
        return [float(ids[0] % 2) for ids in completion_ids]

    import datasets
    import trl as library

    told: list[dict[str, float]] = []
    trainer = library.GRPOTrainer(
        model(),
        reward_funcs=[reward],
        args=config(recipe(tmp_path, "dapo"), steps(2), longest=8, temperature=1.0),
        train_dataset=datasets.Dataset.from_dict({"prompt": ["x"] * 4}),
        processing_class=tokenizer(),
        rollout_func=played,
    )
    original = trainer.log
    trainer.log = lambda logs, *rest, **more: (original(logs, *rest, **more), told.append(dict(logs)))[0]
    trainer.train()
    return told[0]["loss"], told[0]["grad_norm"]


def test_the_distance_from_the_beginning(tmp_path: Any) -> None:
    """With a reference model, and one that differs from what is trained."""
    chosen, settings = a_round(REGULAR), recipe(tmp_path, "grpo", beta=0.3)
    trainee = Trainee(model=model(seed=0), tokenizer=tokenizer(), adapter=False, base=None)
    learner = Learner(trainee, settings, steps(), longest=20)
    apart = model(seed=1)
    trainee.model.load_state_dict(apart.state_dict())
    own = next(learner.learn(chosen, 0))
    folder = tmp_path / "start"
    model(seed=0).save_pretrained(folder)
    apart.config._name_or_path = str(folder)
    stock = trl(chosen, settings, trained=apart)
    assert own["reference_kl"] > 0.01
    assert own["reference_kl"] == pytest.approx(stock["kl"], rel=0.05)  # trl takes the mean of its batches' means
    assert own["loss"] == pytest.approx(stock["loss"], rel=1e-5)
    assert own["grad_norm"] == pytest.approx(stock["grad_norm"], rel=1e-5)


def test_rows_of_several_temperatures(tmp_path: Any) -> None:
    groups = [group("a", [1.0, 0.0, 0.5]), group("b", [1.0, 0.0, 0.0], temperature=0.5)]
    chosen, settings = a_round(groups), recipe(tmp_path, "grpo")
    own, stock = ours(chosen, settings), trl(chosen, settings)
    assert own["loss"] == pytest.approx(stock["loss"], rel=1e-5)
    assert own["grad_norm"] == pytest.approx(stock["grad_norm"], rel=1e-5)
    assert own["kl"] == pytest.approx(stock["kl_old"], rel=1e-4)


def test_an_adapter_on_the_head_is_refused() -> None:
    peft = pytest.importorskip("peft")
    adapted = peft.get_peft_model(model(tie_word_embeddings=False), peft.LoraConfig(target_modules=["lm_head"]))
    trainee = Trainee(model=adapted, tokenizer=tokenizer(), adapter=True, base="x")
    with pytest.raises(UsageError, match="an adapter on lm_head does not train"):
        check_head(trainee)


def test_another_trl_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import trl as library

    monkeypatch.setattr(library, "__version__", "1.17.0")
    with pytest.raises(UsageError, match=r"trl 1\.17\.0 is installed, and GRPO needs trl>=1\.16,<1\.17"):
        check_trl()
