"""Which rows each update learns from, worked out beforehand: it is the same in every backend, and after every stop."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

from agentgym.messages import JsonObject
from trainers.dataset.rows import TokenRow
from trainers.learning.batches import drawn
from trainers.recipe import Recipe


class Plan:
    """The course of a training over its rows.

    Several processes take its batches in turn. The last ones of an epoch are then filled up with rows that have come
    before, which is not counted here.
    """

    def __init__(self, rows: Sequence[TokenRow], recipe: Recipe, *, processes: int = 1) -> None:
        self.lengths = [len(row) for row in rows]
        self.trained = [sum(row.loss_mask[1:]) for row in rows]
        self._recipe = recipe
        self._together = recipe.accumulation * processes
        self.batches_per_epoch = math.ceil(len(rows) / recipe.batch_size)
        self.steps_per_epoch = math.ceil(self.batches_per_epoch / self._together)
        self.total_steps = recipe.max_steps or max(1, math.ceil(recipe.epochs * self.steps_per_epoch))
        self.epoch = lru_cache(maxsize=2)(self._epoch)
        """The batches of an epoch, from 0, each as the places of its rows."""

    def _epoch(self, number: int) -> list[list[int]]:
        size, seed = self._recipe.batch_size, self._recipe.seed
        return drawn(self.lengths, size=size, together=self._together, seed=seed, epoch=number)

    def update(self, step: int) -> list[list[int]]:
        """The batches that step number `step`, from 1, learns from."""
        epoch, place = divmod(step - 1, self.steps_per_epoch)
        return self.epoch(epoch)[place * self._together : (place + 1) * self._together]

    def epochs_after(self, step: int) -> float:
        """How often the rows were gone over after so many steps."""
        epochs, more = divmod(step, self.steps_per_epoch)
        return epochs + min(1.0, more * self._together / self.batches_per_epoch)

    def figures(self, *, after: int, until: int) -> dict[str, int | float]:
        """What was learnt from in the steps after one and until another."""
        batches = [batch for step in range(after + 1, until + 1) for batch in self.update(step)]
        return {
            "tokens": sum(self.trained[place] for batch in batches for place in batch),
            "rows": sum(map(len, batches)),
            "epoch": round(self.epochs_after(until), 6),
        }

    def usage(self, steps: int) -> JsonObject:
        """How many tokens trained and were context, in all and in each epoch."""
        epochs: list[JsonObject] = []
        whole = {"trained": 0, "context": 0, "rows": 0}
        for number in range(math.ceil(steps / self.steps_per_epoch)):
            made = min(steps - number * self.steps_per_epoch, self.steps_per_epoch) * self._together
            counts = dict.fromkeys(whole, 0)
            for batch in self.epoch(number)[:made]:
                for name, count in self._counted(batch):
                    counts[name] += count
                    whole[name] += count
            epochs.append({"epoch": number + 1, **counts})
        return {"total": {**whole}, "epochs": [*epochs]}

    def _counted(self, batch: Sequence[int]) -> Iterator[tuple[str, int]]:
        trained, tokens = sum(self.trained[place] for place in batch), sum(self.lengths[place] for place in batch)
        yield "trained", trained
        yield "context", tokens - trained
        yield "rows", len(batch)
