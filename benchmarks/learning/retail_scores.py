"""What recorded episodes of retail say of the calls that were made, beside those that should have been."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, cast

from agentgym.episode import Episode
from agentgym.messages import JsonObject, Turn

Call = tuple[str, str]
"""A tool's name, and its arguments as text."""


def scores_of(episodes: Iterable[Episode]) -> dict[str, float]:
    """Means over episodes, and over their calls in `json_valid`.

    `f1` is of names and arguments; `decisions` the share of episodes that made the right calls by name and in order,
    and so acted where the order's status allows it, looked before, and else refused.
    """
    each = [_scores(episode) for episode in episodes]
    names = ("reward", "action_accuracy", "f1", "f1_names", "exact_match", "decisions")
    valid = [was for _, calls in each for was in calls]
    means = {name: round(fmean(scores[name] for scores, _ in each), 4) for name in names}
    return {"episodes": float(len(each)), "json_valid": round(fmean(valid), 4) if valid else 0.0} | means


def _scores(episode: Episode) -> tuple[dict[str, float], list[bool]]:
    actions = cast(Sequence[Mapping[str, Any]], episode.task["actions"])
    gold = [_signature(action["name"], action["kwargs"]) for action in actions]
    turns = [record.turn for record in episode.turns]
    made = [_signature(call.name, call.arguments) for turn in turns for call in turn.tool_calls]
    names, wanted = [name for name, _ in made], [name for name, _ in gold]
    scores = {
        "reward": episode.reward,
        "action_accuracy": _placed(names, wanted),
        "f1": _f1(made, gold),
        "f1_names": _f1(names, wanted),
        "exact_match": float(made == gold),
        "decisions": float(names == wanted),
    }
    return scores, [
        _is_valid(turn) for turn in turns if turn.tool_calls or "tool_call" in turn.text or "{" in turn.text
    ]


def _is_valid(turn: Turn) -> bool:
    return bool(turn.tool_calls) and all(call.problem is None for call in turn.tool_calls)


def _signature(name: str, arguments: JsonObject) -> Call:
    return name, json.dumps(arguments, sort_keys=True)


def _placed(made: Sequence[str], gold: Sequence[str]) -> float:
    """The share of names that are right in their places."""
    longer = max(len(made), len(gold))
    return sum(one == other for one, other in zip(made, gold, strict=False)) / longer if longer else 1.0


def _f1(made: Sequence[object], gold: Sequence[object]) -> float:
    shared = (Counter(made) & Counter(gold)).total()
    return 2 * shared / (len(made) + len(gold)) if made or gold else 1.0
