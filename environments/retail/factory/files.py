"""Files of tasks: read in every form they come in, written in one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, ValidationError

from agentgym.errors import DataFileError, one_line
from agentgym.jsontext import parse_json
from agentgym.messages import JsonObject
from agentgym.runs import written_whole
from environments.retail.factory.envelope import Blueprint, TaskEnvelope

_NAMES: Mapping[str, tuple[str, ...]] = {
    "q": ("q", "query", "instruction"),
    "agt": ("agt", "expected_actions", "gold_actions", "actions"),
    "ogt": ("ogt", "expected_outputs", "gold_final", "outputs"),
}
"""What the parts of a task are called; the first name is ours."""
_ARGUMENTS = ("arguments", "kwargs")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class StoredTask:
    """A task as a file has it."""

    id: str
    """Its own, or `task_001` and so on by its place in the file."""
    given: JsonValue
    """`{q, agt, ogt}` by our names, of whatever types; what stands there instead where it is no object."""
    entry: JsonValue
    """All that the file says of it, to be written back as it was."""
    where: str
    """File and place."""

    @property
    def blueprint(self) -> Blueprint:
        """The task; raises DataFileError where the file holds none there."""
        try:
            return Blueprint.model_validate(self.given)
        except ValidationError as error:
            raise DataFileError(f"{self.where}: not a task: {one_line(error)}") from None

    @property
    def envelope(self) -> TaskEnvelope | None:
        """What is known of it; None for a bare task, and for an envelope of another make."""
        try:
            return TaskEnvelope.model_validate(self.entry)
        except ValidationError:
            return None

    @property
    def accepted(self) -> bool:
        """Whether no envelope says that the task failed."""
        return not isinstance(self.entry, dict) or self.entry.get("success", True) is not False


def read_tasks(path: str | Path) -> list[StoredTask]:
    """The tasks of a file; raises DataFileError at the first that is none."""
    tasks: list[StoredTask] = []
    for read in read_each(path):
        if isinstance(read, DataFileError):
            raise read
        _ = read.blueprint
        tasks.append(read)
    return tasks


def read_each(path: str | Path) -> Iterator[StoredTask | DataFileError]:
    """What stands in a file, one by one; in the place of what is no JSON, or has an id twice, why.

    Whether it is a task is told by its `blueprint`, or by the checks.
    """
    known: set[str] = set()
    number = 0
    for number, (where, entry) in enumerate(_entries(Path(path)), 1):
        if isinstance(entry, DataFileError):
            yield entry
            continue
        task = StoredTask(_id_of(entry) or f"task_{number:03d}", _given(entry), entry, where)
        if task.id in known:
            yield DataFileError(f"{where}: id: {task.id!r} stands twice; ids must differ")
            continue
        known.add(task.id)
        yield task
    if not number:
        yield DataFileError(f"{path}: holds no task; give a JSON list of tasks, or one a line")


def read_given(entry: JsonValue) -> JsonValue:
    """`{q, agt, ogt}` of an entry in any accepted form, of whatever types; the entry itself where it is no object."""
    return _given(entry)


def dump_envelope(envelope: TaskEnvelope) -> JsonObject:
    """An envelope as files have it."""
    dumped: JsonObject = envelope.model_dump(mode="json")
    suggestions = [
        {
            key: value
            for key, value in suggestion.model_dump(mode="json").items()
            if key != "replacement" or value is not None
        }
        for suggestion in envelope.validation_report.suggestions
    ]
    return {**dumped, "validation_report": {**dumped["validation_report"], "suggestions": suggestions}}  # type: ignore[dict-item]  # a report is an object


def write_tasks(path: str | Path, tasks: Iterable[TaskEnvelope | JsonValue]) -> int:
    """Write a list of envelopes, or of entries as they are, whole or not at all; returns how many there were.

    Each is written before the next is asked for.
    """
    count = 0
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with written_whole(Path(path)) as file:
        for count, task in enumerate(tasks, 1):
            entry = dump_envelope(task) if isinstance(task, TaskEnvelope) else task
            file.write(b"[\n" if count == 1 else b",\n")
            file.write(_indented(entry))
        file.write(b"\n]" if count else b"[]")
    return count


def _indented(entry: JsonValue) -> bytes:
    """As `json.dump(..., indent=2)` has it inside a list; characters that UTF-8 cannot hold stay escaped."""
    text = "\n".join(f"  {line}" for line in json.dumps(entry, ensure_ascii=False, indent=2).split("\n"))
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _entries(path: Path) -> Iterator[tuple[str, JsonValue | DataFileError]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path}: cannot be read: {error}") from None
    whole = _whole(text)
    if isinstance(whole, list):
        yield from ((f"{path}: task {number}", entry) for number, entry in enumerate(whole, 1))
    elif whole is not None:
        yield f"{path}: task 1", whole
    elif text.lstrip().startswith("["):
        yield str(path), _parsed(text, str(path))
    else:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield f"{path}:{number}", _parsed(line, f"{path}:{number}")


def _whole(text: str) -> JsonValue:
    """What the file says as one JSON text; None where it is none, and may be one a line."""
    try:
        return parse_json(text)
    except ValueError:
        return None


def _parsed(text: str, where: str) -> JsonValue | DataFileError:
    try:
        return parse_json(text)
    except ValueError as error:
        return DataFileError(f"{where}: {error}")


def _id_of(entry: JsonValue) -> str | None:
    if not isinstance(entry, dict):
        return None
    inner = entry.get("task")
    held = [entry, inner] if isinstance(inner, dict) else [entry]
    named = (part.get(name) for part in held for name in ("id", "task_id"))
    return next((str(name) for name in named if isinstance(name, (str, int)) and str(name)), None)


def _given(entry: JsonValue) -> JsonValue:
    if not isinstance(entry, dict):
        return entry
    task = entry.get("task")
    if isinstance(task, dict):
        entry = task
    given: JsonObject = {}
    for ours, names in _NAMES.items():
        held = next((name for name in names if name in entry), None)
        if held is not None:
            given[ours] = entry[held]
    given["agt"] = _calls(given.get("agt", []))
    given["ogt"] = _outputs(given.get("ogt", []))
    return given


def _calls(listed: JsonValue) -> JsonValue:
    if isinstance(listed, str):
        listed = _decoded(listed, list)
    return [_call(call) for call in listed] if isinstance(listed, list) else listed


def _call(call: JsonValue) -> JsonValue:
    """A call by our names; arguments as text are read, and what stands besides stays to be refused."""
    if not isinstance(call, dict):
        return call
    held = next((name for name in _ARGUMENTS if name in call), None)
    named = {key: value for key, value in call.items() if key != held}
    arguments = {} if held is None else call[held]
    return {**named, "arguments": _decoded(arguments, dict) if isinstance(arguments, str) else arguments}


def _outputs(listed: JsonValue) -> JsonValue:
    if isinstance(listed, str):
        return [listed] if listed else []
    return [] if listed is None else listed


def _decoded(text: str, kind: type) -> JsonValue:
    """The value of a text that is JSON of a kind; else the text."""
    try:
        value = parse_json(text)
    except ValueError:
        return text
    return value if isinstance(value, kind) else text
