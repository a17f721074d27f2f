"""What was wrong with an attempt, as the next one is told of it."""

from __future__ import annotations

from collections.abc import Iterable

from agentgym.jsontext import dump_json
from environments.retail.factory.checks import Entry
from environments.retail.factory.prompts import prompt

UNREADABLE = "FORMAT_UNREADABLE"
DUPLICATE = "DUPLICATE"
_LONGEST = 300
"""Of a value, in characters."""


def feedback_text(entries: Iterable[Entry] = (), points: Iterable[str] = ()) -> str:
    """Codes, where each was found, and the values at fault; then what reviewers say."""
    errors = sorted(entries, key=lambda entry: entry.level != "error")
    lines = [_line(entry) for entry in errors] + [f"- {point}" for point in points]
    return prompt("feedback", findings="\n".join(lines))


def unreadable(problem: str) -> Entry:
    """The finding that an answer holds no task."""
    return Entry(UNREADABLE, "error", problem)


def duplicate(of: str) -> Entry:
    """The finding that the same calls are those of a task that was accepted."""
    return Entry(DUPLICATE, "error", "a task with the same calls for the same customer was accepted before", value=of)


def _line(entry: Entry) -> str:
    where = "" if entry.index is None else f" at action {entry.index}" + (f" ({entry.action})" if entry.action else "")
    level = "" if entry.level == "error" else " (only a doubt)"
    value = "" if entry.value is None else f"; value: {_shown(entry.value)}"
    instead = "" if entry.replacement is None else f"; write instead: {_shown(entry.replacement)}"
    return f"- {entry.code}{level}{where}: {entry.message}{value}{instead}"


def _shown(value: object) -> str:
    text = dump_json(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
