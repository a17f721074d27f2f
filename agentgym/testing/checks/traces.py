"""Playing an episode a second time, and finding where two of them part."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
from pydantic import BaseModel, JsonValue

from agentgym.env import Env
from agentgym.errors import InvalidActionError, describe
from agentgym.messages import Turn
from agentgym.steps import Step, task_id
from agentgym.testing.checks.report import Violation
from agentgym.tools import BadCall, Say, ToolAction

AnyEnv: TypeAlias = Env[Any, Any, Any]
_CLEANUP_S = 10.0
_MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Moment:
    """What equal runs agree on after one action."""

    event: str
    """`begin`, the tool, or what else was done."""
    observation: str
    """As JSON."""
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    error: str = ""
    """What the environment raised instead."""


Trace: TypeAlias = tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """An episode that can be played again: what the agent did, and what came of it."""

    task: BaseModel
    seed: int
    agent: str
    turns: tuple[Turn, ...]
    trace: Trace = ()

    def __str__(self) -> str:
        return f"task {task_id(self.task)}, seed {self.seed}, {self.agent} agent"


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where two traces part."""

    step: int
    event: str
    field: str
    one: JsonValue
    other: JsonValue

    @property
    def observed(self) -> bool:
        """Whether it lies in what the agent is shown."""
        return self.field.startswith("observation")

    def __str__(self) -> str:
        one, other = _around_difference(json.dumps(self.one), json.dumps(self.other))
        return f"step {self.step} ({self.event}): {self.field} is {one} or {other}"


async def replay(env: AnyEnv, script: Script) -> Trace:
    """Play a script from reset to aclose."""
    trace = [*await begin(env, script), *await play_turns(env, script.turns)]
    try:
        await close(env)
    except Exception as error:  # an arbitrary environment's: it is compared, not hidden
        trace.append(_raised("aclose", error))
    return tuple(trace)


async def begin(env: AnyEnv, script: Script) -> list[Moment]:
    """Reset for a script; what the environment raises is part of what it does."""
    try:
        observation = (await env.reset(script.task, seed=script.seed)).observation
    except Exception as error:  # an arbitrary environment's: it is compared, not hidden
        return [_raised("begin", error)]
    return [Moment("begin", observation.model_dump_json())]


async def play_turns(env: AnyEnv, turns: Iterable[Turn]) -> list[Moment]:
    """Play turns until the episode is over; what the environment raises is part of what it does."""
    moments: list[Moment] = []
    for turn in turns:
        await anyio.lowlevel.checkpoint()
        try:
            if env.over:
                break
            moments += await _play_turn(env, turn)
        except Exception as error:  # an arbitrary environment's: it is compared, not hidden
            return [*moments, _raised("turn", error)]
    return moments


async def close(env: AnyEnv) -> None:
    """Let go of an environment, also when cancelled."""
    with anyio.move_on_after(_CLEANUP_S, shield=True) as deadline:
        await env.aclose()
    if deadline.cancelled_caught:
        raise Violation(f"aclose takes longer than {_CLEANUP_S:g} s")


async def _play_turn(env: AnyEnv, turn: Turn) -> list[Moment]:
    try:
        actions = env.parse(turn)
    except InvalidActionError as error:
        return [Moment("refusal", json.dumps(str(error)))]
    steps: list[Step[Any]] = await env.take(actions)
    return [
        Moment(event_of(action), step.observation.model_dump_json(), step.reward, step.terminated, step.truncated)
        for action, step in zip(actions, steps, strict=False)
    ]


def event_of(action: object) -> str:
    """What an action does, in a word."""
    if isinstance(action, ToolAction):
        return action.tool
    if isinstance(action, BadCall):
        return f"bad call of {action.call.name}"
    return "text" if isinstance(action, Say) else "apply"


def first_difference(one: Trace, other: Trace) -> Difference | None:
    """Where two traces part first; None where they are equal."""
    for number, (before, after) in enumerate(zip(one, other, strict=False)):
        for field, *values in _fields_apart(before, after):
            return Difference(number, before.event, field, *values)
    if len(one) != len(other):
        return Difference(min(len(one), len(other)), "end", "number of steps", len(one), len(other))
    return None


def _fields_apart(one: Moment, other: Moment) -> Iterator[tuple[str, JsonValue, JsonValue]]:
    for name in ("error", "event"):
        if getattr(one, name) != getattr(other, name):
            yield name, getattr(one, name), getattr(other, name)
    if one.observation != other.observation:
        yield _first_leaf("observation", json.loads(one.observation), json.loads(other.observation))
    for name in ("reward", "terminated", "truncated"):
        if getattr(one, name) != getattr(other, name):
            yield name, getattr(one, name), getattr(other, name)


def _first_leaf(path: str, one: JsonValue, other: JsonValue) -> tuple[str, JsonValue, JsonValue]:
    """The path of the first value in which two JSON values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            if one.get(key) != other.get(key) or (key in one) != (key in other):
                return _first_leaf(f"{path}.{key}", one.get(key), other.get(key))
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for position, pair in enumerate(zip(one, other, strict=True)):
            if pair[0] != pair[1]:
                return _first_leaf(f"{path}[{position}]", *pair)
    return path, one, other


def _raised(event: str, error: Exception) -> Moment:
    return Moment(event, "null", error=describe(error))


def _around_difference(one: str, other: str) -> list[str]:
    """Two texts, cut to what lies around their first difference where they are long."""
    longest = max(len(one), len(other))
    same = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), longest)
    start = 0 if longest <= _MOST_SHOWN else max(0, same - _MOST_SHOWN // 2)
    before = "..." if start else ""
    return [before + text[start:][:_MOST_SHOWN] + "..." * (len(text) > start + _MOST_SHOWN) for text in (one, other)]
