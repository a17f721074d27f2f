"""The environment contract as callers see it: the final methods that play an episode and keep its books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Self, final

import anyio
from pydantic import BaseModel

from agentgym.authored import Authored
from agentgym.books import Books
from agentgym.episode import EnvironmentInfo, RewardTerm
from agentgym.errors import (
    DefinitionError,
    EpisodeStateError,
    Fault,
    UsageError,
)
from agentgym.limits import LimitName, running_clock
from agentgym.messages import JsonObject
from agentgym.seeds import derive_seed, fresh_seed
from agentgym.steps import ActT, ObsT, Reset, Step, TaskT, task_id


class Env(Authored[TaskT, ObsT, ActT]):
    """Plays one episode at a time: authors write `begin` and `apply`, callers use `reset` and `step`.

    Class keywords: `id` (else made from the class name), `version`, and `max_turns` (None for no bound).
    """

    @final
    async def reset(self, task: TaskT | None = None, *, seed: int | None = None) -> Reset[ObsT]:
        """Begin an episode; without a task one is drawn from `tasks()` by the seed."""
        seed = self._next_seed() if seed is None else seed
        self.task = self._draw(seed) if task is None else self._checked_task(task)
        self.rng = Random(seed)
        self._books = books = Books(seed, running_clock())
        try:
            observation = self._checked_observation(await self.begin(self.task), "begin")
        except BaseException:
            self._books = None
            raise
        return Reset(observation, {"seed": seed, "task_id": task_id(self.task), **books.take_info()})

    @final
    async def step(self, action: ActT) -> Step[ObsT]:
        """Carry out one action, as a turn of its own."""
        return (await self.take([action]))[0]

    @final
    async def take(self, actions: Sequence[ActT]) -> list[Step[ObsT]]:
        """Carry out the actions of one turn, until the episode ends."""
        for action in actions:
            self.check_action(action)
        books = self._running
        if books.busy or books.over:
            raise EpisodeStateError(_STEP_REFUSED["busy" if books.busy else "over"].format(id=self.id))
        books.busy = True
        try:
            return await self._take(actions, books)
        finally:
            books.busy = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def over(self) -> bool:
        """Whether the episode has ended or was cut short."""
        return self._running.over

    @property
    def terminated(self) -> bool:
        """Whether the episode came to its own end."""
        return self._running.terminated

    @property
    def truncated_by(self) -> LimitName | None:
        """The limit that cut the episode short, if one did."""
        return self._running.truncated_by

    @property
    def solved(self) -> bool:
        """Whether the episode ended with the task solved."""
        return self._running.solved

    @property
    def reward(self) -> float:
        """The sum of the weighted terms granted so far."""
        return self._running.reward

    @property
    def reward_terms(self) -> dict[str, RewardTerm]:
        """Each named term granted so far."""
        return dict(self._running.terms)

    @property
    def info(self) -> EnvironmentInfo:
        """Which environment this is, for records."""
        return EnvironmentInfo(self.id, self.version, self.config)

    async def _take(self, actions: Sequence[ActT], books: Books) -> list[Step[ObsT]]:
        books.turns += 1
        steps: list[Step[ObsT]] = []
        for batch in self._batches(actions):
            for observation, elapsed_s in await self._apply_batch(batch):
                steps.append(_step(observation, elapsed_s, books))
            if books.over:
                return steps
        if self.max_turns is not None and books.turns >= self.max_turns:
            books.cut("turns")
            steps[-1:] = [step._replace(truncated=True) for step in steps[-1:]]
        return steps

    def _batches(self, actions: Sequence[ActT]) -> Iterator[Sequence[ActT]]:
        """What of a turn may run side by side."""
        return ([action] for action in actions)

    async def _apply_batch(self, batch: Sequence[ActT]) -> list[tuple[ObsT, float]]:
        if len(batch) == 1:
            return [await self._apply_timed(batch[0])]
        results: list[tuple[ObsT, float]] = [None] * len(batch)  # type: ignore[list-item]  # all are filled
        faults: list[Fault | UsageError] = []

        async def run(position: int) -> None:
            try:
                results[position] = await self._apply_timed(batch[position])
            except (Fault, UsageError) as fault:
                faults.append(fault)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for position in range(len(batch)):
                group.start_soon(run, position)
        if faults:
            raise faults[0]
        return results

    async def _apply_timed(self, action: ActT) -> tuple[ObsT, float]:
        clock = self._running.clock
        started = clock()
        observation = self._checked_observation(await self.apply(action), "apply")
        return observation, clock() - started

    def _checked_observation(self, observation: ObsT, hook: str) -> ObsT:
        if not isinstance(observation, BaseModel):
            raise DefinitionError(
                f"{self.id}.{hook} gave {type(observation).__name__}, not an observation ({self.observation_type})"
            )
        return observation

    def _checked_task(self, task: TaskT) -> TaskT:
        if isinstance(self.task_type, type) and not isinstance(task, self.task_type):
            wanted = self.task_type.__name__
            raise UsageError(
                f"{self.id} plays tasks of type {wanted}, not {type(task).__name__}: {wanted}(id=..., ...)"
            )
        return task

    def _draw(self, seed: int) -> TaskT:
        tasks = self.tasks()
        if not tasks:
            raise UsageError(f"{self.id} lists no tasks; give one: reset(task)")
        return Random(derive_seed(seed, "task")).choice(tasks)

    def _next_seed(self) -> int:
        return fresh_seed() if self._books is None else derive_seed(self._books.seed, "next")


def _step(observation: ObsT, elapsed_s: float, books: Books) -> Step[ObsT]:
    info: JsonObject = {"elapsed_s": elapsed_s, **books.take_info()}
    return Step(observation, books.take_step_reward(), books.terminated, books.truncated_by is not None, info)


_STEP_REFUSED = {
    "over": "the episode of {id} is over; call `await env.reset(...)` for another",
    "busy": "{id} is in the middle of a step; one instance plays one episode, one step at a time",
}
