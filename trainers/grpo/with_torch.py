"""GRPO by our own loop: for tiny models, on one device."""

from __future__ import annotations

from pathlib import Path

from agentgym.errors import UsageError
from agentgym.extras import require
from trainers.grpo.course import Course, Save
from trainers.grpo.learner import Learner
from trainers.models.loading import computing
from trainers.models.saving import save_trainee
from trainers.progress.checkpoints import prune
from trainers.progress.ranks import process_count
from trainers.progress.torchstate import read_state, write_state


def train(course: Course) -> Save:
    """Train to the end, or until somebody asks for one; what comes back writes the model."""
    if process_count() > 1:
        raise UsageError("the torch backend trains in one process; write --backend trl")
    if computing(course.recipe) == "float16":
        raise UsageError("float16 needs its losses scaled, as the trl backend does; write --backend trl")
    loop = _Loop(course)
    loop.run()
    return loop.save


class _Loop:
    def __init__(self, course: Course) -> None:
        self._course = course
        self._model = course.trainee.model
        require("torch").manual_seed(course.recipe.seed)
        self._learner = Learner(course.trainee, course.recipe, course.steps, longest=course.rounds.longest)
        if course.begun is not None:
            read_state(course.begun.folder, self._model, self._learner.updater)

    def run(self) -> None:
        course, step = self._course, self._course.first_step
        stops = course.stop.asked
        while step < course.steps.total and not stops:
            number = step // course.steps.a_round
            chosen = course.next_round(number, step)
            for figures in self._learner.learn(chosen, number):
                step += 1
                course.told(step, figures)
                stops = course.stops(step)  # asked once, for a signal may come between two looks
                if stops or course.saves(step):
                    self._checkpoint(step)

    def save(self, folder: Path) -> None:
        save_trainee(self._course.trainee, folder)

    def _checkpoint(self, step: int) -> None:
        course = self._course
        folder = course.checkpoint(step)
        write_state(folder, self._model, self._learner.updater, course.mark(step), save=self.save)
        prune(course.recipe.output_dir, course.recipe.keep_checkpoints)
        course.log.say(f"step {step}: {folder}")
