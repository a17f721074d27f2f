"""The tasks of the benchmark of learning in retail, and its scores."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from random import Random
from typing import cast

import anyio
import pytest

from agentgym import make_policy
from agentgym.runner import run
from agentgym.runs import read_episodes
from agentgym.suite import load_suite
from benchmarks.learning import retail_phrasing as phrasing
from benchmarks.learning.retail import held
from benchmarks.learning.retail_scores import scores_of
from benchmarks.learning.retail_tasks import World, wanted, write_tasks

SPLITS: tuple[phrasing.Split, ...] = ("train", "dev", "test")
FRAMES = [value for name, value in vars(phrasing).items() if name.isupper() and isinstance(value, tuple)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shop")
    sizes = ["--users", "60", "--orders", "150", "--products", "5", "--train", "0", "--test", "0"]
    subprocess.run([sys.executable, "-m", "agentgym", "retail", "world", "-o", place, *sizes], check=True)
    return place


@pytest.fixture
def world(folder: Path) -> World:
    return World.read(folder)


def test_every_frame_is_in_one_split() -> None:
    for frames in FRAMES:
        assert len(set(frames)) == len(frames)
        assert sorted(frame for split in SPLITS for frame in phrasing.of_split(frames, split)) == sorted(frames)


def test_splits_have_no_customer_order_or_phrasing_in_common(world: World) -> None:
    asked = [list(wanted(world, split=split, seed=0, count=80)) for split in SPLITS]
    for one, other in combinations(asked, 2):
        assert {each.user_id for each in one}.isdisjoint(each.user_id for each in other)
        assert {each.order["order_id"] for each in one}.isdisjoint(each.order["order_id"] for each in other)


def test_the_same_seed_asks_for_the_same(world: World) -> None:
    first, again = (list(wanted(world, split="test", seed=4, count=20)) for _ in range(2))
    assert first == again
    assert first != list(wanted(world, split="test", seed=5, count=20))


def test_noise_leaves_slots_alone() -> None:
    slots = {"first": "Ada", "last": "Blom", "zip": "01234"}
    texts = {phrasing.said(phrasing.BY_NAME, slots, Random(seed), noise=0.9) for seed in range(50)}
    assert all("Ada" in text and "Blom" in text and "01234" in text for text in texts)


def test_references_solve_their_tasks(world: World, folder: Path, tmp_path: Path) -> None:
    asked = list(wanted(world, split="train", seed=0, count=40))
    write_tasks(folder / "tasks_right.jsonl", [each.task(at) for at, each in enumerate(asked)])
    assert _mean_reward(folder, "right", tmp_path) == 1
    played = list(read_episodes(tmp_path / "right"))
    scores = scores_of(played)
    assert {scores[name] for name in ("json_valid", "action_accuracy", "f1", "exact_match", "decisions")} == {1.0}
    assert {len(episode.turns) for episode in played} == {3, 4}
    assert 10 < sum(each.is_allowed for each in asked) < 30


def test_what_is_done_in_the_wrong_order_is_a_wrong_decision(world: World, folder: Path, tmp_path: Path) -> None:
    asked = [each for each in wanted(world, split="train", seed=1, count=40) if each.is_allowed]
    tasks = [each.task(at, looks="last") for at, each in enumerate(asked)]
    write_tasks(folder / "tasks_last.jsonl", tasks)
    _mean_reward(folder, "last", tmp_path)
    right = {task["id"]: task for task in (each.task(at) for at, each in enumerate(asked))}
    episodes = []
    for episode in read_episodes(tmp_path / "last"):
        episode.task["actions"] = right[episode.task_id]["actions"]
        episodes.append(episode)
    scores = scores_of(episodes)
    assert scores["decisions"] == scores["exact_match"] == 0
    assert scores["f1"] == 1


def test_bars_are_of_means_over_seeds() -> None:
    def found(exact: float, gain: float) -> dict[str, object]:
        return {
            "held_out": {"json_valid": 1.0, "action_accuracy": 0.95, "f1": 0.9, "exact_match": exact},
            "cpu_s": 300.0,
            "parameters": 700_000,
            "decisions": {"gain": {"greedy": gain, "sampled": gain}},
        }

    assert all(held([found(0.6, 0.3), found(0.9, 0.0)]).values())
    failed = [bar for bar, was in held([found(0.6, 0.1), found(0.7, 0.0)]).items() if not was]
    assert len(failed) == 3
    assert "held_out.exact_match >= 0.7" in failed


def _mean_reward(folder: Path, split: str, out: Path) -> float:
    suite = load_suite("retail")
    settings = {**suite.settings, "data": str(folder), "user": "scripted"}
    result = anyio.run(lambda: run(replace(suite, settings=settings, split=split), make_policy("oracle"), out / split))
    return cast(float, result.summary["mean_reward"])
