"""The results of tests, as `agentgym tasks test --save-results` writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentgym.errors import DataFileError
from agentgym.jsontext import parse_json
from environments.retail.factory.envelope import Blueprint
from environments.retail.factory.files import StoredTask

_UNCOUNTED = ("respond", "think")


@dataclass(frozen=True, slots=True)
class Result:
    """How one test of a task went."""

    task_id: str
    success: bool | None
    """None where it could not be evaluated."""
    exact: bool | None = None
    """Whether just the calls of the reference were made, in their order."""
    output_match: float | None = None
    error: str | None = None
    predicted: tuple[str, ...] | None = None
    """The tools that were called; None where the file does not say."""


@dataclass(frozen=True, slots=True)
class Tested:
    """A task, and a test of it."""

    id: str
    blueprint: Blueprint
    result: Result | None = None
    """None for a task that was not tested."""

    @property
    def success(self) -> bool | None:
        """Whether it was solved; None where nobody knows."""
        return None if self.result is None else self.result.success

    @property
    def exact(self) -> bool | None:
        """Whether it was solved, or tried, by just the calls of the reference."""
        return None if self.result is None else self.result.exact

    @property
    def names(self) -> tuple[str, ...]:
        """The tools of the reference."""
        return tuple(call.name for call in self.blueprint.agt)


def read_results(path: str | Path) -> list[Result]:
    """The results in a file, in its order: one for each task and trial."""
    try:
        held = parse_json(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataFileError(f"{path}: cannot be read: {error}; give a test_results_*.json") from None
    rows = held.get("results") if isinstance(held, dict) else held
    if not isinstance(rows, list) or not rows:
        raise DataFileError(f"{path}: holds no results; give a test_results_*.json of: agentgym tasks test")
    return [_result(row, f"{path}: result {number}") for number, row in enumerate(rows, 1)]


def join(tasks: Iterable[tuple[str, Blueprint]], results: Sequence[Result]) -> list[Tested]:
    """Each result with its task, in the order of the results; one whose task is not there is refused."""
    known = dict(tasks)
    for result in results:
        if result.task_id not in known:
            raise DataFileError(f"there is no task {result.task_id!r} among the tasks; give the file that was tested")
    return [Tested(result.task_id, known[result.task_id], result) for result in results]


def as_told(tasks: Iterable[StoredTask]) -> list[Tested]:
    """Tasks of a file with what their envelopes say of them; a bare task says nothing."""
    return [Tested(task.id, task.blueprint, _told(task)) for task in tasks]


def _told(task: StoredTask) -> Result | None:
    success = task.entry.get("success") if isinstance(task.entry, Mapping) else None
    return Result(task.id, success) if isinstance(success, bool) else None


def _result(row: Any, where: str) -> Result:
    if not isinstance(row, Mapping) or not isinstance(row.get("task_id"), str):
        raise DataFileError(f"{where}: has no task_id; give a test_results_*.json")
    success = row.get("success")
    if success not in (True, False, None):
        raise DataFileError(f"{where}: success: {success!r} is neither true, false nor null")
    exact, match, error = row.get("exact_action_match"), row.get("output_match"), row.get("error")
    return Result(
        task_id=row["task_id"],
        success=None if success is None else bool(success),
        exact=bool(exact) if isinstance(exact, (bool, int)) else None,
        output_match=float(match) if isinstance(match, (int, float)) else None,
        error=None if error is None else str(error),
        predicted=_names(row.get("actions")),
    )


def _names(actions: Any) -> tuple[str, ...] | None:
    if not isinstance(actions, list):
        return None
    named = (action.get("name") if isinstance(action, Mapping) else action for action in actions)
    return tuple(name for name in named if isinstance(name, str) and name not in _UNCOUNTED)
