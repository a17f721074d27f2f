"""Rewards by name, in the shape of TRL's reward functions; they live beside their environments.

`reward_function("retail_action")` and `from trainers.rewards import retail_action_reward` give the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast

from agentgym.entrypoints import entry_points
from agentgym.errors import UnknownNameError, UsageError, did_you_mean
from agentgym.registry import load_target

GROUP = "agentgym.rewards"
_COMPLETION = "completion"
_SUFFIX = "_reward"


def reward_names() -> list[str]:
    """The names of all installed rewards."""
    return list(entry_points(GROUP))


def load_reward(name: str) -> Callable[..., float | None]:
    """The pure function behind a name, which scores one completion or one set of facts."""
    known = entry_points(GROUP)
    if name not in known:
        raise UnknownNameError(f"no reward {name!r}; {did_you_mean(name, known)}")
    loaded = load_target(known[name], name)
    if not callable(loaded) or inspect.iscoroutinefunction(loaded):
        raise UsageError(f"{name} ({known[name]}) is no plain function")
    return cast("Callable[..., float | None]", loaded)


class RewardFunction:
    """A reward of one row, asked of many: `function(completions=..., **columns)`.

    Each row's value of a column goes to the parameter of that name, and the completion to `completion`; columns that
    the reward does not know are passed over. A row in which a needed value is None gets None: it is of another task.
    """

    def __init__(self, score: Callable[..., float | None], name: str, settings: Mapping[str, object]) -> None:
        self.__name__ = name
        self._score = score
        self._settings = settings
        parameters = inspect.signature(score).parameters
        self._taken = [each for each in parameters.values() if each.name not in settings]
        if unknown := settings.keys() - parameters:
            told = did_you_mean(sorted(unknown)[0], parameters)
            raise UsageError(f"{name} has no setting {sorted(unknown)[0]!r}; {told}")

    def __call__(self, completions: Sequence[object], **columns: object) -> list[float | None]:
        """The score of each completion."""
        given = {each.name: self._values(each, completions, columns) for each in self._taken}
        known = {name: values for name, values in given.items() if values is not None}
        needed = [each.name for each in self._taken if each.default is inspect.Parameter.empty]
        rows = range(len(completions))
        return [self._scored({name: values[row] for name, values in known.items()}, needed) for row in rows]

    def _values(
        self, parameter: inspect.Parameter, completions: Sequence[object], columns: Mapping[str, object]
    ) -> Sequence[object] | None:
        if parameter.name == _COMPLETION:
            return completions
        values = columns.get(parameter.name)
        if values is None:
            if parameter.default is inspect.Parameter.empty:
                raise UsageError(f"{self.__name__} needs the column {parameter.name!r}, which the rows do not have")
            return None
        if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != len(completions):
            told = f"{self.__name__}: the column {parameter.name!r} must be a list of {len(completions)}"
            raise UsageError(f"{told}, one value for each completion")
        return values

    def _scored(self, row: Mapping[str, object], needed: Collection[str]) -> float | None:
        if any(row[name] is None for name in needed if name != _COMPLETION):
            return None
        optional = {name: value for name, value in row.items() if name in needed or value is not None}
        score = self._score(**optional, **self._settings)
        return None if score is None else float(score)


def reward_function(name: str, **settings: Any) -> RewardFunction:
    """The reward of a name for TRL's `reward_funcs`; `settings` are the same for all rows."""
    return RewardFunction(load_reward(name), f"{name}{_SUFFIX}", settings)


def __getattr__(attribute: str) -> RewardFunction:
    name = attribute.removesuffix(_SUFFIX)
    if name == attribute or name not in entry_points(GROUP):
        raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")
    return reward_function(name)
