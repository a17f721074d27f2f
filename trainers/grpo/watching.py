"""The trainer of trl on a course of ours: its times, its log, its checkpoints; importing this needs trl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentgym.errors import UsageError
from agentgym.extras import require
from trainers.grpo.course import Course
from trainers.grpo.trainer import RecordedGRPOTrainer
from trainers.models.saving import save_trainee
from trainers.progress.checkpoints import prune, write_mark
from trainers.progress.ranks import is_first

_transformers: Any = require("transformers")
_FIGURES = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "entropy": "entropy",
    "clip_ratio/region_mean": "clipped",
    "kl_old": "kl",
    "kl": "reference_kl",
}
"""What trl calls its figures, and what we call them."""


class CourseTrainer(RecordedGRPOTrainer):
    """Goes the course's way."""

    def __init__(self, course: Course, args: Any) -> None:
        self.course = course
        _transformers.utils.logging.disable_progress_bar()
        super().__init__(
            model=course.trainee.model,
            rounds=course.next_round,
            args=args,
            processing_class=course.trainee.tokenizer,
            callbacks=[_Watch(course)],
        )
        if self.is_fsdp_enabled or self.is_deepspeed_enabled:
            raise UsageError(
                "GRPO samples and scores with whole weights in each process; launch it without FSDP and DeepSpeed"
            )
        self.remove_callback(_transformers.trainer_callback.PrinterCallback)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        super().log(logs, start_time)
        if "loss" not in logs:
            return
        figures = {ours: logs.get(theirs) for theirs, ours in _FIGURES.items() if theirs in logs}
        updates = self.course.steps.updates
        counts = {"tokens": self.course.chosen.tokens // updates, "rows": len(self.course.chosen.lessons) // updates}
        self.course.told(self.state.global_step, {**figures, **counts})

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if is_first():
            course, step = self.course, self.state.global_step
            folder = course.checkpoint(step)
            write_mark(folder, course.mark(step))
            prune(course.recipe.output_dir, course.recipe.keep_checkpoints)
            course.log.say(f"step {step}: {folder}")
        self.accelerator.wait_for_everyone()

    def create_model_card(self, *args: Any, **more: Any) -> None:
        """None: it would name the folder a model on the hub."""

    def save(self, folder: Path) -> None:
        """Write the model."""
        if is_first():
            save_trainee(self.course.trainee, folder)
        self.accelerator.wait_for_everyone()


class _Watch(_transformers.TrainerCallback):  # type: ignore[misc]  # of a package without types here
    """Has the trainer do what is due."""

    def __init__(self, course: Course) -> None:
        self._course = course

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        course, step = self._course, state.global_step
        _agree(course, next(more["model"].parameters()).device)
        control.should_log = True
        stops = course.stops(step)  # asked once, for a signal may come between two looks
        control.should_save = stops or course.saves(step)
        control.should_training_stop = stops or step >= course.steps.total


def _agree(course: Course, device: Any) -> None:
    """Where one process was asked to stop all are: they must leave the loop after the same step."""
    torch = require("torch")
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        asked = torch.tensor(int(course.stop.asked), device=device)
        torch.distributed.all_reduce(asked, op=torch.distributed.ReduceOp.MAX)
        if int(asked):
            course.stop.ask()
