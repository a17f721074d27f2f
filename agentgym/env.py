"""The environment contract: what authors write, and the final methods that keep the books."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, ClassVar, Generic, Self, cast, final

import anyio
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from agentgym.books import Books
from agentgym.episode import EnvironmentInfo, RewardTerm
from agentgym.errors import (
    DefinitionError,
    EpisodeStateError,
    Fault,
    InvalidActionError,
    UsageError,
    one_line,
)
from agentgym.generics import type_arguments
from agentgym.jsontext import dump_json
from agentgym.limits import LimitName, running_clock
from agentgym.messages import JsonObject, Message, ToolCall, Turn
from agentgym.schemas import plain_schema
from agentgym.seeds import derive_seed, fresh_seed
from agentgym.steps import ActT, ObsT, Reset, Step, TaskT, task_id
from agentgym.tools import ToolSpec

_INHERITED: Any = object()


class Env(Generic[TaskT, ObsT, ActT]):
    """Plays one episode at a time: authors write `begin` and `apply`, callers use `reset` and `step`.

    Class keywords: `id` (else made from the class name), `version`, and `max_turns` (None for no bound).
    """

    id: ClassVar[str] = "env"
    version: ClassVar[str] = "1"
    max_turns: int | None = 30
    weights: ClassVar[Mapping[str, float]] = {}
    """How much a named reward term counts; 1 where nothing is said."""
    metrics: ClassVar[Mapping[str, str]] = {}
    """What each reward term means, for people."""
    config: JsonObject = {}  # noqa: RUF012 - `make` replaces it, nobody changes it
    """The settings this instance was made with, for records."""

    task_type: ClassVar[Any] = None
    observation_type: ClassVar[Any] = None
    action_type: ClassVar[Any] = None

    task: TaskT
    """The task being played."""
    rng: Random
    """The only source of chance; `reset` seeds it."""
    _books: Books | None = None

    def __init_subclass__(
        cls,
        *,
        id: str | None = None,
        version: str = _INHERITED,
        max_turns: int | None = _INHERITED,
        **kwargs: object,
    ) -> None:
        super().__init_subclass__(**kwargs)
        cls.id = id or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()
        if version is not _INHERITED:
            cls.version = version
        if max_turns is not _INHERITED:
            cls.max_turns = max_turns
        cls.task_type, cls.observation_type, cls.action_type = type_arguments(cls, Env)
        if isinstance(cls.task_type, type):
            _check_task_type(cls)

    # ---- written by authors

    async def begin(self, task: TaskT) -> ObsT:
        """Set the scene for `task` and give what the agent sees first."""
        raise DefinitionError(f"{type(self).__name__} needs `async def begin(self, task)`")

    async def apply(self, action: ActT) -> ObsT:
        """Carry out one action and give what the agent sees of it."""
        raise DefinitionError(f"{type(self).__name__} needs `async def apply(self, action)`")

    async def aclose(self) -> None:
        """Let go of whatever the episode holds."""

    def tasks(self, split: str | None = None) -> Sequence[TaskT]:
        """The tasks of a split, or all there are."""
        return ()

    def reference(self) -> Iterator[ActT | Turn]:
        """A solution of the running episode, made step by step; only the oracle reads it."""
        raise UsageError(f"{self.id} has no reference solution; write `def reference(self)` to let the oracle play")

    @property
    def instructions(self) -> str:
        """What the agent is told before it begins; the class's docstring unless overridden."""
        return " ".join((type(self).__doc__ or "").split())

    def parse(self, turn: Turn) -> Sequence[ActT]:
        """The actions a turn stands for; this default reads its text as one action in JSON."""
        return [self.load_action(turn.text)]

    def compose(self, action: ActT) -> Turn:
        """The turn that stands for an action; `parse` undoes it."""
        return Turn(text=dump_json(self.dump_action(action)).decode())

    def show(self, observation: ObsT, *, call: ToolCall | None = None) -> list[Message]:
        """How the agent reads an observation: its `text`, or else all of it as JSON."""
        text = getattr(observation, "text", None)
        content = text if isinstance(text, str) else dump_json(observation.model_dump(mode="json")).decode()
        return [Message("user", content) if call is None else Message("tool", content, tool_call_id=call.id)]

    def fork(self) -> Self:
        """An independent copy of the running episode; override it to share what never changes."""
        books = self._books
        shared = [] if books is None else [self.task, books.clock]
        twin = copy.deepcopy(self, {id(part): part for part in shared})
        if twin._books is not None:
            twin._books.busy = False
        return twin

    # ---- called by authors

    @final
    def finish(self, reward: float | None = None, *, solved: bool | None = None, **terms: float) -> None:
        """End the episode and grant the last reward terms; `solved` is by default a reward of at least 0.99."""
        self.grant(**(terms if reward is None else {"reward": reward, **terms}))
        self._running.end(solved=solved)

    @final
    def truncate(self, by: LimitName = "environment", **terms: float) -> None:
        """Cut the episode short for a limit of the environment's own."""
        self.grant(**terms)
        self._running.cut(by)

    @final
    def grant(self, **terms: float) -> None:
        """Add to named reward terms without ending the episode."""
        books = self._running
        for name, value in terms.items():
            if not math.isfinite(value):
                raise ValueError(f"the reward term {name}={value!r} is not a finite number")
            books.grant(name, float(value), float(self.weights.get(name, 1.0)))

    @final
    def note(self, **facts: JsonValue) -> None:
        """Put facts that may differ between equal runs into the step's `info`."""
        self._running.info.update(facts)

    # ---- called by whoever plays

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

    def check_action(self, action: ActT) -> None:
        """Raise InvalidActionError unless the action is one of this environment's."""

    @classmethod
    def tool_specs(cls) -> tuple[ToolSpec, ...]:
        """The tools as a model is told of them; none where actions are JSON text."""
        return ()

    @classmethod
    def answer_schema(cls) -> JsonObject | None:
        """JSON Schema of the text to answer with; None where tools are called instead."""
        return plain_schema(cls.action_model())

    @classmethod
    def action_model(cls) -> Any:
        """The type whose JSON form records and schemas use."""
        return cls.action_type

    def dump_action(self, action: ActT) -> JsonObject:
        """The action as JSON, for records."""
        dumped = TypeAdapter(self.action_model()).dump_python(action, mode="json")
        return cast(JsonObject, dumped if isinstance(dumped, dict) else {"value": dumped})

    def load_action(self, recorded: str | JsonObject) -> ActT:
        """The action that a record, or a model's JSON text, stands for."""
        text = recorded if isinstance(recorded, str) else dump_json(recorded)
        try:
            return cast(ActT, TypeAdapter(self.action_model()).validate_json(text, strict=True))
        except ValidationError as error:
            raise InvalidActionError(f"not an action of {self.id}: {one_line(error)}") from None

    # ---- inside

    @property
    def _running(self) -> Books:
        if self._books is None:
            raise EpisodeStateError(_STEP_REFUSED["before"].format(id=self.id))
        return self._books

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
            steps[-1] = steps[-1]._replace(truncated=True)
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
    "before": "{id} has no episode; call `await env.reset(...)` first",
    "over": "the episode of {id} is over; call `await env.reset(...)` for another",
    "busy": "{id} is in the middle of a step; one instance plays one episode, one step at a time",
}


def _check_task_type(cls: type[Env[Any, Any, Any]]) -> None:
    model = cls.task_type
    if not issubclass(model, BaseModel) or "id" not in model.model_fields or not model.model_config.get("frozen"):
        raise DefinitionError(
            f"{cls.__name__}: its task type {model.__name__} must be a frozen pydantic model with an id"
        )
