"""What travels as JSON: schemas, tasks, observations and actions."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pydantic import BaseModel

from agentgym.errors import InvalidActionError, describe
from agentgym.jsontext import dump_json
from agentgym.steps import task_id
from agentgym.testing.checks.json_schema import problems
from agentgym.testing.checks.report import refuse_faults
from agentgym.testing.checks.subject import Subject
from agentgym.testing.checks.traces import AnyEnv, Script, event_of
from agentgym.tools import BadCall

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What every chat-completions endpoint takes."""
_MOST_TASKS = 10_000


async def schemas(subject: Subject) -> str:
    """Schemas are JSON Schemas; tasks, observations and actions come back from JSON as they went."""
    env = subject.make()
    faults = [*_schema_faults(env), *_task_faults(subject)]
    for script in subject.scripts:
        faults += await _play_faults(subject.make(), script)
    refuse_faults(faults)
    return "are JSON Schema; tasks, observations and actions come back from JSON as they went"


def _schema_faults(env: AnyEnv) -> Iterator[str]:
    answer = env.answer_schema()
    if answer is not None:
        yield from problems(answer, answer, "the answer's schema")
    for spec in env.tool_specs():
        if not _TOOL_NAME.fullmatch(spec.name):
            yield f"the tool name {spec.name!r} is not made of 1 to 64 letters, digits, _ and -"
        if spec.parameters.get("type") != "object":
            yield f"{spec.name}: the arguments' schema is no object's"
        yield from problems(spec.parameters, spec.parameters, spec.name)
        yield from _unwritable(spec.name, spec.parameters)


def _unwritable(name: str, schema: object) -> Iterator[str]:
    try:
        json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError) as error:
        yield f"{name}: the schema cannot be written as JSON: {error}"


def _task_faults(subject: Subject) -> Iterator[str]:
    tasks = list(islice(subject.tasks, _MOST_TASKS))
    ids = Counter(task_id(task) for task in tasks)
    yield from (f"{count} tasks have the id {name!r}" for name, count in ids.items() if count > 1)
    if "" in ids:
        yield "a task has no id"
    for task in tasks:
        kind = type(task).__name__
        if not task.model_config.get("frozen"):
            yield f"{kind} is not frozen"
        yield from _comes_back(task, f"a task ({kind})")


async def _play_faults(env: AnyEnv, script: Script) -> list[str]:
    async with env:
        faults = [*_comes_back((await env.reset(script.task, seed=script.seed)).observation, "the first observation")]
        for turn in script.turns:
            try:
                actions = env.parse(turn)
            except InvalidActionError:
                continue
            steps = await env.take(actions)
            faults += [fault for action in actions for fault in _action_faults(env, action)]
            faults += [fault for step in steps for fault in _comes_back(step.observation, "an observation")]
    return faults


def _comes_back(model: BaseModel, what: str) -> Iterator[str]:
    try:
        same = type(model).model_validate_json(model.model_dump_json()) == model
    except Exception as error:  # an arbitrary model's serializers and validators: it becomes a finding
        yield f"{what} does not survive JSON: {describe(error)}"
    else:
        if not same:
            yield f"{what} is another after JSON: {model!r:.100}"


def _action_faults(env: AnyEnv, action: Any) -> Iterator[str]:
    what = f"the action {event_of(action)}"
    try:
        dumped = env.dump_action(action)
        loaded = env.load_action(dump_json(dumped).decode())
    except Exception as error:  # an arbitrary environment's: it becomes a finding
        yield f"{what} does not survive dump_action and load_action: {describe(error)}"
        return
    # A bad call keeps its id in the turn alone, so that its record is compared.
    same = env.dump_action(loaded) == dumped if isinstance(action, BadCall) else loaded == action
    if not same:
        yield f"{what} is another after dump_action and load_action: {action!r:.100}"
