"""GRPO by our own loop: for tiny models, on one device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentgym.errors import UsageError
from agentgym.extras import require
from trainers.grpo.course import Course, Save
from trainers.grpo.learner import Learner
from trainers.models.folders import written
from trainers.models.loading import computing
from trainers.models.saving import save_trainee
from trainers.progress.checkpoints import prune, write_mark
from trainers.progress.ranks import process_count

STATE = "training.pt"


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
            self._load(course.begun.folder)

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
        torch, course = require("torch"), self._course
        folder = course.checkpoint(step)
        weights = {name: value for name, value in self._model.named_parameters() if value.requires_grad}
        state = {"weights": weights, "updater": self._learner.updater.state(), "random": _random_state(torch)}
        with written(folder) as place:
            self.save(place)
            torch.save(state, place / STATE)
            write_mark(place, course.mark(step))
        prune(course.recipe.output_dir, course.recipe.keep_checkpoints)
        course.log.say(f"step {step}: {folder}")

    def _load(self, folder: Path) -> None:
        torch = require("torch")
        state = torch.load(folder / STATE, map_location="cpu", weights_only=True)
        held = dict(self._model.named_parameters())
        with torch.no_grad():
            for name, value in state["weights"].items():
                held[name].copy_(value)
        self._learner.updater.load_state(state["updater"])
        torch.set_rng_state(state["random"]["torch"])
        if "cuda" in state["random"] and torch.cuda.is_available():
            torch.cuda.set_rng_state(state["random"]["cuda"])


def _random_state(torch: Any) -> dict[str, Any]:
    state = {"torch": torch.get_rng_state()}
    return state | ({"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {})
