"""The environment contract as callers see it: the final methods that play an episode and keep its books."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Self, final

import anyio

from agentgym import tracing
from agentgym.authored import Authored
from agentgym.books import CURRENT, Account, Books
from agentgym.episode import EnvironmentInfo, RewardTerm
from agentgym.errors import AgentGymError, DefinitionError, EpisodeStateError, UsageError
from agentgym.limits import CLEANUP_S, LimitName, running_clock
from agentgym.seeds import checked_seed, derive_seed, fresh_seed
from agentgym.steps import ActT, ObsT, Reset, Step, TaskT, task_id
from agentgym.tools import Tool


class Env(Authored[TaskT, ObsT, ActT]):
    """Plays one episode at a time: authors write `begin` and `apply` (see `Authored`), callers `reset` and `step`."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for name, instead in _FINAL.items():
            if name in vars(cls) and not isinstance(vars(cls)[name], Tool):
                raise DefinitionError(f"{cls.__name__}.{name} keeps the books and is final; write {instead} instead")

    @final
    async def reset(self, task: TaskT | None = None, *, seed: int | None = None) -> Reset[ObsT]:
        """Begin an episode; without a task one is drawn from `tasks()` by the seed."""
        self._refuse_while_busy()
        seed = self._next_seed() if seed is None else checked_seed(seed)
        self.task = self._draw(seed) if task is None else self._checked_task(task)
        self._reseed(seed)
        self._identity = self._identity or object()
        self._books = books = Books(seed, running_clock(), self._identity)
        books.busy = True
        try:
            observation = self._checked_observation(await self.begin(self.task), "begin")
        except BaseException:
            self._books = None
            raise
        books.busy = False
        info, books.opening.info = books.opening.info, {}
        return Reset(observation, {"seed": seed, "task_id": task_id(self.task), **info})

    @final
    async def step(self, action: ActT) -> Step[ObsT]:
        """Carry out one action, as a turn of its own."""
        return (await self.take([action]))[0]

    @final
    async def take(
        self, actions: Sequence[ActT], *, on_step: Callable[[Step[ObsT]], None] | None = None
    ) -> list[Step[ObsT]]:
        """Carry out the actions of one turn, until the episode ends; `on_step` is told of each step as it is made."""
        for action in actions:
            self.check_action(action)
        books = self._running
        self._refuse_while_busy()
        if books.over:
            raise EpisodeStateError(f"the episode of {self.id} is over; call `await env.reset(...)` for another")
        books.busy = True
        steps: list[Step[ObsT]] = []

        def tell(step: Step[ObsT]) -> None:
            steps.append(step)
            if on_step is not None:
                on_step(step)

        try:
            await self._take(actions, books, tell)
        finally:
            books.busy = False
        return steps

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.move_on_after(CLEANUP_S, shield=True):
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

    async def _take(self, actions: Sequence[ActT], books: Books, tell: Callable[[Step[ObsT]], None]) -> None:
        books.turns += 1
        left = len(actions)
        for batch in self._batches(actions):
            alone = len(batch) == 1
            done = [await self._apply_one(batch[0], books)] if alone else await self._apply_batch(batch, books)
            left -= len(batch)
            if not (left or books.over) and self.max_turns is not None and books.turns >= self.max_turns:
                books.cut("turns")
            for position, (observation, account) in enumerate(done, 1):
                tell(_step(observation, account, books, ends=books.over and position == len(done)))
            if books.over:
                return

    def _batches(self, actions: Sequence[ActT]) -> Iterator[Sequence[ActT]]:
        """What of a turn may run side by side."""
        return ([action] for action in actions)

    async def _apply_batch(self, batch: Sequence[ActT], books: Books) -> list[tuple[ObsT, Account]]:
        results: dict[int, tuple[ObsT, Account]] = {}
        faults: list[AgentGymError] = []

        async def run(position: int) -> None:
            try:
                results[position] = await self._apply_one(batch[position], books)
            except AgentGymError as fault:
                faults.append(fault)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for position in range(len(batch)):
                group.start_soon(run, position)
        if faults:
            raise faults[0]
        return [results[position] for position in range(len(batch))]

    async def _apply_one(self, action: ActT, books: Books) -> tuple[ObsT, Account]:
        account = Account(books)
        token = CURRENT.set(account)
        started = books.clock()
        try:
            applied = self.apply(action)
            if tracing.spans is not None:
                applied = tracing.spans.tool_call(action, applied)
            observation = self._checked_observation(await applied, "apply")
        except BaseException:
            account.state = "given up"
            raise
        finally:
            CURRENT.reset(token)
        account.info["elapsed_s"] = books.clock() - started
        if account.state == "open":
            account.state = "settled"
        return observation, account

    def _refuse_while_busy(self) -> None:
        if self._books is not None and self._books.busy:
            raise EpisodeStateError(
                f"{self.id} is in the middle of a step; one instance plays one episode, one step at a time"
            )

    def _checked_observation(self, observation: ObsT, hook: str) -> ObsT:
        if not isinstance(observation, self._observation_classes):
            names = " or ".join(kind.__name__ for kind in self._observation_classes)
            raise DefinitionError(f"{self.id}.{hook} gave {type(observation).__name__}, not an observation ({names})")
        return observation

    def _checked_task(self, task: TaskT) -> TaskT:
        if isinstance(self.task_type, type) and not isinstance(task, self.task_type):
            wanted = self.task_type.__name__
            raise UsageError(
                f"{self.id} plays tasks of type {wanted}, not {type(task).__name__}: {wanted}(id=..., ...)"
            )
        return task

    def _draw(self, seed: int) -> TaskT:
        tasks = list(self.tasks())
        if not tasks:
            raise UsageError(f"{self.id} lists no tasks; give one: reset(task)")
        return Random(derive_seed(seed, "task")).choice(tasks)

    def _next_seed(self) -> int:
        return fresh_seed() if self._books is None else derive_seed(self._books.seed, "next")


def _step(observation: ObsT, account: Account, books: Books, *, ends: bool) -> Step[ObsT]:
    before = books.take_opening()
    reward, info = before.reward + account.reward, before.info | account.info if before.info else account.info
    return Step(observation, reward, ends and books.terminated, ends and books.truncated_by is not None, info)


_FINAL = {
    **{"reset": "`begin`", "step": "`apply`, or tools", "take": "`apply`, or tools"},
    **dict.fromkeys(("finish", "grant", "truncate", "note"), "`begin`, `apply` or tools that call it"),
}
"""The methods that no author overrides, and what to write instead."""
