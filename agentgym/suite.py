"""Suites: named benchmarks, found through entry points, and how one is played."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from time import perf_counter

import anyio
from anyio.lowlevel import checkpoint
from pydantic import BaseModel

from agentgym.entrypoints import entry_points
from agentgym.episode import Episode, Outcome
from agentgym.errors import AgentGymError, EnvironmentFault, UnknownNameError, UsageError, boundary, did_you_mean
from agentgym.limits import Limits
from agentgym.play import rollout
from agentgym.policy import Policy
from agentgym.registry import load_target, make
from agentgym.seeds import derive_seed
from agentgym.steps import task_id

GROUP = "agentgym.suites"
_Z95 = 1.959963984540054
"""The normal quantile of a 95% interval."""


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

    def tasks(self) -> Sequence[BaseModel]:
        """The tasks of the split."""
        with boundary(EnvironmentFault, f"{self.environment} cannot list its tasks"):
            tasks: Sequence[BaseModel] = make(self.environment).tasks(self.split)
        if not tasks:
            of_split = "" if self.split is None else f" in its split {self.split!r}"
            raise UsageError(f"the environment {self.environment} lists no tasks{of_split}")
        return tasks


@dataclass(slots=True)
class Tally:
    """What is kept of the episodes of one suite and policy; it does not depend on their order."""

    planned: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    """What made episodes not evaluable: `boundary ErrorClass`."""
    turns: int = 0
    """Of evaluable episodes."""
    rewards: Fraction = Fraction(0)
    """The exact sum over evaluable episodes; adding floats would depend on their order."""
    elapsed_s: float = 0.0

    def add(self, episode: Episode) -> None:
        """Count an episode that ended."""
        self.outcomes[episode.outcome] += 1
        if episode.outcome != "not_evaluable":
            self.turns += len(episode.turns)
            self.rewards += Fraction(episode.reward)
        elif episode.cause is not None:
            self.causes[f"{episode.cause.boundary} {episode.cause.error}"] += 1

    @property
    def episodes(self) -> int:
        """How many have ended."""
        return self.outcomes.total()

    @property
    def evaluable(self) -> int:
        """How many say something about the agent."""
        return self.episodes - self.outcomes["not_evaluable"]

    @property
    def solved_rate(self) -> float | None:
        """The share of evaluable episodes that were solved."""
        return self._per_evaluable(self.outcomes["solved"])

    @property
    def solved_interval(self) -> tuple[float, float] | None:
        """The 95% interval of the solved rate."""
        return wilson_interval(self.outcomes["solved"], self.evaluable) if self.evaluable else None

    @property
    def mean_reward(self) -> float | None:
        """Over evaluable episodes."""
        return self._per_evaluable(self.rewards)

    @property
    def turns_per_episode(self) -> float | None:
        """Over evaluable episodes."""
        return self._per_evaluable(self.turns)

    def _per_evaluable(self, total: int | Fraction) -> float | None:
        return float(Fraction(total) / self.evaluable) if self.evaluable else None


def suite_ids() -> list[str]:
    """The names of all installed suites."""
    return list(entry_points(GROUP))


def load_suite(name: str) -> Suite:
    """The suite an entry point names."""
    targets = entry_points(GROUP)
    if name not in targets:
        raise UnknownNameError(f"no suite {name!r}; {did_you_mean(name, targets)}")
    suite = load_target(targets[name], name)
    if not isinstance(suite, Suite):
        raise UsageError(f"{name} ({targets[name]}) is not a Suite")
    return suite


async def play_suite(
    suite: Suite,
    policy: Policy,
    *,
    seed: int = 0,
    limit: int | None = None,
    trials: int | None = None,
    concurrency: int = 64,
    on_episode: Callable[[Episode, Tally], None] = lambda episode, tally: None,
) -> Tally:
    """Play the first `limit` tasks, each `trials` times; equal seeds give equal tallies, up to times."""
    tasks = suite.tasks()[:limit]
    rounds = suite.trials if trials is None else trials
    waiting = ((task, trial) for task in tasks for trial in range(rounds))
    tally = Tally(planned=len(tasks) * rounds)
    refused: list[AgentGymError] = []
    started = perf_counter()

    async def work() -> None:
        try:
            for task, trial in waiting:
                episode = await _play_task(suite, policy, task, trial, seed)
                tally.add(episode)
                tally.elapsed_s = perf_counter() - started
                on_episode(episode, tally)
        except AgentGymError as error:
            refused.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for _ in range(min(concurrency, tally.planned)):
            group.start_soon(work)
    if refused:
        raise refused[0]
    return tally


async def _play_task(suite: Suite, policy: Policy, task: BaseModel, trial: int, seed: int) -> Episode:
    await checkpoint()  # an episode that never waits must not keep Ctrl-C out
    with boundary(EnvironmentFault, f"{suite.environment} cannot be made"):
        env = make(suite.environment)
    episode_seed = derive_seed(seed, suite.id, task_id(task), str(trial))
    return await rollout(env, policy, task, seed=episode_seed, limits=suite.limits, trial=trial)


def wilson_interval(successes: int, total: int) -> tuple[float, float]:
    """The 95% interval of a rate after Wilson (1927); it holds for few trials and near 0 and 1 too."""
    rate, spread = successes / total, _Z95**2 / total
    centre = rate + spread / 2
    reach = _Z95 * math.sqrt((rate * (1 - rate) + spread / 4) / total)
    return max(0.0, (centre - reach) / (1 + spread)), min(1.0, (centre + reach) / (1 + spread))
