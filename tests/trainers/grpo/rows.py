"""Rows made up for a tiny model: chances of their own, whatever any policy would have said."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Any

from tests.trainers.engine.tiny import fresh
from trainers.dataset.groups import Group
from trainers.dataset.rows import Origin, Sample, TokenRow, Trajectory


@cache
def tokenizer() -> Any:
    from tests.thirdparty.tiny_checkpoint import games, trained_tokenizer

    return trained_tokenizer(games())


def model(*, seed: int = 0, **sizes: Any) -> Any:
    import torch

    torch.set_num_threads(1)
    return fresh(tokenizer(), seed=seed, **sizes).float()


def row(number: int, *, task: str = "t", reward: float = 0.0, turns: int = 2, temperature: float = 1.0) -> TokenRow:
    """Some turns with what was said between them; log-probabilities that no model has."""
    random = Random(f"{task} {number}")
    ids: list[int] = []
    samples: list[Sample] = []
    for turn in range(1, turns + 1):
        ids += [random.randrange(5, 300) for _ in range(random.randint(2, 6))]
        begin = len(ids)
        ids += [random.randrange(5, 300) for _ in range(random.randint(1, 7))]
        samples.append(Sample(begin=begin, end=len(ids), turn=turn, temperature=temperature, model_version="start"))
    count = sum(map(len, samples))
    return TokenRow(
        origin=Origin(source="made", task_id=task, trial=number, environment="guess", outcome="failed", reward=reward),
        input_ids=tuple(ids),
        samples=tuple(samples),
        logprobs=tuple(random.uniform(-7.0, -5.0) for _ in range(count)),
    )


def group(task: str, rewards: Sequence[float], *, rows: int = 1, **more: Any) -> Group:
    """Trajectories of as many rows each."""
    trajectories = []
    for trial, reward in enumerate(rewards):
        made = [row(trial * rows + number, task=task, reward=reward, **more) for number in range(rows)]
        trajectories.append(Trajectory(made[0].origin, tuple(made)))
    return Group("made", "guess", task, tuple(trajectories))
