"""How the agent went about a whole run: also in episodes that a limit cut, which grant no reward terms."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from agentgym.episode import Episode, StepRecord
from agentgym.errors import DataFileError
from agentgym.folds import ExactSum
from agentgym.messages import JsonObject, ToolCall
from environments.retail.arguments import read_arguments
from environments.retail.conduct import Call, Conduct, Event, Line, Overlap, judge_conduct
from environments.retail.database import RetailDB, shared_db
from environments.retail.desk import Outcome
from environments.retail.env import RESPOND
from environments.retail.world.own import own_world

_KINDS = {
    "without a yes": "unconfirmed change",
    "before it was known": "unidentified customer",
    "while serving": "another customer",
}
"""What breaches are counted as, by words of their texts."""


def conduct(episodes: Iterator[Episode]) -> JsonObject:
    """Means over all episodes that say something of the agent; of the breaches, how many there were of each kind."""
    sums = _Sums()
    for episode in episodes:
        if episode.outcome == "not_evaluable":
            continue
        try:
            db = _world_of(episode)
        except DataFileError as error:
            return {"not_available": f"whose orders are whose is not known any more: {error}"}
        sums.add(judge_conduct(_events(episode), _expected(episode), db))
    return sums.to_json()


class _Sums:
    """What episodes come to together."""

    def __init__(self) -> None:
        self._count = self._broken = 0
        self._totals: defaultdict[str, ExactSum] = defaultdict(ExactSum)
        self._kinds, self._tools = Counter[str](), Counter[str]()

    def add(self, judged: Conduct) -> None:
        self._count += 1
        for name, value in _figures(judged).items():
            self._totals[name].add(value)
        self._broken += bool(judged.violations)
        self._kinds.update(map(_kind, judged.violations))
        self._tools.update(text.partition(":")[0] for text in judged.violations)

    def to_json(self) -> JsonObject:
        violations: JsonObject = {
            "total": self._kinds.total(),
            "episodes_with": self._broken,
            "by_kind": {kind: self._kinds[kind] for kind in _KINDS.values()},
            "by_tool": dict(sorted(self._tools.items())),
        }
        means: JsonObject = {name: total.mean(self._count) for name, total in self._totals.items()}
        return {"episodes": self._count, **means, "violations": violations}


def _figures(judged: Conduct) -> dict[str, float]:
    parts = {"action": judged.names, "strict": judged.strict, "read": judged.reads, "write": judged.writes}
    figures = {f"{name}_{key}": value for name, part in parts.items() for key, value in _of(part).items()}
    return {**figures, "exact_names": float(judged.exact_names), "exact_actions": float(judged.exact)}


def _of(part: Overlap) -> dict[str, float]:
    return {"precision": part.precision, "recall": part.recall, "f1": part.f1}


def _kind(text: str) -> str:
    return next(kind for words, kind in _KINDS.items() if words in text)


def _world_of(episode: Episode) -> RetailDB:
    """Whose orders are whose, which is the same in all profiles."""
    config = episode.environment.config
    data = config.get("data")
    if data is None:
        return own_world()
    if config.get("profile") == "tau2":
        from environments.retail.tau2.world import shared_tau2_db

        return shared_tau2_db(str(data))
    return shared_db(str(data))


def _expected(episode: Episode) -> list[Call]:
    actions: Any = episode.task.get("actions", ())
    return [Call(action["name"], action["kwargs"]) for action in actions]


def _events(episode: Episode) -> list[Event]:
    """The episode as the environment saw it."""
    heard: list[Event] = [Line(message.content, by_agent=False) for message in episode.opening]
    return heard + [event for step in episode.steps() for event in _of_step(step)]


def _of_step(step: StepRecord) -> list[Event]:
    action: Any = step.action
    seen: Any = step.observation
    arguments = action.get("arguments")
    if action["type"] == "bad_call":
        arguments = read_arguments(ToolCall(action["tool"], raw=action["raw"])) or {}
    said = action["text"] if action["type"] == "say" else arguments.get("content")
    if action["type"] == "say" or (action["tool"] == RESPOND and isinstance(said, str)):
        return [Line(said, by_agent=True), Line(seen["text"], by_agent=False)]
    failed = seen.get("failed", action["type"] == "bad_call" and not seen.get("changed"))
    return [Call(action["tool"], arguments, Outcome(seen["text"], seen.get("changed", False), failed))]
