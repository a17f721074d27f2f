"""What both backends are given, and do alike: when to tell, to validate and to save, and which weights are the best."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from agentgym.runs import write_whole
from trainers.models.loading import Trainee
from trainers.progress.checkpoints import Checkpoint, Mark, checkpoint_folder, newest, recorded
from trainers.progress.log import TrainingLog
from trainers.progress.outcome import TrainingDiverged
from trainers.progress.outputs import BEST
from trainers.progress.stopping import Stop
from trainers.recipe import Recipe
from trainers.sft.plan import Plan
from trainers.sft.rows import Rows

Save = Callable[[Path], None]
"""Writes the model that is trained, with its tokenizer, to a folder."""
_BEST = "best.json"


@dataclass(slots=True, kw_only=True)
class Course:
    """One training."""

    recipe: Recipe
    trainee: Trainee
    rows: Rows
    plan: Plan
    log: TrainingLog
    stop: Stop
    digest: str
    """Of the rows."""
    begun: Checkpoint | None = None
    """What is gone on from."""
    done: int = field(default=0, init=False)
    """The step up to which all is done and told."""

    def __post_init__(self) -> None:
        self.done = self.first_step

    @property
    def first_step(self) -> int:
        """How many steps are behind."""
        return 0 if self.begun is None else self.begun.mark.step

    def tells(self, step: int) -> bool:
        """Whether a step's figures are written."""
        return self._every(self.recipe.log_steps, step)

    def validates(self, step: int) -> bool:
        """Whether there is a validation after a step."""
        return bool(self.rows.validation) and self._every(self.recipe.validate_steps, step)

    def saves(self, step: int) -> bool:
        """Whether there is a checkpoint after a step."""
        return self.stop.asked or self._every(self.recipe.save_steps, step)

    def _every(self, count: int | None, step: int) -> bool:
        return step == self.plan.total_steps or (count is not None and step % count == 0)

    def tell(self, step: int, *, loss: float, learning_rate: float, grad_norm: float | None) -> None:
        """Write the figures of the steps since the last ones; TrainingDiverged where they are no numbers."""
        self.check(step, loss, grad_norm)
        counted = self.plan.figures(after=self.done, until=step)
        self.done = step
        self.log.metrics(step, loss=loss, learning_rate=learning_rate, grad_norm=grad_norm, **counted)

    def check(self, step: int, loss: float, grad_norm: float | None = None) -> None:
        """TrainingDiverged where a figure is no number."""
        if math.isfinite(loss) and (grad_norm is None or math.isfinite(grad_norm)):
            return
        good = newest(self.recipe.output_dir)
        told = "there is no checkpoint before it" if good is None else f"the last good checkpoint is {good.folder}"
        name, value = ("loss", loss) if not math.isfinite(loss) else ("norm of the gradients", grad_norm)
        mend = "lower optimizer.learning_rate, or add optimizer.warmup_steps"
        raise TrainingDiverged(f"step {step}: the {name} is {value}, so training stops; {told}; {mend}")

    def validated(self, step: int, *, loss: float, token_accuracy: float, save: Save) -> None:
        """Write a validation down, and keep the weights if none were better."""
        self.log.validation(step, loss=loss, token_accuracy=token_accuracy)
        if self.recipe.validate_steps is None or not math.isfinite(loss):
            return
        held = self.best()
        if held is None or loss < held[1]:
            folder = self.recipe.output_dir / BEST
            save(folder)
            write_whole(folder / _BEST, orjson.dumps({"step": step, "loss": loss}))

    def best(self) -> tuple[int, float] | None:
        """The step and the loss of the weights that are kept as the best."""
        with suppress(OSError, ValueError, KeyError):
            held = orjson.loads((self.recipe.output_dir / BEST / _BEST).read_bytes())
            return held["step"], held["loss"]
        return None

    def take_best(self, folder: Path) -> None:
        """Copy the best weights to where a model is being written."""
        for path in (self.recipe.output_dir / BEST).iterdir():
            if path.name != _BEST:
                shutil.copy2(path, folder / path.name)

    def drop_best(self) -> None:
        """Let go of the weights that were kept, for they are the final ones now."""
        shutil.rmtree(self.recipe.output_dir / BEST, ignore_errors=True)

    def mark(self, step: int) -> Mark:
        """What a checkpoint of a step says."""
        recipe = recorded(self.recipe)
        return Mark(step=step, run=self.log.run, seconds=self.log.seconds, data=self.digest, recipe=recipe)

    def checkpoint(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return checkpoint_folder(self.recipe.output_dir, step)
