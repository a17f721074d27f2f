"""What the author of an environment writes, and what is there to be called from it."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any, ClassVar, Generic, Self, cast, final

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from agentgym.books import Books
from agentgym.errors import DefinitionError, EpisodeStateError, InvalidActionError, UsageError, describe, one_line
from agentgym.generics import type_arguments, union_members
from agentgym.jsontext import dump_json, parse_json
from agentgym.limits import LimitName
from agentgym.messages import JsonObject, Message, ToolCall, Turn
from agentgym.schemas import plain_schema
from agentgym.steps import ActT, ObsT, TaskT
from agentgym.tools import ToolSpec

_INHERITED: Any = object()


class Authored(Generic[TaskT, ObsT, ActT]):
    """The author's side of an environment: class keywords, attributes, hooks to write, and calls that keep the books.

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
    _observation_classes: ClassVar[tuple[type, ...]] = (BaseModel,)

    task: TaskT
    """The task being played."""
    _seed: int | None = None
    _books: Books | None = None
    _identity: object = None
    _player: object = None
    """Who is playing a whole episode on this instance."""
    _adapter: ClassVar[TypeAdapter[Any] | None] = None

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
        cls._adapter = None
        cls.task_type, cls.observation_type, cls.action_type = type_arguments(cls, Authored)
        if isinstance(cls.task_type, type):
            _check_task_type(cls)
        members = union_members(cls.observation_type)
        cls._observation_classes = members if all(isinstance(member, type) for member in members) else (BaseModel,)

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
        return Turn(text=self._action_adapter().dump_json(action).decode())

    def show(self, observation: ObsT, *, call: ToolCall | None = None) -> list[Message]:
        """How the agent reads an observation: its `text`, or else all of it as JSON."""
        text = getattr(observation, "text", None)
        content = text if isinstance(text, str) else dump_json(observation.model_dump(mode="json")).decode()
        return [Message("user", content) if call is None else Message("tool", content, tool_call_id=call.id)]

    def fork(self) -> Self:
        """An independent copy of the running episode; override it to share what never changes."""
        books = self._books
        shared = [] if books is None else [self.task, books.clock]
        try:
            # Who plays this one does not play the twin.
            twin = copy.deepcopy(self, {id(self._player): None, **{id(part): part for part in shared}})
        except (TypeError, copy.Error) as error:
            raise UsageError(f"{self.id} cannot be forked: {describe(error)}; override `fork`") from error
        if twin._books is not None:
            twin._books.busy = False
        return twin

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
        """The action as a JSON object, for records; what is no object becomes `{"value": ...}`."""
        dumped = self._action_adapter().dump_python(action, mode="json")
        return cast(JsonObject, dumped if isinstance(dumped, dict) else {"value": dumped})

    def load_action(self, recorded: str | JsonObject) -> ActT:
        """The action that a record, or a model's JSON text, stands for."""
        try:
            text = recorded if isinstance(recorded, str) else dump_json(recorded).decode()
            parse_json(text)  # refuses what JSON readers differ about
            return cast(ActT, self._action_adapter().validate_json(text, strict=True))
        except ValidationError as error:
            if isinstance(recorded, dict) and recorded.keys() == {"value"}:
                return self.load_action(dump_json(recorded["value"]).decode())
            raise InvalidActionError(f"not an action of {self.id}: {one_line(error)}") from None
        except ValueError as error:
            raise InvalidActionError(f"not an action of {self.id}: {error}") from None

    @final
    def finish(self, reward: float | None = None, *, solved: bool | None = None, **terms: float) -> None:
        """End the episode and grant the last reward terms; `solved` is by default a reward of at least 0.99."""
        granted = _finite(terms if reward is None else {"reward": reward, **terms})
        self._running.end(solved=solved)
        self._grant(granted)

    @final
    def truncate(self, by: LimitName = "environment", **terms: float) -> None:
        """Cut the episode short for a limit of the environment's own."""
        granted = _finite(terms)
        self._running.cut(by)
        self._grant(granted)

    @final
    def grant(self, **terms: float) -> None:
        """Add to named reward terms without ending the episode."""
        self._grant(_finite(terms))

    @final
    def note(self, **facts: JsonValue) -> None:
        """Put facts that may differ between equal runs into the step's `info`."""
        self._running.account().info.update(cast(JsonObject, parse_json(dump_json(facts).decode())))

    def _grant(self, terms: Mapping[str, float]) -> None:
        for name, value in terms.items():
            self._running.grant(name, value, float(self.weights.get(name, 1.0)))

    @classmethod
    def _action_adapter(cls) -> TypeAdapter[Any]:
        cls._adapter = cls._adapter or TypeAdapter(cls.action_model())
        return cls._adapter

    @cached_property
    def rng(self) -> Random:
        """The only source of chance; `reset` seeds it."""
        # Not before it is asked for: it takes longer to make than many a turn.
        return Random(self._running.seed if self._seed is None else self._seed)

    def _reseed(self, seed: int) -> None:
        self._seed = seed
        if type(self).rng is Authored.rng:
            vars(self).pop("rng", None)
        else:  # the author has an attribute of that name
            self.rng = Random(seed)

    @property
    def _running(self) -> Books:
        if self._books is None:
            raise EpisodeStateError(f"{self.id} has no episode; call `await env.reset(...)` first")
        return self._books


def _finite(terms: Mapping[str, float]) -> dict[str, float]:
    for name, value in terms.items():
        if not math.isfinite(value):
            raise ValueError(f"the reward term {name}={value!r} is not a finite number")
    return {name: float(value) for name, value in terms.items()}


def _check_task_type(cls: type[Authored[Any, Any, Any]]) -> None:
    model = cls.task_type
    if not issubclass(model, BaseModel) or "id" not in model.model_fields or not model.model_config.get("frozen"):
        raise DefinitionError(
            f"{cls.__name__}: its task type {model.__name__} must be a frozen pydantic model with an id"
        )
