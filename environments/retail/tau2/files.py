"""tau2-bench's files: `db.json`, `tasks.json`, and `split_tasks.json`, which tells what belongs to which split."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentgym.errors import DataFileError, UsageError
from agentgym.jsontext import parse_json
from agentgym.runs import write_whole
from environments.retail.task import RetailTask
from environments.retail.taskfiles import read_each
from environments.retail.tau2.entries import read_entry, write_entry
from environments.retail.tau2.opening import opening_state, world_of
from environments.retail.tau2.task import Tau2Task
from environments.retail.tau2.world import DB, Tau2DB

TASKS = "tasks.json"
SPLITS = "split_tasks.json"
DEFAULT_SPLIT = "test"
"""What all tasks belong to where no file tells."""


def read_tau2_tasks(path: str | Path, db: Tau2DB) -> Iterator[Tau2Task | DataFileError]:
    """The tasks of a file, and in the place of each that cannot be read, why."""
    _check_list(Path(path))
    for task in read_each(path, db, read=read_entry):
        yield task if isinstance(task, DataFileError) else _fitted(task, db, path)


def tau2_tasks_beside(db: Tau2DB, split: str | None = None) -> list[Tau2Task]:
    """The tasks of a split that lie beside the world, or all."""
    if db.folder is None or not (db.folder / TASKS).exists():
        return []
    tasks: dict[str, Tau2Task] = {}
    for task in read_tau2_tasks(db.folder / TASKS, db):
        if isinstance(task, DataFileError):
            raise task
        tasks[task.id] = task
    splits = _read_splits(db.folder / SPLITS, tasks)
    return list(tasks.values()) if split is None else [tasks[task_id] for task_id in splits.get(split, ())]


def write_tau2_tasks(path: Path, tasks: Iterable[RetailTask]) -> None:
    """Write tasks as one list."""
    _write_json(path, [write_entry(Tau2Task.of(task)) for task in tasks])


def write_tau2_world(
    folder: Path, db: Tau2DB, tasks: Mapping[str, Sequence[RetailTask]], *, replace: bool = False
) -> list[Path]:
    """Write `db.json`, `tasks.json` and `split_tasks.json`."""
    files = [folder / name for name in (DB, TASKS, SPLITS)]
    there = [path for path in files if path.exists()]
    if there and not replace:
        raise UsageError(f"{there[0]} is there already; give another folder, or --force to replace it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(files[0], {"products": db.products, "users": db.users, "orders": db.orders})
        write_tau2_tasks(files[1], (task for listed in tasks.values() for task in listed))
        _write_json(files[2], {split: [task.id for task in listed] for split, listed in tasks.items()})
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}; give another folder with -o") from None
    return files


def _check_list(path: Path) -> None:
    """Each line of another file would be taken for a task."""
    try:
        begins = path.read_text(encoding="utf-8-sig").lstrip()[:1]
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path}: cannot be read: {error}") from None
    if begins != "[":
        raise DataFileError(f"{path}: must be one JSON list of tasks, as tau2-bench has it")


def _write_json(path: Path, value: object) -> None:
    write_whole(path, f"{json.dumps(value, indent=1)}\n".encode())


def _fitted(task: RetailTask, db: Tau2DB, path: str | Path) -> Tau2Task | DataFileError:
    """The task with whose it is, if it can begin in this world."""
    fitting = Tau2Task.of(task)
    try:
        begun = opening_state(fitting, world_of(fitting, db))
    except DataFileError as error:
        return DataFileError(f"{path}: task {task.id!r}: initial_state.{error}")
    named = (begun.order(str(action.kwargs.get("order_id"))) for action in fitting.actions)
    owners = (order["user_id"] for order in named if order is not None)
    return fitting if task.user_id else fitting.model_copy(update={"user_id": next(owners, "")})


def _read_splits(path: Path, tasks: Mapping[str, Tau2Task]) -> dict[str, list[str]]:
    if not path.exists():
        return {DEFAULT_SPLIT: list(tasks)}
    try:
        splits: Any = parse_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataFileError(f"{path}: {error}") from None
    if not isinstance(splits, dict):
        raise DataFileError(f"{path}: holds a {type(splits).__name__}; it must be an object of lists of ids")
    for split, ids in splits.items():
        if not isinstance(ids, list):
            raise DataFileError(f"{path}: {split}: holds a {type(ids).__name__}; it must be a list of ids")
        for place, task_id in enumerate(ids):
            if not isinstance(task_id, str) or task_id not in tasks:
                raise DataFileError(f"{path}: {split}.{place}: there is no task {task_id!r} in {TASKS}")
            if task_id in ids[:place]:
                raise DataFileError(f"{path}: {split}.{place}: {task_id!r} stands twice")
    return splits
