"""Rollouts of one round: all at once, each with a seed of its own, kept as a run on disk."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio.to_thread
from pydantic import BaseModel

from agentgym.env import Env
from agentgym.episode import EnvironmentInfo, Episode
from agentgym.errors import EnvironmentFault, UsageError, boundary
from agentgym.jobs import Job
from agentgym.limits import Limits
from agentgym.play import VERSIONS
from agentgym.policy import Policy
from agentgym.registry import SCHEMES, make
from agentgym.runner import rollouts
from agentgym.runs import EPISODES, INFO, PolicyInfo, RunInfo, write_whole, written_whole
from agentgym.seeds import derive_seed
from agentgym.steps import task_id
from agentgym.taskfile import read_tasks
from agentgym.toolenv import ToolEnv
from trainers.recipe import LiveSettings

_THREADS = 40
"""That anyio lends by itself."""


class Stage:
    """Makes the environments of rollouts, in which no tool holds an episode up for longer than it may."""

    def __init__(self, live: LiveSettings) -> None:
        self._live = live
        self._first = make(live.environment, **live.settings)
        wrapped = live.environment.partition(":")[0] in SCHEMES
        self._class = None if wrapped else type(self._first)  # what `make` looks up is looked up once
        self._tools: dict[str, Any] | None = None
        if isinstance(self._first, ToolEnv):
            self._tools = {name: _bounded(tool, live.tool_timeout_s) for name, tool in self._first.tools.items()}

    def __call__(self) -> Env[Any, Any, Any]:
        """One more."""
        if self._class is None:
            env = make(self._live.environment, **self._live.settings)
        else:
            env = self._class(**self._live.settings)
            env.config = self._first.config
        if self._tools is not None:
            vars(env)["tools"] = self._tools
        return env

    def tasks(self) -> list[BaseModel]:
        """What is played; UsageError where there is nothing."""
        live = self._live
        if live.tasks is not None:
            return read_tasks(live.tasks, self._first)
        with boundary(EnvironmentFault, f"{live.environment} cannot list its tasks"):
            tasks: list[BaseModel] = list(self().tasks(live.split))
        if not tasks:
            raise UsageError(f"the environment {live.environment} lists no tasks; name a file of some with live.tasks")
        return tasks

    def jobs(self, tasks: Sequence[BaseModel], *, group_size: int, seed: int) -> list[Job]:
        """As many trials of each task as a group has; a task that comes twice makes one larger group."""
        limits = Limits(turns=self._live.max_turns, seconds=self._live.episode_timeout_s)
        counts = dict[str, int]()
        jobs: list[Job] = []
        for task in tasks:
            name = task_id(task)
            for _ in range(group_size):
                trial = counts[name] = counts.get(name, -1) + 1
                own = derive_seed(seed, name, str(trial))
                jobs.append(Job(make=self, task=task, seed=own, trial=trial, limits=limits))
        return jobs


async def play(jobs: Sequence[Job], policy: Policy, folder: Path, *, concurrency: int) -> list[Episode]:
    """Play jobs side by side and keep them as a run, which is there whole or not at all."""
    threads = anyio.to_thread.current_default_thread_limiter()
    # A tool that blocks has a thread while it works: with fewer threads than episodes some would wait for others.
    threads.total_tokens = max(threads.total_tokens, min(concurrency, len(jobs)) + _THREADS)
    playing = rollouts(jobs, policy, ordered=True, concurrency=max(1, min(concurrency, len(jobs))))
    episodes = [episode async for episode in playing]
    await anyio.to_thread.run_sync(_write_run, folder, jobs, policy, episodes)
    return episodes


def is_whole(folder: Path) -> bool:
    """Whether a run was written to its end."""
    return (folder / INFO).exists()


def _write_run(folder: Path, jobs: Sequence[Job], policy: Policy, episodes: Sequence[Episode]) -> None:
    """The episodes before the description: what has one is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    info = RunInfo(
        environment=episodes[0].environment if episodes else EnvironmentInfo("", ""),
        policy=PolicyInfo(policy.name, None, policy.settings, policy.base_url),
        trials=0,
        planned=len(jobs),
        limits=jobs[0].limits,
        versions=VERSIONS,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    with written_whole(folder / EPISODES) as file:
        file.writelines(episode.to_json() + b"\n" for episode in episodes)
    write_whole(folder / INFO, info.to_json())


def _bounded(tool: Any, timeout_s: float) -> Any:
    """The tool with a timeout, where it is one that can be stopped; a shorter one of its own stays."""
    if not (tool.is_async or tool.blocking) or (tool.timeout_s is not None and tool.timeout_s <= timeout_s):
        return tool
    bounded = copy.copy(tool)
    bounded.timeout_s = timeout_s
    return bounded
