"""What both backends are given, and do alike: when to tell and to save, and what is told of an update."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from pydantic import JsonValue

from agentgym.messages import JsonObject
from trainers.grpo.gate import GateError
from trainers.grpo.rounds import Round, Rounds
from trainers.grpo.steps import Steps
from trainers.models.loading import Trainee
from trainers.progress.checkpoints import Checkpoint, Mark, checkpoint_folder, newest, recorded
from trainers.progress.log import TrainingLog
from trainers.progress.outcome import TrainingDiverged
from trainers.progress.stopping import Stop
from trainers.recipe import Recipe

Save = Callable[[Path], None]
"""Writes the model that is trained, with its tokenizer, to a folder."""


@dataclass(slots=True, kw_only=True)
class Course:
    """One training."""

    recipe: Recipe
    trainee: Trainee
    rounds: Rounds
    steps: Steps
    log: TrainingLog
    stop: Stop
    begun: Checkpoint | None = None
    """What is gone on from."""
    done: int = field(default=0, init=False)
    """The step up to which all is done."""
    chosen: Round = field(default_factory=lambda: Round(lessons=(), groups=0), init=False)
    """The round that is learnt from."""
    idle: int = field(default=0, init=False)
    """Updates of rounds in which there was nothing to learn."""
    _empty: int = field(default=0, init=False)
    _last: float = field(default_factory=perf_counter, init=False)

    def __post_init__(self) -> None:
        self.done = self.first_step

    @property
    def first_step(self) -> int:
        """How many updates are behind."""
        return 0 if self.begun is None else self.begun.mark.step

    def next_round(self, number: int, updates: int) -> Round:
        """What is learnt from now; GateError where nothing was near enough for an epoch, or ever."""
        self.chosen = self.rounds.round(number, updates=updates)
        recorded_only = bool(self.recipe.data.sources)
        self._empty = self._empty + 1 if recorded_only and not self.chosen.lessons else 0
        if self._empty >= min(self.rounds.count, self.steps.rounds):
            raise GateError(
                "no row that had its turn was near enough to the present weights to learn from: record fresh rollouts "
                "with them, or raise grpo.max_drift and grpo.max_staleness"
            )
        self._last = perf_counter()
        return self.chosen

    def tells(self, step: int) -> bool:
        """Whether an update's figures are written."""
        return step == self.steps.total or step % self.recipe.log_steps == 0

    def saves(self, step: int) -> bool:
        """Whether there is a checkpoint after an update; only where a round ends is there one."""
        if step == self.steps.total:
            return True
        if step % self.steps.a_round:
            return False
        every, before = self.recipe.save_steps, step - self.steps.a_round
        return self.stop.asked or (every is not None and step // every > before // every)

    def stops(self, step: int) -> bool:
        """Whether to end now because somebody asked."""
        return self.stop.asked and step % self.steps.a_round == 0

    def told(self, step: int, figures: Mapping[str, float | None]) -> None:
        """Take an update's figures down; TrainingDiverged where they are no numbers."""
        self._check(step, figures)
        self.done = step
        self.idle += not self.chosen.lessons
        now = perf_counter()
        taken, self._last = now - self._last, now
        if self.tells(step):
            context = sum(len(lesson.row) for lesson in self.chosen.lessons) - self.chosen.tokens
            counts = {"context": context // self.steps.a_round, "update_s": taken}
            epoch = round(step / self.steps.a_round / self.rounds.count, 6)
            self.log.metrics(step, **{**figures, **self.chosen.figures, **counts, "epoch": epoch})

    def usage(self) -> JsonObject:
        """What was trained on, as far as its steps were told."""
        names = {"trained": "tokens", "context": "context", "rows": "rows"}
        rows = self.log.rows()
        return {"total": {name: sum(_number(row.get(key)) for row in rows) for name, key in names.items()}}

    def mark(self, step: int) -> Mark:
        """What a checkpoint of a step says."""
        held = recorded(self.recipe)
        return Mark(step=step, run=self.log.run, seconds=self.log.seconds, data=self.rounds.digest, recipe=held)

    def checkpoint(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return checkpoint_folder(self.recipe.output_dir, step)

    def _check(self, step: int, figures: Mapping[str, float | None]) -> None:
        for name in ("loss", "grad_norm"):
            value = figures.get(name)
            if value is not None and not math.isfinite(value):
                good = newest(self.recipe.output_dir)
                told = "there is no checkpoint before it" if good is None else f"the last good one is {good.folder}"
                mend = "lower optimizer.learning_rate, or set grpo.delta"
                raise TrainingDiverged(f"step {step}: the {name} is {value}, so training stops; {told}; {mend}")


def _number(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0
