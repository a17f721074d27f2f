"""Tasks from a file: JSON Lines with a task a line, or one JSON list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from agentgym.env import Env
from agentgym.errors import DataFileError, one_line
from agentgym.jsontext import dump_json, parse_json
from agentgym.steps import task_id


def read_tasks(path: str | Path, env: Env[Any, Any, Any] | type[Env[Any, Any, Any]]) -> list[BaseModel]:
    """Read an environment's tasks; the first fault is a DataFileError that names file, line and field."""
    model: type[BaseModel] = env.task_type
    tasks: dict[str, BaseModel] = {}
    for where, text in _entries(Path(path)):
        try:
            parse_json(text)  # refuses a key that stands twice, which other readers pass over
            task = model.model_validate_json(text)
        except ValidationError as error:
            raise DataFileError(f"{where}: not a {model.__name__}: {one_line(error)}") from None
        except ValueError as error:
            raise DataFileError(f"{where}: {error}") from None
        if task_id(task) in tasks:
            raise DataFileError(f"{where}: the task id {task_id(task)!r} stands twice; ids must differ")
        tasks[task_id(task)] = task
    if not tasks:
        raise DataFileError(f"{path}: holds no task; write one {model.__name__} a line, as JSON")
    return list(tasks.values())


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path}: cannot be read: {error}; give a JSONL file with a task a line") from None
    if not text.lstrip().startswith("["):
        yield from ((f"{path}:{number}", line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
        return
    try:
        listed = parse_json(text)
    except ValueError as error:
        raise DataFileError(f"{path}: {error}") from None
    for number, item in enumerate(listed if isinstance(listed, list) else [], 1):
        yield f"{path}: task {number}", dump_json(item).decode()
