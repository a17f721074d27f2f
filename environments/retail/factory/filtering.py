"""Tasks by how their tests went, and tasks that are looked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from agentgym.errors import UsageError, did_you_mean
from agentgym.messages import JsonObject
from environments.retail.factory.analysis.results import Result
from environments.retail.factory.files import StoredTask

if TYPE_CHECKING:
    from environments.retail.database import RetailDB
    from environments.retail.factory.checks import Entry

Verdict = Literal["successful", "failed", "not_evaluable", "untested"]


@dataclass(frozen=True, slots=True)
class Parted:
    """Tasks by their verdicts, in the order of their file."""

    successful: Sequence[StoredTask]
    failed: Sequence[StoredTask]
    not_evaluable: Sequence[StoredTask]
    """Their tests broke."""
    untested: Sequence[StoredTask]

    def summary(self) -> JsonObject:
        """How many there are of each, and which."""
        judged = len(self.successful) + len(self.failed)
        return {
            "timestamp": datetime.now().astimezone().isoformat(timespec="seconds"),
            "total_tasks": judged + len(self.not_evaluable) + len(self.untested),
            "successful_tasks": len(self.successful),
            "failed_tasks": len(self.failed),
            "not_evaluable": len(self.not_evaluable),
            "untested": len(self.untested),
            "success_rate": len(self.successful) / judged if judged else 0.0,
            "successful_task_ids": [task.id for task in self.successful],
            "failed_task_ids": [task.id for task in self.failed],
        }


@dataclass(frozen=True, slots=True)
class Found:
    """A task that was looked for, and why it was found."""

    task: StoredTask
    results: Sequence[Result] = ()
    entries: Sequence[Entry] = ()
    """What is wrong with it, of what was looked for."""

    def to_json(self) -> JsonObject:
        """All of it."""
        found: JsonObject = {"task_id": self.task.id, "entry": self.task.entry}
        if self.results:
            found["results"] = [_result_json(result) for result in self.results]
        if self.entries:
            found["findings"] = [
                {"code": entry.code, "level": entry.level, "index": entry.index, "message": entry.message}
                for entry in self.entries
            ]
        return found


def part(tasks: Iterable[StoredTask], results: Sequence[Result] | None) -> Parted:
    """Part tasks by their tests, or without any by what their envelopes say.

    A task counts as solved where every test of it that could be judged solved it.
    """
    parts: dict[Verdict, list[StoredTask]] = {"successful": [], "failed": [], "not_evaluable": [], "untested": []}
    by_task = None if results is None else by_id(results)
    for task in tasks:
        verdict = _said(task) if by_task is None else _judged(by_task.get(task.id, ()))
        parts[verdict].append(task)
    return Parted(**parts)


def by_id(results: Iterable[Result]) -> dict[str, list[Result]]:
    """The results of each task."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.task_id, []).append(result)
    return found


def find_by_ids(tasks: Sequence[StoredTask], ids: Sequence[str]) -> list[StoredTask]:
    """The tasks of these ids, in the order in which they are named; an unknown one is refused."""
    known = {task.id: task for task in tasks}
    for wanted in ids:
        if wanted not in known:
            raise UsageError(f"there is no task {wanted!r} in the file; {did_you_mean(wanted, list(known)[:1000])}")
    return [known[wanted] for wanted in dict.fromkeys(ids)]


def find_by_codes(tasks: Iterable[StoredTask], codes: Collection[str], db: RetailDB) -> Iterator[Found]:
    """The tasks in which the checks find something of these codes; `POLICY_*` stands for all that begin so."""
    from environments.retail.factory.checks import canonical_key, check_blueprint

    known: set[str] = set()
    for task in tasks:
        checked = check_blueprint(task.given, db, accepted=known)
        wanted = [entry for entry in checked.entries if any(fnmatchcase(entry.code, code) for code in codes)]
        if wanted:
            yield Found(task, entries=wanted)
        if checked.blueprint.agt:
            known.add(canonical_key(checked.blueprint, user_id=checked.user_id))


def failed_only(tasks: Iterable[StoredTask], results: Mapping[str, Sequence[Result]]) -> Iterator[Found]:
    """The tasks that some test did not solve, with their results."""
    for task in tasks:
        held = results.get(task.id, ())
        if any(result.success is False for result in held):
            yield Found(task, results=held)


def _said(task: StoredTask) -> Verdict:
    """What the envelope says; a bare task says nothing."""
    said = isinstance(task.entry, dict) and isinstance(task.entry.get("success"), bool)
    return ("successful" if task.accepted else "failed") if said else "untested"


def _judged(results: Sequence[Result]) -> Verdict:
    if not results:
        return "untested"
    judged = [result.success for result in results if result.success is not None]
    if not judged:
        return "not_evaluable"
    return "successful" if all(judged) else "failed"


def _result_json(result: Result) -> JsonObject:
    return {
        "success": result.success,
        "exact_action_match": result.exact,
        "output_match": result.output_match,
        "error": result.error,
        "actions": None if result.predicted is None else list(result.predicted),
    }
