"""Recipes of short trainings, and what they told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.trainers.engine.tiny import save
from tests.trainers.grpo.rows import model, tokenizer
from trainers.recipe import GrpoSettings, LiveSettings, OptimizerSettings, Recipe

HERE = Path(__file__).parent
BANDIT, SLOW = f"{HERE / 'bandit.py'}:Bandit", f"{HERE / 'bandit.py'}:Slow"


def recipe(folder: Path, source: Path, live: dict[str, Any], **more: Any) -> Recipe:
    told: dict[str, Any] = {
        "backend": "torch",
        "optimizer": OptimizerSettings(learning_rate=1e-2, schedule="constant"),
        "grpo": GrpoSettings(groups_per_step=4),
        "batch_size": 64,
    }
    return Recipe(
        stage="grpo",
        model=str(source),
        output_dir=folder / "out",
        log_dir=folder / "log",
        run_name="run",
        live=LiveSettings(**live),
        **(told | more),
    )


def beginner(folder: Path) -> Path:
    return save(folder / "model", model(), tokenizer())


def told(chosen: Recipe) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (chosen.log_dir / "run" / "metrics.jsonl").read_text().splitlines()]
