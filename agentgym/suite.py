"""Suites: named benchmarks, found through entry points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from agentgym.entrypoints import entry_points
from agentgym.env import Env
from agentgym.errors import EnvironmentFault, UnknownNameError, UsageError, boundary, did_you_mean
from agentgym.jobs import Job
from agentgym.limits import Limits
from agentgym.messages import JsonObject
from agentgym.registry import env_ids, load_env, load_file, load_target, make
from agentgym.seeds import derive_seed
from agentgym.steps import task_id

GROUP = "agentgym.suites"


@dataclass(frozen=True, slots=True)
class Suite:
    """A named benchmark: the tasks of an environment, who plays them without being asked, and within which limits."""

    id: str
    environment: str
    """Its id, as `agentgym.make` takes it."""
    description: str
    policies: tuple[str, ...] = ("idle", "random", "oracle")
    """Specs of the policies that play where none is named."""
    split: str | None = None
    trials: int = 1
    """How often each task is played."""
    limits: Limits = field(default_factory=Limits)
    settings: JsonObject = field(default_factory=dict)
    """Of the environment."""
    tags: tuple[str, ...] = ("tags",)
    """Fields of the tasks by which reports break the scores down."""
    metrics: tuple[str, ...] = ()
    """More figures of its own: functions of the records to a JSON object, as `module:function`."""
    dry_run: bool = False
    """Whether the reference plays, to try the tasks out: what comes of it says nothing about any agent."""
    pictures: tuple[str, ...] = ()
    """Pictures of its own that reports draw: functions of the summary to a PNG, as `module:function`."""

    def make(self) -> Env[Any, Any, Any]:
        """An instance of the environment."""
        return make(self.environment, **self.settings)

    def tasks(self) -> Sequence[BaseModel]:
        """The tasks of the split."""
        with boundary(EnvironmentFault, f"{self.environment} cannot list its tasks"):
            tasks: Sequence[BaseModel] = self.make().tasks(self.split)
        if not tasks:
            of_split = "" if self.split is None else f" in its split {self.split!r}; another one is named by --split"
            raise UsageError(f"the environment {self.environment} lists no tasks{of_split}")
        return tasks

    def first_tasks(self, limit: int | None) -> Sequence[BaseModel]:
        """So many of them, or all; records are known by their tasks' ids, so no two may share one."""
        first, known = self.tasks()[:limit], set[str]()
        for name in map(task_id, first):
            if name in known:
                raise UsageError(f"two tasks have the id {name!r}; see: agentgym check {self.environment}")
            known.add(name)
        return first

    def jobs(self, tasks: Sequence[BaseModel], *, seed: int, trials: int | None = None) -> Iterator[Job]:
        """Each task as often as is asked, with a seed of its own for every trial."""
        for task in tasks:
            for trial in range(trials or self.trials):
                own = derive_seed(seed, self.id, task_id(task), str(trial))
                yield Job(make=self.make, task=task, seed=own, trial=trial, limits=self.limits)


def suite_ids() -> list[str]:
    """The names of all installed suites."""
    return list(entry_points(GROUP))


def load_suite(name: str) -> Suite:
    """The suite an entry point names, or `path/to/file.py:NAME`; an environment, named alike, is one of its own."""
    targets = entry_points(GROUP)
    if name not in targets:
        path, _, attribute = name.rpartition(":")
        found = getattr(load_file(Path(path).resolve()), attribute, None) if Path(path).is_file() else None
        if isinstance(found, Suite):
            return replace(found, id=name)
        if ".py" in name or name in env_ids():
            load_env(name)
            return Suite(name, name, "")
        raise UnknownNameError(
            f"no suite {name!r}; {did_you_mean(name, targets)} (a file works too: path/to/file.py:NAME)"
        )
    suite = load_target(targets[name], name)
    if not isinstance(suite, Suite):
        raise UsageError(f"{name} ({targets[name]}) is not a Suite")
    return suite
