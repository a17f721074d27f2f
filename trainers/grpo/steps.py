"""How a round's rows become updates, the same for both backends."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Self

from agentgym.errors import UsageError
from trainers.advantages import Lesson
from trainers.grpo.rounds import Rounds
from trainers.progress.ranks import process_count
from trainers.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Every round makes as many updates, however many rows it has."""

    rounds: int
    updates: int
    """In one pass over a round's rows."""
    batches: int
    """In one update, of each process, as far as rounds have the rows that were expected."""
    iterations: int
    total: int
    """Updates, in all."""

    @classmethod
    def of(cls, recipe: Recipe, rounds: Rounds) -> Self:
        """As the recipe has it; UsageError where there is nothing to do."""
        rows = rounds.most_rows
        if not rounds.count or not rows:
            raise UsageError("no group of rollouts teaches anything: in each of them all rewards are the same")
        grpo = recipe.grpo
        updates = math.ceil(rows / min(rows, grpo.rows_per_update or rows))
        a_round = updates * grpo.iterations
        total = recipe.max_steps or max(1, math.ceil(recipe.epochs * rounds.count)) * a_round
        batches = max(1, math.ceil(rows / updates / recipe.batch_size / process_count()))
        return cls(
            rounds=math.ceil(total / a_round), updates=updates, batches=batches, iterations=grpo.iterations, total=total
        )

    @property
    def a_round(self) -> int:
        """Updates, with all iterations."""
        return self.updates * self.iterations


def shares(rows: Sequence[Lesson], steps: Steps, *, seed: str) -> Iterator[list[Lesson]]:
    """The rows of each update of one pass: about as many for each, in another order for each seed."""
    order = list(rows)
    Random(seed).shuffle(order)
    for number in range(steps.updates):
        yield order[number * len(order) // steps.updates : (number + 1) * len(order) // steps.updates]
