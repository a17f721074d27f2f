"""Live rollouts through a server, which is given every update of the weights; and what trains beside the base."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import UsageError
from agentgym.runs import read_episodes
from tests.trainers.grpo.training import BANDIT, beginner, recipe, told
from trainers.engine.checkpoint import load_checkpoint
from trainers.engine.engine import Engine
from trainers.grpo.driver import train_grpo
from trainers.grpo.versions import version_of
from trainers.recipe import Backend, LoraSettings, Recipe
from trainers.serving.app import App
from trainers.serving.server import address_of, listen
from trainers.serving.service import Service

torch: Any = pytest.importorskip("torch")
uvicorn: Any = pytest.importorskip("uvicorn")
pytest.importorskip("starlette")
pytestmark = pytest.mark.slow


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Our server in a thread of this process."""
    engine, listening = Engine.load(folder), listen("127.0.0.1", 0)
    app = App(Service(engine, "tiny"), folder=str(folder))
    server = uvicorn.Server(uvicorn.Config(app.asgi, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"{address_of(listening)}/v1"
    finally:
        server.should_exit = True
        thread.join(10)
        engine.close()


def test_a_server_plays_with_the_newest_weights(tmp_path: Path) -> None:
    source = beginner(tmp_path)
    with served(source) as url:
        live = {"environment": BANDIT, "group_size": 16, "max_tokens": 1, "base_url": url}
        chosen = recipe(tmp_path, source, live, max_steps=12)
        train_grpo(chosen, force=True)
    rows = told(chosen)
    assert sum(row["reward_mean"] for row in rows[-3:]) > 1.5 * sum(row["reward_mean"] for row in rows[:3])
    assert all(row["kl"] == pytest.approx(0.0, abs=1e-6) for row in rows)
    assert _versions(chosen, step=0) == {version_of(source)}
    assert _versions(chosen, step=11) == {f"{version_of(source)}+11"}
    assert not (chosen.output_dir / "sampled").exists(), "what was shared for a while is taken away"


def _versions(chosen: Recipe, *, step: int) -> set[str | None]:
    episodes = read_episodes(chosen.output_dir / "runs" / f"step-{step}")
    spans = (entry.turn.span for episode in episodes for entry in episode.turns)
    return {span.model_version for span in spans if span is not None}


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    source = beginner(tmp_path)
    live = {"environment": BANDIT, "base_url": "http://127.0.0.1:9/v1", "group_size": 2}
    with pytest.raises(
        UsageError, match=r"cannot be given the new weights: .*; start the server, or correct live.base_url"
    ):
        train_grpo(recipe(tmp_path, source, live, max_steps=1))


@pytest.mark.parametrize("backend", ["torch", "trl"])
def test_an_adapter_trains_and_is_merged(tmp_path: Path, backend: Backend) -> None:
    pytest.importorskip("peft")
    source = beginner(tmp_path)
    live = {"environment": BANDIT, "group_size": 8, "max_tokens": 1}
    lora = LoraSettings(rank=4, target_modules="all-linear")
    chosen = recipe(tmp_path, source, live, backend=backend, max_steps=3, lora=lora)
    train_grpo(chosen, force=True)
    merged = chosen.output_dir / "merged_model"
    assert (chosen.output_dir / "final_model" / "adapter_config.json").exists()
    assert all(row["grad_norm"] > 0 for row in told(chosen))
    assert version_of(merged) == f"{version_of(source)}+3"
    before, after = (load_checkpoint(folder).model.state_dict() for folder in (source, merged))
    moved = {name for name, weights in before.items() if not weights.equal(after[name])}
    assert any("q_proj" in name for name in moved)
    assert not any("embed" in name for name in moved)
