"""Imitation by our own loop: for tiny models, on one device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from pathlib import Path
from typing import Any

from agentgym.errors import UsageError
from agentgym.extras import require
from trainers.dataset.rows import TokenRow
from trainers.learning.batches import Batch, apart, batch_of
from trainers.learning.scores import token_logprobs, token_scores
from trainers.learning.updater import Updater
from trainers.models.loading import computing
from trainers.models.saving import save_trainee
from trainers.progress.checkpoints import prune
from trainers.progress.ranks import process_count
from trainers.progress.torchstate import read_state, write_state
from trainers.sft.course import Course, Save


def train(course: Course) -> Save:
    """Train to the end, or until somebody asks for one; what comes back writes the model."""
    loop = _Loop(course)
    loop.run()
    return loop.save


class _Loop:
    def __init__(self, course: Course) -> None:
        torch = require("torch")
        recipe = course.recipe
        if process_count() > 1:
            raise UsageError("the torch backend trains in one process; write --backend trl")
        numbers = computing(recipe)
        if numbers == "float16":
            raise UsageError("float16 needs its losses scaled, as the trl backend does; write --backend trl")
        self._course = course
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = course.trainee.model.to(self._device)
        self._numbers = getattr(torch, numbers)
        pad = course.trainee.tokenizer.pad_token_id
        self._pad = pad if isinstance(pad, int) else 0
        torch.manual_seed(recipe.seed)
        self._updater = Updater(self._model, recipe.optimizer, total_steps=course.plan.total_steps)
        if course.begun is not None:
            read_state(course.begun.folder, self._model, self._updater)

    def run(self) -> None:
        course, losses = self._course, list[float]()
        for step in range(course.first_step + 1, course.plan.total_steps + 1):
            loss, grad_norm, rate = self._step(step)
            losses.append(loss)
            course.check(step, loss, grad_norm)
            if course.tells(step) or course.stop.asked:
                course.tell(step, loss=sum(losses) / len(losses), learning_rate=rate, grad_norm=grad_norm)
                losses.clear()
            if course.validates(step):
                self._validate(step)
            if course.saves(step):
                self._checkpoint(step)
            if course.stop.asked:
                break

    def save(self, folder: Path) -> None:
        save_trainee(self._course.trainee, folder)

    def _step(self, step: int) -> tuple[float, float, float]:
        """The loss, the norm of the gradients, and the learning rate of an update."""
        course = self._course
        batches = course.plan.update(step)
        count = sum(course.plan.trained[place] for batch in batches for place in batch)
        total = 0.0
        parts = (apart([course.rows.train[place] for place in batch], device=self._device) for batch in batches)
        for rows in chain.from_iterable(parts):
            batch = self._batch(rows)
            with self._computing():
                logprobs = token_logprobs(self._model, batch)
            loss = -logprobs.sum() / count
            self._updater.backward(loss)
            total = total + loss.detach()
        return float(total), *self._updater.step()

    def _validate(self, step: int) -> None:
        torch, course = require("torch"), self._course
        total = right = count = 0.0
        self._model.eval()
        with torch.no_grad(), self._computing():
            for rows in _in_lengths(course.rows.validation, course.recipe.batch_size):
                batch = self._batch(rows)
                scores = token_scores(self._model, batch, right=True)
                total -= float(scores.logprobs.sum())
                right += float(scores.right.sum())
                count += batch.trained_count
        self._model.train()
        course.validated(step, loss=total / count, token_accuracy=right / count, save=self.save)

    def _batch(self, rows: Sequence[TokenRow]) -> Batch:
        return batch_of(rows, pad_id=self._pad, device=self._device)

    def _computing(self) -> AbstractContextManager[Any]:
        torch = require("torch")
        if self._numbers == torch.float32:
            return nullcontext()
        held: AbstractContextManager[Any] = torch.autocast(self._device.type, self._numbers)
        return held

    def _checkpoint(self, step: int) -> None:
        course = self._course
        folder = course.checkpoint(step)
        write_state(folder, self._model, self._updater, course.mark(step), save=self.save)
        prune(course.recipe.output_dir, course.recipe.keep_checkpoints)
        course.log.say(f"step {step}: {folder}")


def _in_lengths(rows: Sequence[TokenRow], size: int) -> Iterator[list[TokenRow]]:
    ordered = sorted(rows, key=len, reverse=True)
    return (ordered[begin : begin + size] for begin in range(0, len(ordered), size))
