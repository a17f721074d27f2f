"""Whole tasks with the arguments of their calls in one form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pydantic import JsonValue

from agentgym.messages import JsonObject
from environments.retail.factory.envelope import Call
from environments.retail.factory.files import StoredTask
from environments.retail.factory.normalise import Change, normalize_arguments
from environments.retail.typed import TypedRetailEnv

_OTHER_NAMES = frozenset(
    (
        *("query", "instruction"),
        *("expected_actions", "gold_actions", "actions"),
        *("expected_outputs", "gold_final", "outputs"),
    )
)
"""What the parts of a bare task may be called; they are written as `q`, `agt` and `ogt`."""


@dataclass(frozen=True, slots=True)
class Located:
    """A change, and where it was made."""

    index: int
    """Of the call, from 0."""
    action: str
    change: Change

    @property
    def rule(self) -> str:
        """Why."""
        return self.change.rule

    def to_json(self) -> JsonObject:
        """All of it."""
        change = self.change
        made: JsonObject = {"argument": change.argument, "rule": change.rule}
        return {"index": self.index, "action": self.action, **made, "before": change.before, "after": change.after}

    def __str__(self) -> str:
        return f"action {self.index} ({self.action}): {self.change}"


def normalise_entry(task: StoredTask, *, drop_unknown: bool = False) -> tuple[JsonValue, list[Located]]:
    """A task of a file as it is to be written, and what was changed in it."""
    blueprint = task.blueprint
    calls: list[Call] = []
    changes: list[Located] = []
    for index, call in enumerate(blueprint.agt):
        schema = schemas().get(call.name)
        if schema is None:  # of a tool that nobody knows, nothing is known
            calls.append(call)
            continue
        arguments, found = normalize_arguments(call.name, call.arguments, schema, drop_unknown=drop_unknown)
        calls.append(Call(name=call.name, arguments=arguments))
        changes += [Located(index, call.name, change) for change in found]
    written = blueprint.model_copy(update={"agt": tuple(calls)}).model_dump(mode="json")
    return _replaced(task.entry, written), changes


@cache
def schemas() -> Mapping[str, JsonObject]:
    """What each tool takes."""
    return {spec.name: spec.parameters for spec in TypedRetailEnv.tool_specs()}


def _replaced(entry: JsonValue, task: JsonObject) -> JsonValue:
    """The entry with another task in it; what it says besides stays."""
    if not isinstance(entry, dict):
        return task
    inner = entry.get("task")
    if isinstance(inner, dict):
        return {**entry, "task": _replaced(inner, task)}
    return {**{key: value for key, value in entry.items() if key not in _OTHER_NAMES}, **task}
