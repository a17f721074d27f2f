"""The report on a test, and the files that keep it."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import orjson
from pydantic import JsonValue

from agentgym.errors import UsageError
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.metrics import mean_pass_hat_k
from agentgym.runs import write_whole
from environments.retail.factory.results import Result
from environments.retail.factory.thresholds import Thresholds

COLUMNS = ("task_id", "success", "action_precision", "action_recall", "action_f1", "execution_time")
"""Of the table."""
_TIMES = ("execution_time", "model_response_time", "tool_execution_time")
_PERCENTILES = (50, 90, 99)
_NAMES = ("test_results_{}.json", "test_summary_{}.json", "test_summary_{}.csv", "test_visualization_{}.png")


@dataclass(frozen=True, slots=True)
class Setting:
    """How it was tested."""

    mode: str
    model: str
    user_model: str | None = None
    trials: int = 1


class Report:
    """What came of a test; every mean is one over tasks."""

    def __init__(self, results: Sequence[Result], setting: Setting) -> None:
        self.results = results
        self.setting = setting

    @cached_property
    def summary(self) -> JsonObject:
        """The figures; those of nothing are None."""
        evaluable = [result for result in self.results if result.evaluable]
        successful = sum(bool(result.success) for result in evaluable)
        setting = self.setting
        told: JsonObject = {
            "total_tasks": len(self.results),
            "successful": successful,
            "success_rate": successful / len(evaluable) if evaluable else None,
            "avg_action_precision": self.mean(lambda result: result.actions.names.precision),
            "avg_action_recall": self.mean(lambda result: result.actions.names.recall),
            "avg_action_f1": self.mean(lambda result: result.actions.names.f1),
            "exact_action_matches": sum(result.actions.exact for result in evaluable),
            "avg_output_match": self.mean(lambda result: result.output_match),
            "mode": setting.mode,
            "model": setting.model,
            "user_model": setting.user_model,
            "pass_hat_k": self._pass_hat_k(evaluable),
            "not_evaluable": len(self.results) - len(evaluable),
        }
        return {**told, "trials": setting.trials} if setting.trials > 1 else told

    def mean(self, figure: Callable[[Result], float]) -> float | None:
        """The mean over tasks of the means of their trials."""
        by_task = defaultdict[str, list[float]](list)
        for result in self.results:
            if result.evaluable:
                by_task[result.task_id].append(figure(result))
        means = [math.fsum(values) / len(values) for values in by_task.values()]
        return math.fsum(means) / len(means) if means else None

    def details(self, thresholds: Thresholds) -> JsonObject:
        """The summary with what stands in its own file besides."""
        verdicts = thresholds.verdicts(self.summary)
        evaluable = [result for result in self.results if result.evaluable]
        return {
            **self.summary,
            "thresholds": {verdict.name: verdict.to_json() for verdict in verdicts},
            "time_percentiles": {name: percentiles([getattr(row, name) for row in evaluable]) for name in _TIMES},
            "errors": _counted(_kind(result.error) for result in self.results if not result.evaluable),
            "failures": _counted(result.failure for result in evaluable if result.failure),
        }

    @property
    def pairs(self) -> Counter[tuple[str | None, str | None]]:
        """Tools that were expected, with those called in their places, over all tasks that can be evaluated."""
        total = Counter[tuple[str | None, str | None]]()
        for result in self.results:
            if result.evaluable:
                total.update(result.pairs)
        return total

    def rows(self) -> list[JsonObject]:
        """A row for each task, or for each trial of it."""
        return [result.to_json(with_trial=self.setting.trials > 1) for result in self.results]

    def _pass_hat_k(self, evaluable: Sequence[Result]) -> JsonObject:
        tried = Counter(result.task_id for result in evaluable)
        solved = Counter(result.task_id for result in evaluable if result.success)
        trials = [(solved[name], count) for name, count in tried.items()]
        most = max(tried.values(), default=0)
        return {str(k): mean_pass_hat_k(trials, k) for k in range(1, most + 1)}


def percentiles(values: Iterable[float]) -> JsonObject:
    """Of a list, between its values where it has none there; None of nothing."""
    ordered = sorted(values)
    return {f"p{share}": _percentile(ordered, share / 100) for share in _PERCENTILES}


def write_report(
    folder: Path, report: Report, thresholds: Thresholds, *, save: bool, picture: bytes | None = None
) -> list[Path]:
    """Write the files of a report, named by the time, none over another; returns where they are."""
    with_trial = report.setting.trials > 1
    contents = [None, None, None, picture]
    files: list[bytes | None] = list(contents)
    if save:
        results: JsonObject = {"summary": report.summary, "results": [*report.rows()]}
        files[:3] = [
            indented(results),
            indented(report.details(thresholds)),
            _table(report.results, with_trial=with_trial),
        ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = _free_paths(folder)
        for path, content in zip(paths, files, strict=True):
            if content is not None:
                write_whole(path, content)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}; name another --output-dir") from None
    return [path for path, content in zip(paths, files, strict=True) if content is not None]


def stamp(moment: datetime) -> str:
    """A time as names of files have it."""
    return f"{moment:%Y%m%d_%H%M%S}"


def _free_paths(folder: Path) -> list[Path]:
    """Names with the time now, or with the next second that none has yet."""
    moment = datetime.now()
    while True:
        paths = [folder / name.format(stamp(moment)) for name in _NAMES]
        if not any(path.exists() for path in paths):
            return paths
        moment += timedelta(seconds=1)


def indented(value: JsonObject) -> bytes:
    """JSON as people read it."""
    whole = orjson.loads(dump_json(value))  # without halves of characters, which no file can hold
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _table(results: Sequence[Result], *, with_trial: bool) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        row = result.to_json()
        writer.writerow(["" if row[name] is None else row[name] for name in COLUMNS])
    return text.getvalue().encode()


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _kind(error: str | None) -> str:
    """What broke, without the words of the single case."""
    return ": ".join((error or "unknown").split(": ")[:2])


def _counted(names: Iterable[str | None]) -> JsonObject:
    counts: dict[str, JsonValue] = {str(name): count for name, count in Counter(names).most_common()}
    return counts
