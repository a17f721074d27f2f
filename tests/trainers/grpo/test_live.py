"""Live rollouts: all at once, kept on disk, the same for the same recipe; and learning really happens by them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import UsageError
from agentgym.runs import read_episodes
from tests.trainers.engine.tiny import player
from tests.trainers.grpo.training import BANDIT, SLOW, beginner, recipe, told
from trainers.grpo.driver import train_grpo
from trainers.grpo.gate import GateError
from trainers.grpo.live import Live
from trainers.models.loading import load_trainee
from trainers.recipe import Backend, GateSettings, GrpoSettings, Recipe

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = pytest.mark.slow

FIGURES = {"loss", "kl", "clipped", "entropy", "dropped_groups", "solved", "rollout_s", "update_s", "staleness"}


@contextmanager
def playing(chosen: Recipe) -> Iterator[Live]:
    live = Live(chosen, load_trainee(chosen), folder=chosen.output_dir / "runs", version="start")
    try:
        yield live
    finally:
        live.close()


@pytest.mark.parametrize("backend", ["torch", "trl"])
def test_the_reward_rises(tmp_path: Path, backend: Backend) -> None:
    live = {"environment": BANDIT, "group_size": 16, "max_tokens": 1}
    chosen = recipe(tmp_path, beginner(tmp_path), live, backend=backend, max_steps=18)
    trained = train_grpo(chosen, force=True)
    rewards = [row["reward_mean"] for row in told(chosen)]
    assert sum(rewards[:3]) / 3 < 0.35
    assert sum(rewards[-3:]) / 3 > 0.7
    assert (trained.steps, trained.exit_code) == (18, 0)
    assert {
        "loss",
        "kl",
        "clipped",
        "entropy",
        "dropped_groups",
        "solved",
        "rollout_s",
        "update_s",
        "staleness",
    } <= set(told(chosen)[0])
    played = list(read_episodes(chosen.output_dir / "runs" / "step-17"))
    span = played[0].turns[0].turn.span
    assert len(played) == 64
    assert span is not None
    assert str(span.model_version).endswith("+17")
    assert (chosen.output_dir / "final_model" / "config.json").exists()


def test_a_slow_tool_delays_its_own_episode_only(tmp_path: Path) -> None:
    live = {"environment": SLOW, "group_size": 8, "max_tokens": 40, "temperature": 0.5}
    chosen = recipe(tmp_path, player(), live, grpo=GrpoSettings(groups_per_step=8))
    with playing(chosen) as rounds:
        figures = rounds.round(0, updates=0).figures
    episodes = list(read_episodes(chosen.output_dir / "runs" / "step-0"))
    slept = [
        episode.timings.environment_s for episode in episodes if any(turn.turn.tool_calls for turn in episode.turns)
    ]
    assert len(episodes) == 64
    assert len(slept) > 40
    assert sum(slept) > 40
    assert max(slept) == pytest.approx(figures["tool_s"])
    assert figures["tool_s"] < sum(slept) / 8
    assert figures["rollout_s"] < sum(slept) / 2


def test_a_tool_that_takes_too_long_is_data(tmp_path: Path) -> None:
    live = {
        "environment": SLOW,
        "group_size": 4,
        "max_tokens": 40,
        "tool_timeout_s": 0.05,
        "settings": {"seconds": 60.0},
    }
    chosen = recipe(tmp_path, player(), live, grpo=GrpoSettings(groups_per_step=2))
    with playing(chosen) as rounds:
        rounds.round(0, updates=0)
    episodes = list(read_episodes(chosen.output_dir / "runs" / "step-0"))
    assert {episode.outcome for episode in episodes} <= {"truncated", "failed"}
    assert any(step.tool_error == "timeout" for episode in episodes for step in episode.steps())


def test_an_episode_that_takes_too_long_is_data(tmp_path: Path) -> None:
    live = {
        "environment": SLOW,
        "group_size": 4,
        "max_tokens": 40,
        "settings": {"seconds": 60.0},
        "episode_timeout_s": 0.5,
    }
    chosen = recipe(tmp_path, player(), live, grpo=GrpoSettings(groups_per_step=2))
    with playing(chosen) as rounds:
        figures = rounds.round(0, updates=0).figures
    assert figures["truncated"] > 0
    assert figures["not_evaluable"] == 0


def test_the_same_recipe_plays_the_same(tmp_path: Path) -> None:
    said = []
    for name in ("one", "other"):
        live = {"environment": BANDIT, "group_size": 4, "max_tokens": 5}
        chosen = recipe(tmp_path / name, beginner(tmp_path / name), live)
        with playing(chosen) as rounds:
            rounds.round(0, updates=0)
        said.append([episode.messages() for episode in read_episodes(chosen.output_dir / "runs" / "step-0")])
    assert said[0] == said[1]


def test_rollouts_of_another_training_are_never_learnt_from(tmp_path: Path) -> None:
    live = {"environment": BANDIT, "group_size": 4, "max_tokens": 1}
    chosen = recipe(tmp_path, beginner(tmp_path), live, max_steps=1)
    (chosen.output_dir / "runs" / "step-0").mkdir(parents=True)
    with pytest.raises(UsageError, match="holds rollouts of an earlier training"):
        train_grpo(chosen)


def test_a_start_that_was_refused_is_not_in_the_way_of_the_next(tmp_path: Path) -> None:
    live = {"environment": BANDIT, "group_size": 2, "max_tokens": 1}
    chosen = recipe(tmp_path, beginner(tmp_path), live, max_steps=1, gate=GateSettings(max_entropy=0.0))
    for _ in range(2):
        with pytest.raises(GateError, match="near pure chance"):
            train_grpo(chosen)
