"""Gymnasium's environments as ours: `wrap` makes a class with one tool, `act`, typed from the action space."""

from __future__ import annotations

import copy
import inspect
import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import anyio.to_thread
import gymnasium
from pydantic import Field, JsonValue, create_model

from agentgym.bridges.ansi import without_escapes
from agentgym.bridges.elements import checked_type, from_json, json_type, to_json
from agentgym.errors import EpisodeStateError, UnknownNameError, UsageError, describe
from agentgym.jsontext import dump_json, parse_json
from agentgym.messages import JsonObject
from agentgym.steps import Observation, Task
from agentgym.toolenv import ToolEnv
from agentgym.tools import Tool, ToolError, tool

_GymEnv = gymnasium.Env[Any, Any]
R = TypeVar("R")


class GymTask(Task):
    """How to reset an environment of Gymnasium's."""

    seed: int | None = Field(default=None, ge=0)
    """What the world is drawn from; None leaves it to the episode's seed."""
    options: JsonObject = Field(default_factory=dict)


class GymObservation(Observation):
    """What an environment of Gymnasium's shows: as text, and as the JSON value of the element of its space."""

    value: JsonValue


GymObsT = TypeVar("GymObsT", bound=GymObservation)


class WrappedEnv(ToolEnv[GymTask, GymObsT], Generic[GymObsT], id="gymnasium", max_turns=None):
    """An environment of Gymnasium's that any policy can play; `wrap` makes one.

    An episode that ended is solved where its reward reaches the threshold registered for the environment, or is
    positive where none is. One that the time limit cuts is truncated, unless its reward has reached the threshold.
    """

    source: ClassVar[Source]

    def __init__(self, given: _GymEnv | None = None) -> None:
        """Plays the given instance; without one it makes its own for each episode."""
        self._gym = self._given = given

    @property
    def instructions(self) -> str:
        """What the environment's author wrote about it."""
        return self.source.about

    def tasks(self, split: str | None = None) -> list[GymTask]:
        """Ten worlds."""
        return [GymTask(id=f"seed-{seed}", seed=seed) for seed in range(10)]

    async def begin(self, task: GymTask) -> GymObsT:
        """Reset the environment, making it first where there is none."""
        return await self._run(partial(self._reset, task))

    async def hear(self, text: str) -> GymObsT | ToolError:
        """Text moves nothing: the episode ends unsolved."""
        self.finish(solved=False)
        return ToolError(text="No tool was called, which ends the episode.", kind="no_call")

    async def aclose(self) -> None:
        """Close the environment."""
        gym, self._gym = self._gym, self._given
        if gym is not None:
            await self._run(gym.close)

    def fork(self) -> Self:
        """An independent copy of the running episode, where Gymnasium's environment can be copied."""
        try:
            return super().fork()
        except (TypeError, NotImplementedError, copy.Error) as error:
            raise UsageError(f"{self.id} cannot be forked: its state cannot be copied ({describe(error)})") from error

    async def _run(self, work: Callable[[], R]) -> R:
        return await anyio.to_thread.run_sync(work) if self.source.blocking else work()

    def _reset(self, task: GymTask) -> GymObsT:
        if self._gym is None:
            self._gym = self.source.make()
        seed = self.rng.getrandbits(31) if task.seed is None else task.seed
        element, _ = self._gym.reset(seed=seed, options=dict(task.options) or None)
        return self._seen(self._gym, element)

    def _play(self, action: object) -> GymObsT:
        if self._gym is None:
            raise EpisodeStateError(f"{self.id} was closed; call `await env.reset(...)` first")
        element, reward, terminated, truncated, _ = self._gym.step(from_json(self.source.action_space, action))
        self.grant(reward=float(reward))
        if terminated or (truncated and self._good_enough(default=False)):
            self.finish(solved=self._good_enough(default=self.reward > 0))
        elif truncated:
            self.truncate()
        return self._seen(self._gym, element)

    def _good_enough(self, *, default: bool) -> bool:
        threshold = self.source.reward_threshold
        return default if threshold is None else self.reward >= threshold

    def _seen(self, gym: _GymEnv, element: object) -> GymObsT:
        value = to_json(self.source.observation_space, element)
        told = value if isinstance(value, str) else f"Observation: {dump_json(value).decode()}"
        drawn = gym.render() if gym.render_mode == "ansi" else None
        text = f"{without_escapes(drawn)}\n\n{told}" if isinstance(drawn, str) else told
        return cast(GymObsT, self.observation_type(text=text, value=value))


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of an environment of Gymnasium's before it is played."""

    about: str
    action_space: gymnasium.Space[Any]
    observation_space: gymnasium.Space[Any]
    reward_threshold: float | None
    blocking: bool
    make: Callable[[], _GymEnv]


def wrap(gym: str | _GymEnv, /, *, blocking: bool = False, **make_kwargs: Any) -> WrappedEnv[Any]:
    """An environment of Gymnasium's, made by its id or given, as one of ours; `blocking` runs it in threads.

    Turns that call the tool wrongly count towards the time limit registered for the environment, too.
    """
    if isinstance(gym, str):
        env = _class_of(gym, blocking, make_kwargs)()
        env.config = _recordable({"blocking": True, **make_kwargs} if blocking else make_kwargs)
        return env
    if make_kwargs:
        raise UsageError(f"{gym} is made already; its settings come too late: {', '.join(make_kwargs)}")
    name = gym.spec.id if gym.spec else type(gym.unwrapped).__name__
    return _class_for(gym, name, blocking, lambda: gym)(gym)


def _class_of(gym_id: str, blocking: bool, make_kwargs: dict[str, Any]) -> type[WrappedEnv[Any]]:
    """The class of an id and its settings, made once where the settings can be compared."""
    try:
        key = dump_json([gym_id, blocking, make_kwargs])
    except (TypeError, ValueError):
        return _make_class(gym_id, blocking, make_kwargs)
    if key not in _CLASSES:
        _CLASSES[key] = _make_class(gym_id, blocking, make_kwargs)
    return _CLASSES[key]


_CLASSES: dict[bytes, type[WrappedEnv[Any]]] = {}


def _make_class(gym_id: str, blocking: bool, make_kwargs: dict[str, Any]) -> type[WrappedEnv[Any]]:
    probe = _made(gym_id, make_kwargs)
    try:
        drawn = {"render_mode": "ansi"} if "ansi" in probe.metadata.get("render_modes", ()) else {}
        return _class_for(probe, gym_id, blocking, partial(_made, gym_id, {**drawn, **make_kwargs}))
    finally:
        probe.close()


def _made(gym_id: str, make_kwargs: dict[str, Any]) -> _GymEnv:
    try:
        return gymnasium.make(gym_id, **make_kwargs)
    except gymnasium.error.UnregisteredEnv as error:
        raise UnknownNameError(f"gymnasium: {error} (gymnasium.pprint_registry() lists what there is)") from None
    except (gymnasium.error.Error, ModuleNotFoundError, TypeError) as error:
        raise UsageError(f"gymnasium cannot make {gym_id!r}: {error}") from error


def _class_for(gym: _GymEnv, gym_id: str, blocking: bool, make: Callable[[], _GymEnv]) -> type[WrappedEnv[Any]]:
    name, spec = type(gym.unwrapped).__name__, gym.spec
    about = _about(gym) or f"Play {gym_id} with the tool."
    threshold = spec.reward_threshold if spec else None
    source = Source(about, gym.action_space, gym.observation_space, threshold, blocking, make)
    model = create_model(f"{name}Observation", __base__=GymObservation, value=(json_type(gym.observation_space), ...))
    keywords = {
        "id": f"gymnasium:{gym_id}",
        "version": str(spec.version) if spec and spec.version is not None else "1",
        "max_turns": spec.max_episode_steps if spec else None,
    }
    body = {"__module__": __name__, "__doc__": about, "source": source, "act": _act(gym.action_space, model, blocking)}
    return types.new_class(name, (cast(Any, WrappedEnv)[model],), keywords, lambda namespace: namespace.update(body))


def _act(space: gymnasium.Space[Any], model: type[GymObservation], blocking: bool) -> Tool[..., object]:
    def act(self: WrappedEnv[Any], action: object) -> object:
        """Take one step."""
        return self._play(action)

    act.__annotations__ = {"action": checked_type(space), "return": model}
    return tool(blocking=blocking)(act)


def _about(gym: _GymEnv) -> str:
    """What the author wrote of the environment, but for how to make one."""
    text = inspect.cleandoc(gym.unwrapped.__doc__ or "")
    return re.split(r"\n *#+ Arguments\b", text)[0].strip()


def _recordable(settings: dict[str, Any]) -> JsonObject:
    return {name: _as_json(value) for name, value in settings.items()}


def _as_json(value: object) -> JsonValue:
    try:
        return parse_json(dump_json(value).decode())
    except (TypeError, ValueError):
        return str(value)
