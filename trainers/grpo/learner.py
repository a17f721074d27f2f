"""Updates by rounds, in plain torch: for tiny models, and as what trl is held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any

from agentgym.extras import require
from trainers.advantages import Lesson
from trainers.grpo.reference import Reference
from trainers.grpo.rounds import Round, worths
from trainers.grpo.steps import Steps, shares
from trainers.learning.batches import Batch, apart, batch_of
from trainers.learning.losses import Extent, PolicyLoss, policy_loss
from trainers.learning.scores import token_scores
from trainers.learning.updater import Updater
from trainers.models.loading import Trainee, computing
from trainers.recipe import Recipe

Figures = dict[str, float]


class Learner:
    """Makes the updates of rounds, one after another."""

    def __init__(self, trainee: Trainee, recipe: Recipe, steps: Steps, *, longest: int) -> None:
        self._model = trainee.model
        self._pad_id = pad_id_of(trainee.tokenizer)
        self._recipe = recipe
        self._steps = steps
        self._longest = longest
        self._reference = Reference(trainee, began_with=recipe.model) if recipe.grpo.beta else None
        self.updater = Updater(trainee.model, recipe.optimizer, total_steps=steps.total)

    @property
    def _device(self) -> Any:
        return self._model.get_input_embeddings().weight.device

    def learn(self, chosen: Round, number: int) -> Iterator[Figures]:
        """Update by a round; the figures of every update, also of those for which there was nothing to learn."""
        self._model.train()
        for iteration in range(self._steps.iterations):
            seed = f"{self._recipe.seed} {number} {iteration}"
            for share in shares(chosen.lessons, self._steps, seed=seed):
                if self.updater.steps >= self._steps.total:
                    return
                yield self._update(share, chosen)

    def _update(self, share: Sequence[Lesson], chosen: Round) -> Figures:
        rate = self.updater.learning_rate
        batches = (apart(batch, device=self._device) for batch in _batches(share, self._recipe.batch_size))
        sums = [self._learn(rows, chosen) for rows in chain.from_iterable(batches)]
        if sums:
            norm, rate = self.updater.step()
        else:
            norm, self.updater.steps = 0.0, self.updater.steps + 1
        totals = {name: sum(each[name] for each in sums) for name in sums[0]} if sums else {}
        tokens = max(totals.get("tokens", 0.0), 1.0)
        figures = {name: totals.get(name, 0.0) / tokens for name in ("clipped", "kl", "entropy", "reference_kl")}
        if self._reference is None:
            del figures["reference_kl"]
        return {
            "loss": totals.get("loss", 0.0),
            **figures,
            "grad_norm": norm,
            "learning_rate": rate,
            "tokens": int(totals.get("tokens", 0)),
            "rows": len(share),
        }

    def _learn(self, rows: Sequence[Lesson], chosen: Round) -> Figures:
        """Add one batch to the update."""
        batch = batch_of(rows, pad_id=self._pad_id, device=self._device)
        reference = None if self._reference is None else self._reference.logprobs(batch)
        with self._in_numbers():
            scores = token_scores(self._model, batch, temperature=batch.temperatures, entropy=True)
        found = self._loss(batch, scores.logprobs, reference, chosen)
        self.updater.backward(found.loss)
        sums = (found.loss, found.tokens, found.clipped, found.kl, found.reference_kl, scores.entropy.sum())
        values = require("torch").stack([value.detach().float() for value in sums]).tolist()
        return dict(zip(("loss", "tokens", "clipped", "kl", "reference_kl", "entropy"), values, strict=True))

    def _loss(self, batch: Batch, logprobs: Any, reference: Any, chosen: Round) -> PolicyLoss:
        updates = self._steps.updates
        return policy_loss(
            logprobs,
            old_logprobs=batch.old_logprobs,
            advantages=worths(batch, chosen, self._recipe.grpo.loss),
            mask=batch.mask,
            settings=self._recipe.grpo,
            extent=Extent(rows=len(chosen.lessons) / updates, tokens=chosen.tokens / updates, longest=self._longest),
            reference_logprobs=reference,
        )

    def _in_numbers(self) -> AbstractContextManager[Any]:
        torch, numbers = require("torch"), computing(self._recipe)
        context: AbstractContextManager[Any] = torch.autocast(
            self._device.type, dtype=getattr(torch, numbers), enabled=numbers != "float32"
        )
        return context


def pad_id_of(tokenizer: Any) -> int:
    """What fills rows up; nothing ever looks at it."""
    return next((number for number in (tokenizer.pad_token_id, tokenizer.eos_token_id) if number is not None), 0)


def _batches(share: Sequence[Lesson], size: int) -> Iterator[Sequence[Lesson]]:
    """Rows of about equal length together; the longest first, so that what memory cannot hold shows at once."""
    order = sorted(share, key=lambda lesson: -len(lesson.row))
    return (order[begin : begin + size] for begin in range(0, len(order), size))
