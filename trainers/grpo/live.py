"""Rounds that the model plays while it is trained: all rollouts of a round at once, and nothing beside an update."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from contextlib import aclosing
from hashlib import blake2b
from pathlib import Path
from random import Random
from statistics import fmean
from time import perf_counter

from pydantic import BaseModel

from agentgym.episode import Episode
from agentgym.errors import UsageError
from agentgym.portal import run_sync
from agentgym.runs import read_episodes
from agentgym.seeds import derive_seed
from trainers.advantages import lessons
from trainers.dataset.groups import Group, groups_of
from trainers.dataset.reading import Reader
from trainers.dataset.rows import TokenRow
from trainers.dataset.wanted import Wanted
from trainers.grpo.bounds import age_of
from trainers.grpo.playing import Stage, is_whole, play
from trainers.grpo.rounds import Round, check_weights, figures_of, weighted
from trainers.grpo.sampling import EngineSampler, Sampler, ServerSampler
from trainers.grpo.versions import version_after
from trainers.models.loading import Trainee
from trainers.recipe import LiveSettings, Recipe

_LOG = logging.getLogger(__name__)


class Live:
    """Rounds of fresh rollouts; each is kept under `folder`, and read from there again where it was played before."""

    def __init__(self, recipe: Recipe, trainee: Trainee, *, folder: Path, version: str) -> None:
        """`version` names the weights as they are now, before the first update."""
        if recipe.live is None:
            raise UsageError("the recipe has no table [live], which says what is played")
        self._recipe = recipe
        self._live: LiveSettings = recipe.live
        self._folder = folder
        self._stage = Stage(self._live)
        self._tasks = self._stage.tasks()
        self._start = version
        self._version = version
        self._sampler: Sampler
        if self._live.base_url is None:
            self._sampler = EngineSampler(trainee, self._live, version=version, rows=self.most_rows)
        else:
            self._sampler = ServerSampler(
                trainee, self._live, version=version, folder=folder.parent, saves=not recipe.use_vllm
            )

    @property
    def count(self) -> int:
        """Of an epoch, in which each task has its turn."""
        return math.ceil(len(self._tasks) / self._recipe.grpo.groups_per_step)

    @property
    def most_rows(self) -> int:
        """Of rollouts that give one row each."""
        return self._recipe.grpo.groups_per_step * self._live.group_size

    @property
    def temperature(self) -> float:
        """Of all rollouts."""
        return self._live.temperature

    @property
    def digest(self) -> str:
        """Equal for equal tasks."""
        told = "\n".join(task.model_dump_json() for task in self._tasks)
        return blake2b(told.encode(), digest_size=8).hexdigest()

    @property
    def longest(self) -> int:
        """Of all replies of a rollout, or of one where their number is not bounded."""
        return self._recipe.data.max_length or self._live.max_tokens * (self._live.max_turns or 1)

    def round(self, number: int, *, updates: int) -> Round:
        """Play a round with the weights as they are now."""
        began = perf_counter()
        version = version_after(self._start, updates)
        folder = self._folder / f"step-{updates}"
        if not is_whole(folder):
            self._renew(version)
            tasks = _turn_of(self._tasks, number, self._recipe)
            self._play(folder, tasks, group_size=self._live.group_size, seed=("grpo", str(number)))
        groups = self._groups(folder)
        played = perf_counter() - began
        found = lessons(groups, scale=self._recipe.grpo.advantages)
        known = tuple(lesson for lesson in found.rows if self._fits(lesson.row))
        ages = [age for age in (age_of(lesson.row, version) for lesson in known) if age is not None]
        figures = figures_of(groups, found) | _figures_of(folder) | {"rollout_s": played}
        figures |= {"staleness": fmean(ages)} if ages else {}
        teaching = sum(values is not None for values in found.advantages.groups)
        return Round(lessons=known, groups=teaching, figures=figures)

    def sampled(self, name: str, count: int) -> list[Group]:
        """Some groups, as a round would play them, to look at."""
        tasks = _turn_of(self._tasks, 0, self._recipe, size=count)
        self._play(self._folder / name, tasks, group_size=self._live.group_size, seed=(name,))
        return self._groups(self._folder / name)

    def greedy(self, name: str, count: int) -> float | None:
        """The mean reward of the likeliest replies to the same tasks; None where none could be judged."""
        tasks = _turn_of(self._tasks, 0, self._recipe, size=min(count, len(self._tasks)))
        self._play(self._folder / name, tasks, group_size=1, seed=(name,), temperature=0.0)
        rewards = [reward for group in self._groups(self._folder / name) for reward in group.rewards]
        return fmean(rewards) if rewards else None

    def close(self) -> None:
        """Let the sampler go."""
        run_sync(self._sampler.aclose)

    def _renew(self, version: str) -> None:
        if version != self._version:
            run_sync(self._sampler.renew, version)
            self._version = version

    def _play(
        self,
        folder: Path,
        tasks: Sequence[BaseModel],
        *,
        group_size: int,
        seed: tuple[str, ...],
        temperature: float | None = None,
    ) -> None:
        own = derive_seed(self._recipe.seed, *seed)
        jobs = self._stage.jobs(tasks, group_size=group_size, seed=own)

        async def played() -> list[Episode]:
            policy = await self._sampler.policy(self._live.temperature if temperature is None else temperature)
            async with aclosing(policy):
                return await play(jobs, policy, folder, concurrency=self._live.concurrency)

        _check_evaluable(run_sync(played), folder)

    def _groups(self, folder: Path) -> list[Group]:
        """The rollouts as they lie on disk."""
        roles = frozenset(self._recipe.data.roles) or None
        reader = Reader(wanted=Wanted(roles=roles))
        groups = list(groups_of(reader.read(folder, by_task=True)))
        check_weights(groups, self._recipe.grpo.reward_weights)
        for line in reader.notices.lines():
            _LOG.warning(line)
        if groups and not any(each.rows for group in groups for each in group.trajectories):
            told = "no reply has token ids, without which nothing can be learnt"
            raise UsageError(f"{folder}: {told}{_mend(self._live)}")
        return [weighted(group, self._recipe.grpo.reward_weights) for group in groups]

    def _fits(self, row: TokenRow) -> bool:
        longest = self._recipe.data.max_length
        return row.logprobs is not None and (longest is None or len(row) <= longest)


def _turn_of(tasks: Sequence[BaseModel], number: int, recipe: Recipe, *, size: int | None = None) -> list[BaseModel]:
    """The tasks of a round: each has its turn before one comes again, in another order every time."""
    size = size or recipe.grpo.groups_per_step
    chosen: list[BaseModel] = []
    for place in range(number * size, (number + 1) * size):
        epoch, at = divmod(place, len(tasks))
        order = list(range(len(tasks)))
        Random(f"{recipe.seed} {epoch}").shuffle(order)
        chosen.append(tasks[order[at]])
    return chosen


def _figures_of(folder: Path) -> dict[str, float]:
    """What Reader does not tell: how the rollouts ended that teach nothing, and where their time went."""
    outcomes, slowest = list[str](), 0.0
    for episode in read_episodes(folder):
        outcomes.append(episode.outcome)
        slowest = max(slowest, episode.timings.environment_s)
    return {
        "not_evaluable": outcomes.count("not_evaluable"),
        "truncated": outcomes.count("truncated"),
        "tool_s": slowest,
    }


def _check_evaluable(episodes: Sequence[Episode], folder: Path) -> None:
    causes = [episode.cause for episode in episodes if episode.outcome == "not_evaluable"]
    if causes and len(causes) == len(episodes):
        cause = causes[0]
        told = "" if cause is None else f": {cause.boundary}: {cause.message}"
        raise UsageError(f"none of the {len(episodes)} rollouts in {folder} could be judged{told}")


def _mend(live: LiveSettings) -> str:
    return "" if live.base_url is None else f"; {live.base_url} must tell them (return_token_ids), as vLLM does"
