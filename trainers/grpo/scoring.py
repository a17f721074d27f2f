"""Log-probabilities of rows as the weights are now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from statistics import fmean
from typing import Any

from agentgym.extras import require
from trainers.advantages import Lesson
from trainers.dataset.rows import TokenRow
from trainers.learning.batches import batch_of
from trainers.learning.scores import token_logprobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A model that rows are scored by, at the temperature that each of their tokens was sampled at."""

    model: Any
    pad_id: int
    batch_size: int = 8

    def logprobs(self, rows: Sequence[TokenRow]) -> list[tuple[float, ...]]:
        """For each row those of its sampled tokens, as TokenRow has them."""
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        found: list[tuple[float, ...]] = [()] * len(rows)
        device = self.model.get_input_embeddings().weight.device
        with require("torch").no_grad(), without_chance(self.model):
            for begin in range(0, len(order), self.batch_size):
                places = order[begin : begin + self.batch_size]
                batch = batch_of([_of_no_worth(rows[place]) for place in places], pad_id=self.pad_id, device=device)
                scores = token_logprobs(self.model, batch, temperature=batch.temperatures).tolist()
                for place, values in zip(places, scores, strict=True):
                    spans = (values[sample.begin : sample.end] for sample in rows[place].samples)
                    found[place] = tuple(chain.from_iterable(spans))
        return found

    def anew(self, rows: Sequence[TokenRow]) -> list[TokenRow]:
        """The rows as if the present weights had sampled them."""
        return [replace(row, logprobs=found) for row, found in zip(rows, self.logprobs(rows), strict=True)]


def drift(recorded: Sequence[float], present: Sequence[float]) -> float:
    """The mean distance between two log-probabilities of a token."""
    return fmean(abs(now - then) for then, now in zip(recorded, present, strict=True)) if recorded else 0.0


@contextmanager
def without_chance(model: Any) -> Iterator[None]:
    """The model in the mode in which it drops nothing."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _of_no_worth(row: TokenRow) -> Lesson:
    """Of lessons alone a batch tells the temperatures."""
    return Lesson(row=row, advantage=0.0, weights=(0.0,) * len(row.samples))
