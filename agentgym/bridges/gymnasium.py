"""Environments of ours as Gymnasium's: importing this registers each installed one as `agentgym/<id>-v0`."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from agentgym.env import Env
from agentgym.errors import InvalidActionError, UnknownNameError, UsageError, one_line
from agentgym.extras import missing_extra
from agentgym.jsontext import dump_json
from agentgym.messages import ToolCall
from agentgym.portal import run_sync
from agentgym.registry import env_ids, make
from agentgym.steps import task_id
from agentgym.toolenv import ToolEnv
from agentgym.tools import ToolError

try:
    import gymnasium
except ModuleNotFoundError as error:
    raise missing_extra(error) from None

from agentgym.bridges.spaces import codec_for
from agentgym.bridges.wrapped import WrappedEnv, wrap

__all__ = ["GymnasiumEnv", "WrappedEnv", "as_gymnasium", "register", "wrap"]

_SEEDS = 2**53


class GymnasiumEnv(gymnasium.Env[Any, Any]):
    """An environment of ours, given as itself or by id or file, with Gymnasium's spaces and plain calls.

    `reset(options={"task": ...})` takes a task, its id or its fields; otherwise the seed draws one.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012 - Gymnasium's way to say it

    def __init__(
        self,
        spec: str | Env[Any, Any, Any],
        *,
        render_mode: str | None = None,
        max_text: int = 4096,
        max_items: int = 16,
        **config: Any,
    ) -> None:
        """`max_text` and `max_items` are the room for texts and lists that have no bound of their own."""
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise UsageError(f"render_mode={render_mode!r}: there is 'ansi', or None")
        self.inner = _made(spec, config)
        self.render_mode = render_mode
        room = {"max_text": max_text, "max_items": max_items}
        if isinstance(spec, str):
            self.spec = _recipe(self.inner.id, {"spec": spec, "render_mode": render_mode, **room, **config})
        self._actions = codec_for(_action_type(self.inner), **room)
        self._observations = codec_for(_observation_type(self.inner), **room)
        self.action_space = self._actions.space
        self.observation_space = self._observations.space
        self.__doc__ = self.inner.instructions
        self._last: BaseModel | None = None
        self._open = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; without a seed the next one follows from the last that was given."""
        super().reset(seed=seed)
        self._seed = int(self.np_random.integers(_SEEDS)) if seed is None else int(seed)
        task = _task(self.inner, options or {})
        self._open = True
        self._last = run_sync(self.inner.reset, task, seed=self._seed).observation
        return self._encoded(self._last), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Carry out one action; values that a tool does not take are shown as a ToolError."""
        taken = run_sync(self.inner.step, self._decoded(action))
        self._last = taken.observation
        return self._encoded(taken.observation), taken.reward, taken.terminated, taken.truncated, self._info()

    def render(self) -> str | None:
        """The last observation as the agent reads it."""
        if self.render_mode is None or self._last is None:
            return None
        return "\n".join(message.content for message in self.inner.show(self._last))

    def close(self) -> None:
        """Let go of the episode; a later reset begins another."""
        # An unused instance needs no event loop: AsyncVectorEnv closes one before it forks, which threads
        # would disturb. While Python shuts down there is no loop any more.
        if self._open and not sys.is_finalizing():
            self._open = False
            run_sync(self.inner.aclose)

    def _encoded(self, observation: BaseModel) -> Any:
        return self._observations.encode(observation.model_dump(mode="json", by_alias=True))

    def _decoded(self, element: Any) -> Any:
        try:
            value = self._actions.decode(element)
        except (LookupError, TypeError, ValueError):
            raise InvalidActionError(f"not in the action space of {self.inner.id}: {element!r}") from None
        match value:
            case {"type": "tool", "tool": str(name), "arguments": dict(arguments)} if isinstance(self.inner, ToolEnv):
                return self.inner.parse_call(ToolCall(name, arguments))
        return self.inner.load_action(dump_json(value).decode())

    def _info(self) -> dict[str, Any]:
        """What is the same on equal runs, which `Step.info` is not."""
        return {"task_id": task_id(self.inner.task), "seed": self._seed, "solved": self.inner.solved}


def as_gymnasium(env: str | Env[Any, Any, Any], /, **config: Any) -> GymnasiumEnv:
    """An environment, or what an id or `path/to/file.py:Class` stands for, as Gymnasium's."""
    return GymnasiumEnv(env, **config)


def register() -> None:
    """Register the installed environments that are not registered yet; none of them is imported."""
    for env_id in env_ids():
        recipe = _recipe(env_id, {"spec": env_id})
        if recipe.id not in gymnasium.registry:
            gymnasium.register(recipe.id, entry_point=recipe.entry_point, kwargs=recipe.kwargs)


def _recipe(env_id: str, settings: dict[str, Any]) -> gymnasium.envs.registration.EnvSpec:
    name = re.sub(r"[^\w.-]", "-", env_id)
    # Named as text, so that worker processes which import nothing else find it.
    return gymnasium.envs.registration.EnvSpec(
        f"agentgym/{name}-v0", f"{__name__}:{GymnasiumEnv.__name__}", kwargs=settings
    )


def _made(spec: str | Env[Any, Any, Any], config: dict[str, Any]) -> Env[Any, Any, Any]:
    if isinstance(spec, str):
        return make(spec, **config)
    if config:
        raise UsageError(f"{spec.id} is made already; its settings come too late: {', '.join(config)}")
    return spec


def _action_type(env: Env[Any, Any, Any]) -> Any:
    return env.action_model(bad_calls=False) if isinstance(env, ToolEnv) else env.action_model()


def _observation_type(env: Env[Any, Any, Any]) -> Any:
    return env.observation_type | ToolError if isinstance(env, ToolEnv) else env.observation_type


def _task(env: Env[Any, Any, Any], options: Mapping[str, Any]) -> BaseModel | None:
    if unknown := options.keys() - {"task"}:
        raise UsageError(f"unknown reset options: {', '.join(map(repr, unknown))}; there is 'task'")
    match options.get("task"):
        case None | BaseModel() as task:
            return task
        case str(wanted):
            return _task_named(env, wanted)
        case fields:
            return _task_of(env, fields)


def _task_named(env: Env[Any, Any, Any], wanted: str) -> BaseModel:
    for task in env.tasks():
        if task_id(task) == wanted:
            return cast(BaseModel, task)
    raise UnknownNameError(f"{env.id} lists no task {wanted!r}; a task's fields are taken too: {{'id': ..., ...}}")


def _task_of(env: Env[Any, Any, Any], fields: object) -> BaseModel:
    try:
        return cast(BaseModel, env.task_type.model_validate(fields))
    except ValidationError as error:
        raise UsageError(f"not a task of {env.id}: {one_line(error)}") from None


register()
