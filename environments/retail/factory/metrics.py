"""How an agent's calls and words compare with those of a task; whether it succeeded is for the shop to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from environments.retail.conduct import Overlap
from environments.retail.factory.envelope import Call
from environments.retail.factory.normalise import canonical_call
from environments.retail.telling import facts_told

SUCCESS = 0.99
"""From this reward on an episode is a success."""
UNCOUNTED = ("respond", "think")
"""Calls that are no actions."""


@dataclass(frozen=True, slots=True)
class ActionMetrics:
    """The calls that were made beside those that were expected, all figures from 0 to 1."""

    names: Overlap
    """By the tools' names alone."""
    strict: Overlap
    """By names and arguments."""
    exact_names: bool
    """Whether the same tools were called in the same order."""
    exact: bool
    """Whether the same calls were made in the same order."""


def compare_actions(predicted: Iterable[Call], expected: Iterable[Call]) -> ActionMetrics:
    """Compare calls with those of a task, as multisets and in their order."""
    predicted, expected = tuple(predicted), tuple(expected)
    made, wanted = _signed(predicted), _signed(expected)
    made_names, wanted_names = _names(predicted), _names(expected)
    return ActionMetrics(
        names=_overlap(made_names, wanted_names),
        strict=_overlap(made, wanted),
        exact_names=made_names == wanted_names,
        exact=made == wanted,
    )


def output_match(outputs: Sequence[str], said: Sequence[str]) -> float:
    """The share of what had to be told that was told."""
    told = facts_told(outputs, said)
    return sum(told[output] for output in outputs) / len(outputs) if outputs else 1.0


def paired_tools(predicted: Iterable[Call], expected: Iterable[Call]) -> Counter[tuple[str | None, str | None]]:
    """Which tool was called where which was expected: equal names first, the others in their order, the rest alone."""
    made, wanted = _names(predicted), _names(expected)
    shared = Counter(made) & Counter(wanted)
    pairs = Counter[tuple[str | None, str | None]]({(name, name): count for name, count in shared.items()})
    left_wanted, left_made = _without(wanted, shared), _without(made, shared)
    paired = min(len(left_wanted), len(left_made))
    pairs.update(zip(left_wanted, left_made, strict=False))
    pairs.update((name, None) for name in left_wanted[paired:])
    pairs.update((None, name) for name in left_made[paired:])
    return pairs


def _names(calls: Iterable[Call]) -> list[str]:
    return [call.name for call in calls if call.name not in UNCOUNTED]


def _signed(calls: Iterable[Call]) -> list[tuple[str, str]]:
    return [canonical_call(call.name, call.arguments) for call in calls if call.name not in UNCOUNTED]


def _overlap(made: Sequence[object], expected: Sequence[object]) -> Overlap:
    return Overlap((Counter(made) & Counter(expected)).total(), len(made), len(expected))


def _without(names: Iterable[str], taken: Counter[str]) -> list[str]:
    """The names that are left, in their order, when some of each are taken."""
    left, still = list[str](), Counter(taken)
    for name in names:
        if still[name]:
            still[name] -= 1
        else:
            left.append(name)
    return left
