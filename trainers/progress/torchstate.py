"""Checkpoints of our own loops: the model, and beside it all that going on needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentgym.extras import require
from trainers.learning.updater import Updater
from trainers.models.folders import written
from trainers.progress.checkpoints import Mark, write_mark

STATE = "training.pt"


def write_state(folder: Path, model: Any, updater: Updater, mark: Mark, *, save: Callable[[Path], None]) -> None:
    """Write a checkpoint, which is there whole or not at all; `save` writes the model."""
    torch = require("torch")
    weights = {name: value for name, value in model.named_parameters() if value.requires_grad}
    random = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        random["cuda"] = torch.cuda.get_rng_state()
    with written(folder) as place:
        save(place)
        torch.save({"weights": weights, "updater": updater.state(), "random": random}, place / STATE)
        write_mark(place, mark)


def read_state(folder: Path, model: Any, updater: Updater) -> None:
    """Put weights, updates and chance back to where they were."""
    torch = require("torch")
    state = torch.load(folder / STATE, map_location="cpu", weights_only=True)
    held = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in state["weights"].items():
            held[name].copy_(value)
    updater.load_state(state["updater"])
    torch.set_rng_state(state["random"]["torch"])
    if "cuda" in state["random"] and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["random"]["cuda"])
