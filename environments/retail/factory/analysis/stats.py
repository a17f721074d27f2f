"""What tasks ask for, and how often they are solved: all of them, those that were solved, those that were not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import mean, median
from typing import Literal

from agentgym.messages import JsonObject
from environments.retail.factory.analysis.groups import tallies, tally, usage_of_tools
from environments.retail.factory.analysis.results import Tested


def stats(tasks: Sequence[Tested]) -> JsonObject:
    """All tasks, by what their references do."""
    evaluable = _evaluable(tasks)
    counts = [len(task.names) for task in evaluable]
    return {
        "total_tasks": len(tasks),
        "not_evaluable": len(tasks) - len(evaluable),
        **_without_total(tally(evaluable)),
        "avg_actions": mean(counts) if counts else 0.0,
        "median_actions": median(counts) if counts else 0.0,
        "avg_outputs": mean(len(task.blueprint.ogt) for task in evaluable) if evaluable else 0.0,
        **tallies(evaluable),
        **usage_of_tools(evaluable),
    }


def outcomes(tasks: Sequence[Tested], which: Literal["successes", "failures"]) -> JsonObject:
    """The tasks that were solved, or those that were not, with what they have in common.

    A group is told of with all its tasks, where at least one of them is meant.
    """
    wanted = which == "successes"
    evaluable = _evaluable(tasks)
    chosen = [task for task in evaluable if task.success is wanted]
    return {
        "total_tasks": len(tasks),
        "not_evaluable": len(tasks) - len(evaluable),
        **_without_total(tally(evaluable)),
        **tallies(evaluable, shown=lambda held: any(task.success is wanted for task in held)),
        **usage_of_tools(chosen),
        **({} if wanted else _faults(chosen)),
        "task_ids": [task.id for task in chosen],
    }


def _evaluable(tasks: Sequence[Tested]) -> list[Tested]:
    """Without tests that broke, which say nothing of a task."""
    return [task for task in tasks if task.result is None or task.result.success is not None]


def _without_total(figures: JsonObject) -> JsonObject:
    return {name: value for name, value in figures.items() if name != "total"}


def _faults(failed: Sequence[Tested]) -> JsonObject:
    """What was left out, what was done besides, and what was not told."""
    missed, added = Counter[str](), Counter[str]()
    told = [task.result.output_match for task in failed if task.result and task.result.output_match is not None]
    for task in failed:
        predicted = None if task.result is None else task.result.predicted
        if predicted is not None:
            missed += Counter(task.names) - Counter(predicted)
            added += Counter(predicted) - Counter(task.names)
    errors = Counter(task.result.error for task in failed if task.result and task.result.error)
    return {
        "missing_actions": dict(missed.most_common()),
        "unexpected_actions": dict(added.most_common()),
        "not_told": sum(match < 1 for match in told),
        "errors": dict(errors.most_common()),
    }
