"""The calls an agent made beside those of a reference: how many were right, by name and by all they say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentgym.episode import Episode
from agentgym.messages import JsonObject

UNCOUNTED = ("respond", "think")
"""Calls that do nothing."""
_GOLD = ("actions", "agt", "gold_actions")
_ARGUMENTS = ("kwargs", "arguments")


@dataclass(frozen=True, slots=True)
class Action:
    """One call of a tool."""

    name: str
    arguments: JsonObject


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the calls made are those of the reference; all from 0 to 1."""

    action_accuracy: float
    """The share of right names, of the calls that were made or expected, whichever are more."""
    exact_match: float
    """1 where the same calls were made with the same arguments in the same order."""
    f1: float
    """Of precision and recall, by names."""
    f1_strict: float
    """The same by names and arguments."""


def agreement(gold: Sequence[Action], made: Sequence[Action]) -> Agreement:
    """Compare; two empty lists agree."""
    gold, made = _counted(gold), _counted(made)
    names = [action.name for action in made], [action.name for action in gold]
    whole = [_signature(action) for action in made], [_signature(action) for action in gold]
    longer = max(len(gold), len(made))
    return Agreement(
        action_accuracy=_shared(*names) / longer if longer else 1.0,
        exact_match=float(whole[0] == whole[1]),
        f1=_f1(*names),
        f1_strict=_f1(*whole),
    )


def gold_actions(task: JsonObject) -> tuple[Action, ...] | None:
    """The reference's calls, where the task lists some as `{name, arguments}`; None where it knows of none."""
    for key in _GOLD:
        listed = task.get(key)
        if isinstance(listed, Sequence) and all(isinstance(one, Mapping) and "name" in one for one in listed):
            return tuple(_action(one) for one in listed if isinstance(one, Mapping))
    return None


def made_actions(episode: Episode) -> tuple[Action, ...]:
    """The agent's calls in order; one that could not be read has no arguments."""
    calls = (call for record in episode.turns for call in record.turn.tool_calls)
    return tuple(Action(call.name, call.arguments) for call in calls)


def valid_calls(episode: Episode) -> Iterator[bool]:
    """Of each turn that made calls, whether all of them were valid JSON."""
    for record in episode.turns:
        if record.turn.tool_calls:
            yield all(call.problem is None for call in record.turn.tool_calls)


def _action(told: Mapping[str, Any]) -> Action:
    arguments: Mapping[str, Any] = next((told[key] for key in _ARGUMENTS if isinstance(told.get(key), Mapping)), {})
    return Action(str(told["name"]), dict(arguments))


def _counted(actions: Sequence[Action]) -> list[Action]:
    return [action for action in actions if action.name not in UNCOUNTED]


def _signature(action: Action) -> tuple[str, str]:
    return action.name, _comparable(action.arguments)


def _comparable(arguments: Mapping[str, Any]) -> str:
    """One text for arguments that mean the same: numbers to the cent, words in any case, lists of ids in any order.

    Several lists of ids of one length are pairs, which stay together.
    """
    held = {key: _plain(key, value) for key, value in arguments.items() if value is not None}
    lists = sorted(key for key, value in held.items() if key.endswith("_ids") and isinstance(value, list))
    if len({len(held[key]) for key in lists}) == 1:
        held["*"] = sorted(json.dumps(row) for row in zip(*(held.pop(key) for key in lists), strict=True))
        held["*of"] = lists
    return json.dumps(held, sort_keys=True)


def _plain(key: str, value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, str) and not key.endswith(("_id", "_ids")):
        return value.casefold()
    return value


def _shared(made: Sequence[object], gold: Sequence[object]) -> int:
    return (Counter(made) & Counter(gold)).total()


def _f1(made: Sequence[object], gold: Sequence[object]) -> float:
    """1 where nothing was expected or done; 0 where something was done for nothing."""
    return 2 * _shared(made, gold) / (len(made) + len(gold)) if made or gold else 1.0
