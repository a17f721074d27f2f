"""Many episodes: `rollouts` gives them one by one, `run` keeps them in a run directory and sums them up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sized
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import anyio
from anyio import to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agentgym.background import Background
from agentgym.crew import Budget, Crew
from agentgym.episode import Episode
from agentgym.errors import BudgetSpent, EnvironmentFault, RunStopped, UsageError, boundary
from agentgym.jobs import Job
from agentgym.lines import Lines, Retries
from agentgym.messages import JsonObject
from agentgym.play import VERSIONS
from agentgym.policy import Policy
from agentgym.report import summarise
from agentgym.runs import PolicyInfo, RunInfo
from agentgym.seeds import checked_seed
from agentgym.store import RunStore
from agentgym.suite import Suite
from agentgym.summary import EpisodeFacts, Summary

Concurrency = int | Literal["auto"]
OnStart = Callable[[int | None, int], None]
"""Is told how many episodes were planned, and how many of them are there already."""
OnEpisode = Callable[[Episode], None]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run."""

    summary: JsonObject
    stopped: RunStopped | None = None
    """Why it ended before all was played."""
    folder: Path | None = None
    """Where everything is kept."""


async def run(
    plan: Suite | Iterable[Job],
    policy: Policy,
    store: str | Path | None = None,
    *,
    spec: str | None = None,
    seed: int = 0,
    limit: int | None = None,
    trials: int | None = None,
    concurrency: Concurrency = "auto",
    retries: Retries | None = None,
    budget: Budget | None = None,
    caps: Mapping[str, int] | None = None,
    preflight: bool = True,
    lines: Lines | None = None,
    on_start: OnStart = lambda planned, found: None,
    on_episode: OnEpisode = lambda episode: None,
) -> RunResult:
    """Play a suite, or jobs of your own; what a store holds already is kept, and not played again.

    An episode is known by its task's id and its trial, so no two jobs of a store may share both.
    `seed`, `limit` and `trials` say which episodes of a suite; `spec` is what the policy was made of, so that
    `agentgym resume` can make it again. `caps` bounds named resources, such as sandboxes (see `agentgym.caps`). Raises
    UsageError where nothing can come of it.
    """
    if not isinstance(policy, Policy):
        raise UsageError(f"{policy!r} is no policy; a spec becomes one by make_policy({policy!r})")
    for name, value in (("limit", limit), ("trials", trials)):
        if value is not None and (type(value) is not int or value < 1):
            raise UsageError(f"{name}={value!r}: give a whole number of at least 1, or None")
    jobs, info = _plan(plan, policy, spec=spec, seed=checked_seed(seed), limit=limit, trials=trials)
    if store is not None and not isinstance(plan, Suite) and isinstance(plan, Sized):
        _check_names(plan)
    lines = lines or make_lines(concurrency, retries)
    live = Summary(planned=info.planned, trials=info.trials, tag_fields=info.tag_fields)

    async def told(episode: Episode) -> None:
        if kept is None or kept.fresh:
            live.add(EpisodeFacts.of(episode))
        on_episode(episode)

    async with nullcontext() if store is None else RunStore(store, info) as kept:
        on_start(info.planned, 0 if kept is None else kept.resumed)
        crew = Crew(jobs, policy, on_episode=told, store=kept, lines=lines, budget=budget, caps=caps)
        if preflight and (kept is None or kept.resumed != info.planned):
            with suppress(RunStopped), lines.waiting():
                await policy.preflight()
        await crew.play()
        stopped = lines.stopped if isinstance(lines.stopped, RunStopped) else None
        if kept is None:
            summary = live.to_json()
        else:
            summary = await to_thread.run_sync(summarise, kept.folder, live if kept.fresh else None)
        if isinstance(stopped, BudgetSpent) and summary["evaluable"] == summary["planned"]:
            stopped = None  # by the last episode: nothing is left to be paid for
        return RunResult(summary, stopped, None if kept is None else kept.folder)


def _plan(
    plan: Suite | Iterable[Job], policy: Policy, *, spec: str | None, seed: int, limit: int | None, trials: int | None
) -> tuple[Iterable[Job], RunInfo]:
    """The episodes to play, and what a run directory says of them."""
    who = PolicyInfo(policy.name, spec, policy.settings, policy.base_url, dict(policy.prices))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if not isinstance(plan, Suite):
        return _plan_jobs(plan, who, now)
    tasks = plan.first_tasks(limit)
    rounds = trials or plan.trials
    info = RunInfo(
        suite=plan.id,
        split=plan.split,
        environment=plan.make().info,
        policy=who,
        seed=seed,
        trials=rounds,
        limit=limit,
        planned=len(tasks) * rounds,
        limits=plan.limits,
        tag_fields=plan.tags,
        metrics=plan.metrics,
        dry_run=plan.dry_run,
        pictures=plan.pictures,
        versions=VERSIONS,
        created_at=now,
    )
    return plan.jobs(tasks, seed=seed, trials=rounds), info


def _plan_jobs(jobs: Iterable[Job], who: PolicyInfo, now: str) -> tuple[Iterable[Job], RunInfo]:
    planned = len(jobs) if isinstance(jobs, Sized) else None
    waiting = iter(jobs)
    first = next(waiting, None)
    if first is None:
        raise UsageError("there is nothing to play: no job was given")
    with boundary(EnvironmentFault, "the environment cannot be made"):
        environment = first.make().info
    info = RunInfo(
        environment=environment,
        policy=who,
        trials=0,
        planned=planned,
        limits=first.limits,
        versions=VERSIONS,
        created_at=now,
    )
    return chain([first], waiting), info


def _check_names(jobs: Iterable[Job]) -> None:
    known = set[tuple[str, int]]()
    for job in jobs:
        name = (job.task_id, job.trial)
        if name in known:
            raise UsageError(f"two jobs are trial {job.trial} of the task {job.task_id!r}; number them: Job(trial=...)")
        known.add(name)


def make_lines(concurrency: Concurrency, retries: Retries | None = None) -> Lines:
    """The lines of a run whose concurrency is pinned to a number, or found out."""
    if concurrency != "auto" and (type(concurrency) is not int or concurrency < 1):
        raise UsageError(f'concurrency={concurrency!r}: give a number of at least 1, or "auto"')
    return Lines(pinned=None if concurrency == "auto" else concurrency, retries=retries)


def rollouts(
    jobs: Iterable[Job],
    policy: Policy,
    *,
    ordered: bool = False,
    concurrency: Concurrency = "auto",
    retries: Retries | None = None,
    budget: Budget | None = None,
    caps: Mapping[str, int] | None = None,
    lines: Lines | None = None,
) -> Rollouts:
    """Play jobs and give their episodes as they end, or in the order of the jobs.

    `async for episode in rollouts(...)`, or `async with rollouts(...) as episodes` for who may leave before the end and
    wants all to be over when the block is.
    """
    lines = lines or make_lines(concurrency, retries)
    return Rollouts(partial(Crew, jobs, policy, lines=lines, budget=budget, caps=caps, ordered=ordered), lines)


class Rollouts(AsyncIterator[Episode]):
    """Episodes on their way: no more are under way, or kept for the reader, than may run at a time."""

    def __init__(self, crew: Callable[..., Crew], lines: Lines) -> None:
        self.lines = lines
        self._crew = crew
        self._episodes: MemoryObjectReceiveStream[Episode] | None = None
        self._broken: Exception | None = None

    async def __aenter__(self) -> Self:
        if self._episodes is not None:
            raise UsageError("these rollouts were begun before; call rollouts(...) again")
        send, self._episodes = anyio.create_memory_object_stream[Episode](0)
        self._group = await anyio.create_task_group().__aenter__()
        self._group.start_soon(self._play, send)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._group.cancel_scope.cancel()
        if self._episodes is not None:
            self._episodes.close()
        try:
            return await self._group.__aexit__(kind, error, traceback)
        except BaseExceptionGroup as group:
            if group.exceptions == (error,):
                return False  # the reader's own error goes on as it was raised
            raise

    def __aiter__(self) -> AsyncIterator[Episode]:
        return _Alone(self._play_or_raise) if self._episodes is None else self

    async def __anext__(self) -> Episode:
        if self._episodes is None:
            raise UsageError("write `async for`, or `async with` around it")
        try:
            return await self._episodes.receive()
        except anyio.EndOfStream:
            raise (self._broken or StopAsyncIteration()) from None

    async def _play(self, send: MemoryObjectSendStream[Episode]) -> None:
        try:
            await self._play_or_raise(send)
        except Exception as error:
            self._broken = error

    async def _play_or_raise(self, send: MemoryObjectSendStream[Episode]) -> None:
        with send:
            await self._crew(on_episode=send.send).play()


class _Alone(AsyncIterator[Episode]):
    """Iteration without a block around it: the reader may leave, or raise, and never come back."""

    def __init__(self, play: Callable[[MemoryObjectSendStream[Episode]], Awaitable[None]]) -> None:
        send, self._episodes = anyio.create_memory_object_stream[Episode](0)
        self._work = Background(partial(play, send))

    async def __anext__(self) -> Episode:
        try:
            return await self._episodes.receive()
        except anyio.EndOfStream:
            await self._work.ended.wait()
            raise (self._work.error or StopAsyncIteration()) from None
        except BaseException:
            await self._work.stop()
            raise

    def __del__(self) -> None:
        self._work.abandon()
        self._episodes.close()
