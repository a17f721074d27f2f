"""Two runs on the same tasks, compared pair by pair: what differs between tasks then cancels out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from zlib import crc32

from agentgym.facts import EpisodeFacts
from agentgym.jsontext import dump_json, in_order
from agentgym.metrics import Difference, paired_difference, sign_test

_Scored = tuple[float, float]
"""Whether an episode was solved, and its reward; or the means of several."""
_Key = tuple[str, int]
"""A task and a trial of it."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """A figure of both runs, over the pairs, and how much higher it is in the second."""

    a: float
    b: float
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two runs say of each other; every mean is one over tasks."""

    tasks: int
    """With at least one pair."""
    pairs: int
    """Of episodes, or of tasks where the means of their trials are compared; so in the following counts."""
    not_evaluable: int
    """Pairs that are left out because one of the two, or both, cannot be judged."""
    only_in_a: int
    """Without a counterpart."""
    only_in_b: int
    changed: int = 0
    """Tasks that are not the same in both, though their ids are."""
    solved_rate: Contrast | None = None
    """None where there is no pair."""
    mean_reward: Contrast | None = None
    lost: tuple[str, ...] = ()
    """Tasks solved in A and not in B; with several trials, less often in B."""
    gained: tuple[str, ...] = ()
    sign_test: float = 1.0
    """How likely so lopsided a count of tasks lost and gained is where neither run is better."""


def compare(
    a: Iterable[EpisodeFacts], b: Iterable[EpisodeFacts], *, by_trial: bool = True, seed: int = 0
) -> Comparison:
    """Compare run B with run A: each trial of a task with the same trial of it, or else, where their trials have
    nothing in common, the means of each task's trials.

    Intervals come from drawing tasks anew, for trials of one task tend to go alike.
    """
    (first, tasks_a), (second, tasks_b) = _read(a, by_trial), _read(b, by_trial)
    shared = [key for key in first if key in second]
    pairs = {key: (_mean(first[key]), _mean(second[key])) for key in shared if first[key] and second[key]}
    by_task = dict[str, list[tuple[_Scored, _Scored]]]()
    for (task, _), pair in pairs.items():
        by_task.setdefault(task, []).append(pair)
    means = {task: (_mean([a for a, _ in held]), _mean([b for _, b in held])) for task, held in by_task.items()}
    lost = sorted(task for task, (a, b) in means.items() if a[0] > b[0])
    gained = sorted(task for task, (a, b) in means.items() if a[0] < b[0])
    return Comparison(
        tasks=len(means),
        pairs=len(pairs),
        not_evaluable=len(shared) - len(pairs),
        only_in_a=len(first) - len(shared),
        only_in_b=len(second) - len(shared),
        changed=sum(tasks_b.get(task, digest) != digest for task, digest in tasks_a.items()),
        solved_rate=_contrast([(a[0], b[0]) for a, b in means.values()], span=1.0, seed=seed),
        mean_reward=_contrast([(a[1], b[1]) for a, b in means.values()], span=_span(means.values()), seed=seed),
        lost=tuple(lost),
        gained=tuple(gained),
        sign_test=sign_test(len(gained), len(lost)),
    )


def _read(episodes: Iterable[EpisodeFacts], by_trial: bool) -> tuple[dict[_Key, list[_Scored]], dict[str, int]]:
    """The scores of a run, none where nothing can be judged; and what tells its tasks from others of the same id."""
    scores, tasks = dict[_Key, list[_Scored]](), dict[str, int]()
    for facts in episodes:
        tasks[facts.task_id] = crc32(dump_json(in_order(facts.task)))
        held = scores.setdefault((facts.task_id, facts.trial if by_trial else 0), [])
        if facts.outcome != "not_evaluable":
            held.append((float(facts.outcome == "solved"), facts.reward))
    return scores, tasks


def _mean(scores: list[_Scored]) -> _Scored:
    count = len(scores)
    return math.fsum(solved for solved, _ in scores) / count, math.fsum(reward for _, reward in scores) / count


def _contrast(pairs: list[tuple[float, float]], *, span: float, seed: int) -> Contrast | None:
    if not pairs:
        return None
    a, b = (math.fsum(values) / len(pairs) for values in zip(*pairs, strict=True))
    found = paired_difference(pairs, span=span, seed=seed)
    return Contrast(a, b, replace(found, low=max(found.low, -span), high=min(found.high, span)))


def _span(means: Iterable[tuple[_Scored, _Scored]]) -> float:
    """How far rewards lie apart, as far as can be seen; at least by one."""
    rewards = [reward for pair in means for _, reward in pair]
    return max(1.0, max(rewards, default=0.0) - min(rewards, default=0.0))
