"""A world as files, in the original's layout."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentgym.errors import UsageError
from agentgym.runs import write_whole
from environments.retail.database import RetailDB
from environments.retail.task import RetailTask
from environments.retail.taskfiles import write_task_file


def write_world(
    folder: Path, db: RetailDB, tasks: Mapping[str, Sequence[RetailTask]], *, replace: bool = False
) -> list[Path]:
    """Write `users.json`, `orders.json`, `products.json`, and `tasks_SPLIT.jsonl` for each split that has tasks."""
    tables = {folder / f"{name}.json": getattr(db, name) for name in ("users", "orders", "products")}
    splits = {folder / f"tasks_{split}.jsonl": listed for split, listed in tasks.items() if listed}
    there = [path for path in (*tables, *splits) if path.exists()]
    if there and not replace:
        raise UsageError(f"{there[0]} is there already; give another folder, or --force to replace it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, records in tables.items():
            write_whole(path, f"{json.dumps(records, indent=1)}\n".encode())
        for path, listed in splits.items():
            write_task_file(path, listed)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}; give another folder with -o") from None
    return [*tables, *splits]
