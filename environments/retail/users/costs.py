"""What the customers of a run cost, and a judge, who are no part of what the agent costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from agentgym.episode import Episode
from agentgym.messages import JsonObject


def user_costs(episodes: Iterator[Episode]) -> JsonObject:
    """Tokens, calls and money by the name of who used them; nothing where no model played a customer, nor judged."""
    totals = defaultdict[str, dict[str, Any]](dict)
    for episode in episodes:
        for step in episode.steps():
            for told in map(step.info.get, ("user", "judge")):
                if isinstance(told, dict):
                    _add(totals[str(told.get("name"))], told)
    return dict(sorted(totals.items()))


def _add(total: dict[str, Any], told: JsonObject) -> None:
    for name, value in told.items():
        if isinstance(value, (int, float)):
            total[name] = total.get(name, 0) + value
