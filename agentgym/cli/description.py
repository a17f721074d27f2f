"""All about one environment, with an episode of it played on the spot."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio

from agentgym.cli.fields import Field, read_fields
from agentgym.cli.options import env_tasks, make_env
from agentgym.cli.output import align
from agentgym.cli.transcript import transcript
from agentgym.env import Env
from agentgym.episode import Episode
from agentgym.errors import UsageError
from agentgym.limits import Limits
from agentgym.play import rollout
from agentgym.policies.specs import make_policy
from agentgym.schemas import plain_schema
from agentgym.toolenv import ToolEnv
from agentgym.tools import Tool

_EXAMPLE_LIMITS = Limits(turns=20, seconds=10.0)
_GENERAL = (
    ("solved rate", "the share of evaluable episodes that end solved"),
    ("mean reward", "the mean over evaluable episodes of the sum of the weighted terms"),
)


@dataclass(frozen=True, slots=True)
class ToolCard:
    """One tool, for people."""

    name: str
    description: str
    parameters: tuple[Field, ...]
    readonly: bool
    blocking: bool
    timeout_s: float | None


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured; a reward term has a weight."""

    name: str
    description: str
    weight: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """All about one environment."""

    id: str
    version: str
    description: str
    max_turns: int | None
    tasks: int
    task: tuple[Field, ...]
    observation: tuple[Field, ...]
    answer: tuple[Field, ...]
    """What to answer with, as JSON text, where there are no tools."""
    tools: tuple[ToolCard, ...]
    metrics: tuple[Metric, ...]
    example: Episode | None


def describe_env(args: argparse.Namespace) -> Description:
    """Read an environment, and play one of its tasks."""
    env = make_env(args)
    tasks = len(env_tasks(env))
    example = _play_example(args) if tasks else None
    answer = env.answer_schema()
    return Description(
        id=env.id,
        version=env.version,
        description=inspect.cleandoc(type(env).__doc__ or ""),
        max_turns=env.max_turns,
        tasks=tasks,
        task=read_fields(plain_schema(env.task_type)),
        observation=read_fields(plain_schema(env.observation_type)),
        answer=() if answer is None else read_fields(answer),
        tools=tuple(map(_card, env.tools.values())) if isinstance(env, ToolEnv) else (),
        metrics=tuple(_metrics(env, example)),
        example=example,
    )


def _card(tool: Tool[..., object]) -> ToolCard:
    parameters = read_fields(tool.parameters)
    return ToolCard(tool.name, tool.description, parameters, tool.readonly, tool.blocking, tool.timeout_s)


def _metrics(env: Env[Any, Any, Any], example: Episode | None) -> Iterator[Metric]:
    granted = example.terms if example is not None else {}
    for name in dict.fromkeys((*env.metrics, *env.weights, *granted)):
        yield Metric(name, env.metrics.get(name, "a term of the reward"), float(env.weights.get(name, 1.0)))
    yield from (Metric(name, told) for name, told in _GENERAL)


def _play_example(args: argparse.Namespace) -> Episode:
    """By the oracle, or at random where the environment has no reference solution."""
    try:
        return anyio.run(partial(_play, args, "oracle"))
    except UsageError:
        return anyio.run(partial(_play, args, "random"))


async def _play(args: argparse.Namespace, spec: str) -> Episode:
    return await rollout(make_env(args), make_policy(spec), seed=0, limits=_EXAMPLE_LIMITS)


def description_text(told: Description) -> str:
    """The description as a person reads it."""
    most = "no bound" if told.max_turns is None else str(told.max_turns)
    lines = [f"{told.id}, version {told.version}", *told.description.splitlines(), ""]
    lines += align([("tasks", str(told.tasks)), ("most turns", most)])
    lines += ["", "task", *_field_lines(told.task), "", "observation", *_field_lines(told.observation)]
    if told.answer:
        lines += ["", "answer, as JSON text", *_field_lines(told.answer)]
    for tool in told.tools:
        description = " ".join(tool.description.split())
        lines += ["", f"tool {tool.name}{_flags(tool)}: {description}", *_field_lines(tool.parameters)]
    lines += ["", "metrics", *align([_metric_row(metric) for metric in told.metrics], indent=2)]
    if told.example is not None:
        lines += ["", "example", *(f"  {line}".rstrip() for line in transcript(told.example, shorten=True).split("\n"))]
    return "\n".join(lines)


def _field_lines(fields: tuple[Field, ...]) -> list[str]:
    return align([(field.name, field.type, field.need, field.description) for field in fields], indent=2)


def _flags(tool: ToolCard) -> str:
    flags = [name for name, holds in (("readonly", tool.readonly), ("blocking", tool.blocking)) if holds]
    if tool.timeout_s is not None:
        flags.append(f"at most {tool.timeout_s:g} s")
    return f" ({', '.join(flags)})" if flags else ""


def _metric_row(metric: Metric) -> tuple[str, str, str]:
    return metric.name, "" if metric.weight is None else f"weight {metric.weight:g}", metric.description
