"""Tasks in groups of the same kind, and how often each kind is solved."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from agentgym.messages import JsonObject
from environments.retail.desk import WRITES
from environments.retail.factory.analysis.results import Tested

TOP = 20
"""So many of the tools are named."""


def by_action_count(task: Tested) -> str:
    """How many calls the reference makes."""
    return str(len(task.names))


def by_read_write(task: Tested) -> str:
    """How many of them look something up, and how many change something."""
    writes = sum(name in WRITES for name in task.names)
    return f"r{len(task.names) - writes}_w{writes}"


def by_action_sequence(task: Tested) -> str:
    """Which tools it calls, in their order."""
    return " -> ".join(task.names)


GROUPINGS: dict[str, Callable[[Tested], str]] = {
    function.__name__: function for function in (by_action_count, by_read_write, by_action_sequence)
}


def tally(tasks: Sequence[Tested]) -> JsonObject:
    """How many there are, and how many of them were solved; nulls where nobody knows."""
    successes = [task.success for task in tasks if task.success is not None]
    exact = [task.exact for task in tasks if task.exact is not None]
    return {
        "total": len(tasks),
        "success_count": sum(successes) if successes else None,
        "success_rate": sum(successes) / len(successes) if successes else None,
        "exact_match_count": sum(exact) if exact else None,
        "exact_match_rate": sum(exact) / len(exact) if exact else None,
    }


def grouped(tasks: Sequence[Tested], key: Callable[[Tested], str]) -> dict[str, list[Tested]]:
    """The tasks of each kind; the kinds with most of them first."""
    groups: dict[str, list[Tested]] = {}
    for task in tasks:
        groups.setdefault(key(task), []).append(task)
    return dict(sorted(groups.items(), key=lambda group: (-len(group[1]), len(group[0]), group[0])))


def tallies(tasks: Sequence[Tested], *, shown: Callable[[list[Tested]], bool] = bool) -> JsonObject:
    """A tally of each group, by each way to group; of those groups that are to be shown."""
    return {
        name: {kind: tally(held) for kind, held in grouped(tasks, key).items() if shown(held)}
        for name, key in GROUPINGS.items()
    }


def usage_of_tools(tasks: Iterable[Tested]) -> JsonObject:
    """Which tools the references call most, and how evenly they call them: 0 where it is always the same one."""
    counts = Counter(name for task in tasks for name in task.names)
    total = counts.total()
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {
        "top_actions": [{"action": name, "count": count, "share": count / total} for name, count in ranked[:TOP]],
        "action_entropy": entropy(counts.values()),
    }


def entropy(counts: Iterable[int]) -> float:
    """In bits."""
    held = [count for count in counts if count]
    total = sum(held)
    return math.fsum(-count / total * math.log2(count / total) for count in held) + 0.0
