"""Task files: JSON Lines, or one JSON list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from agentgym.errors import DataFileError, one_line
from agentgym.jsontext import dump_json, parse_json
from agentgym.runs import write_whole
from environments.retail.database import RetailDB
from environments.retail.desk import perform
from environments.retail.state import State
from environments.retail.task import RetailTask

Read = Callable[[object], RetailTask]
"""Makes a task of what stands in a file."""


def read_task_file(path: str | Path, db: RetailDB | None = None, *, prefix: str | None = None) -> list[RetailTask]:
    """Read the tasks of a file; those without an id are numbered from 0, after `prefix` or the file's own name.

    With a world, users that it does not hold are reported.
    """
    tasks: list[RetailTask] = []
    for read in read_each(path, db, prefix=prefix):
        if isinstance(read, DataFileError):
            raise read
        tasks.append(read)
    return tasks


def read_each(
    path: str | Path,
    db: RetailDB | None = None,
    *,
    prefix: str | None = None,
    read: Read = RetailTask.model_validate,
) -> Iterator[RetailTask | DataFileError]:
    """The tasks of a file, and in the place of each that cannot be read, why."""
    path = Path(path)
    prefix = path.stem.removeprefix("tasks_") if prefix is None else prefix
    known: set[str] = set()
    number = -1
    for number, (where, entry) in enumerate(_entries(path)):
        try:
            entry = {"id": f"{prefix}-{number}", **entry} if isinstance(entry, dict) else entry
            task = _read(where, entry, db, read)
            if task.id in known:
                raise DataFileError(f"{where}: id: {task.id!r} stands twice; ids must differ")
            known.add(task.id)
            yield task
        except DataFileError as error:
            yield error
    if number < 0:
        yield DataFileError(f"{path}: holds no task; write one a line, as JSON")


def write_task_file(path: str | Path, tasks: Iterable[RetailTask], *, ids: bool = False) -> None:
    """Write tasks one a line, as the original has them; their ids only where they do not follow from their places."""
    rows = (task.model_dump(mode="json", exclude=None if ids else {"id"}) for task in tasks)
    write_whole(Path(path), b"".join(dump_json(row) + b"\n" for row in rows))


def tasks_beside(db: RetailDB, split: str | None = None) -> list[RetailTask]:
    """The tasks of the files `tasks_SPLIT.jsonl` (or `.json`) that lie in the world's folder."""
    return [task for path in task_files(db, split) for task in read_task_file(path, db)]


def task_files(db: RetailDB, split: str | None = None) -> Sequence[Path]:
    """The files `tasks_SPLIT.jsonl` (or `.json`) that lie in the world's folder, or in that around its `data`."""
    if db.folder is None:
        return []
    wanted = "*" if split is None else split
    folders = (db.folder, db.folder.parent) if db.folder.name == "data" else (db.folder,)
    found = {path for folder in folders for path in folder.glob(f"tasks_{wanted}.json*")}
    return sorted(path for path in found if path.suffix in (".json", ".jsonl"))


def _read(where: str, entry: object, db: RetailDB | None, read: Read) -> RetailTask:
    if isinstance(entry, DataFileError):
        raise entry
    try:
        task = read(entry)
    except ValidationError as error:
        raise DataFileError(f"{where}: not a RetailTask: {one_line(error)}") from None
    if db is None:
        return task
    task = task if task.user_id else task.model_copy(update={"user_id": _identified(task, db)})
    if task.user_id and task.user_id not in db.users:
        raise DataFileError(f"{where}: user_id: there is no user {task.user_id!r}")
    return task


def _identified(task: RetailTask, db: RetailDB) -> str:
    """The user whom the task's own actions find."""
    searches = (action for action in task.actions if action.name.startswith("find_user_id_by_"))
    found = (perform(State(db), search.name, search.kwargs) for search in searches)
    return next((outcome.text for outcome in found if not outcome.failed), "")


def _entries(path: Path) -> Iterator[tuple[str, object]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path}: cannot be read: {error}") from None
    if text.lstrip().startswith("["):
        listed = _parsed(text, str(path))
        if isinstance(listed, DataFileError):
            raise listed
        for number, entry in enumerate(listed if isinstance(listed, list) else [], 1):
            yield f"{path}: task {number}", entry
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"{path}:{number}", _parsed(line, f"{path}:{number}")


def _parsed(text: str, where: str) -> object:
    """What the text says, or why it says nothing."""
    try:
        return parse_json(text)
    except ValueError as error:
        return DataFileError(f"{where}: {error}")
