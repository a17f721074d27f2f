"""How good a model is: figures of the episodes that it played."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import BaseModel

from agentgym.env import Env
from agentgym.episode import Episode
from agentgym.messages import JsonObject
from agentgym.suite import Suite, load_suite
from agentgym.taskfile import read_tasks
from trainers.models.actions import agreement, gold_actions, made_actions, valid_calls

FIGURES = ("success", "reward", "json_valid", "action_accuracy", "exact_match", "f1", "f1_strict")
EXPECTED = {
    "json_valid": "about 95 % after SFT",
    "action_accuracy": "about 90 % after SFT",
    "exact_match": "70-85 % after GRPO",
    "f1": "75-90 % after GRPO",
}
"""What is usual where a model of some billions of parameters is trained with the retail recipes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Means over the episodes that say something of the agent; None where there is nothing to take a mean of."""

    episodes: int
    not_evaluable: int
    success: float | None
    reward: float | None
    json_valid: float | None
    """Of the turns that call tools, the share whose calls are all valid JSON."""
    action_accuracy: float | None
    exact_match: float | None
    f1: float | None
    f1_strict: float | None
    with_reference: int
    """The episodes whose tasks list the reference's calls, over which the last four are means."""

    def to_json(self) -> JsonObject:
        """By name."""
        return asdict(self)


def figures_of(episodes: Iterable[Episode]) -> Figures:
    """Of the episodes of a run."""
    values: dict[str, list[float]] = {name: [] for name in FIGURES}
    lost = 0
    for episode in episodes:
        if episode.outcome == "not_evaluable":
            lost += 1
            continue
        for name, value in _values(episode):
            values[name].append(value)
    means: dict[str, Any] = {name: fmean(found) if found else None for name, found in values.items()}
    with_reference = len(values["exact_match"])
    return Figures(episodes=len(values["success"]), not_evaluable=lost, with_reference=with_reference, **means)


def _values(episode: Episode) -> Iterator[tuple[str, float]]:
    yield "success", float(episode.solved)
    yield "reward", episode.reward
    for valid in valid_calls(episode):
        yield "json_valid", float(valid)
    gold = gold_actions(episode.task)
    if gold is not None:
        yield from asdict(agreement(gold, made_actions(episode))).items()


@dataclass(frozen=True, slots=True)
class TaskSuite(Suite):
    """A suite with the tasks of a file in place of its own."""

    file: Path | None = None

    def tasks(self) -> list[BaseModel]:
        """Those of the file."""
        env: Env[Any, Any, Any] = self.make()
        assert self.file is not None
        return read_tasks(self.file, env)


def suite_of(name: str, *, split: str | None, tasks: Path | None, settings: JsonObject) -> Suite:
    """A suite with other settings, another part of its tasks, or those of a file."""
    found = load_suite(name)
    suite = replace(found, settings={**found.settings, **settings}, split=split or found.split)
    if tasks is None:
        return suite
    return TaskSuite(**{field.name: getattr(suite, field.name) for field in fields(suite)}, file=tasks)
