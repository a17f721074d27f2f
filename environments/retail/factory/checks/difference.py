"""What calls changed, so that people and reviewers can read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentgym.messages import JsonObject
from environments.retail.records import Table
from environments.retail.state import State

_ABSENT = object()


def diff_patch(state: State) -> JsonObject:
    """By table, record and field, `{before, after}`; of what was not there, or is no more, only one of both."""
    patch: JsonObject = {}
    for table in ("orders", "users"):
        changed = _records(state, table)
        if changed:
            patch[table] = changed
    return patch


def _records(state: State, table: Table) -> JsonObject:
    held: Mapping[str, Any] = getattr(state, table)
    fields = {key: dict(_fields(state.db.record(table, key), record)) for key, record in held.items()}
    return {key: changed for key, changed in fields.items() if changed}


def _fields(before: Mapping[str, Any], after: Mapping[str, Any], lead: str = "") -> Iterator[tuple[str, Any]]:
    """Fields within fields by their path, with dots."""
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _fields(old, new, f"{lead}{name}.")
        else:
            both = (("before", old), ("after", new))
            yield f"{lead}{name}", {key: value for key, value in both if value is not _ABSENT}
