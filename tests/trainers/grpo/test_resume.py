"""A training that was killed goes on from its checkpoint, and comes to the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import UsageError
from tests.trainers.grpo.training import BANDIT, beginner, recipe, told
from trainers.grpo.driver import train_grpo
from trainers.recipe import Backend, GrpoSettings, Recipe

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = pytest.mark.slow

IN_THE_THIRD_ROUND = 8 * 8 + 4 + 2 * 2 * 8 + 5
"""The gate plays eight groups, and four greedy ones; then come two rounds."""
CHILD = """
import sys
from trainers.grpo.driver import train_grpo
from trainers.recipe import Recipe
train_grpo(Recipe.model_validate_json(sys.argv[1]), force=True)
"""


def planned(folder: Path, source: Path, backend: Backend, *, dies_at: int = 0) -> Recipe:
    settings = {"dies_at": dies_at, "grave": str(folder / "grave")}
    live = {"environment": BANDIT, "group_size": 8, "max_tokens": 2, "settings": settings}
    grpo = GrpoSettings(groups_per_step=2, iterations=2, rows_per_update=8)
    folder.mkdir(exist_ok=True)
    return recipe(folder, source, live, backend=backend, max_steps=16, save_steps=4, grpo=grpo, batch_size=4)


@pytest.mark.parametrize("backend", ["torch", "trl"])
def test_killed_and_gone_on_with(tmp_path: Path, backend: Backend) -> None:
    source = beginner(tmp_path)
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    train_grpo(planned(unbroken, source, backend), force=True)
    asked = planned(broken, source, backend, dies_at=IN_THE_THIRD_ROUND)
    dead = subprocess.run(
        [sys.executable, "-c", CHILD, asked.model_dump_json()],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr.decode()
    assert len(told(asked)) == 8
    train_grpo(asked, resume=True)
    compared = ("step", "loss", "grad_norm", "reward_mean", "learning_rate", "kl", "tokens")
    once, again = (
        [[row[name] for name in compared] for row in told(each)] for each in (planned(unbroken, source, backend), asked)
    )
    assert len(again) == 16
    assert any(abs(row[1]) > 1e-4 for row in once)
    for expected, found in zip(once, again, strict=True):
        # Single precision: the order in which a sum is taken may differ with where its numbers lie in memory.
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_another_recipe_does_not_go_on(tmp_path: Path) -> None:
    asked = planned(tmp_path / "run", beginner(tmp_path), "torch")
    train_grpo(asked, force=True)
    other = asked.model_copy(update={"seed": 1})
    with pytest.raises(UsageError, match="seed: 3407 then, 1 now"):
        train_grpo(other, resume=True)
