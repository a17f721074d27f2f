"""Rows of data files: what was asked, what was answered, and what is known of both, in the forms such files have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from agentgym.messages import JsonObject, ToolCall
from environments.programs.parsing import parsed
from environments.programs.readers import iterate_rows
from environments.special_tokens.answer import Answer, read_answer
from environments.special_tokens.modes import STANDARD, Modes

_FENCED = re.compile(r"^```[^\S\n]*([\w+-]*)[^\S\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LIKE_CODE = re.compile(
    r"^\s*(?:def |class |import |from \w+ import |for .*:|while .*:|if .*:|print\(|\w+ = )", re.MULTILINE
)
_PYTHON = ("python", "py", "python3")


@dataclass(frozen=True, slots=True)
class Row:
    """One row."""

    instruction: str = ""
    input: str = ""
    output: str = ""
    system: str | None = None
    calls: tuple[ToolCall, ...] = ()
    """Native calls beside the output, where the row is a conversation."""
    metadata: JsonObject = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    """The columns of alpaca that it has not as texts."""

    def answer(self, modes: Modes = STANDARD) -> Answer:
        """What its output says."""
        return read_answer(self.output, modes, calls=self.calls)

    @property
    def mode(self) -> str:
        """The label, where it is told."""
        return _text(self.metadata.get("mode"))

    @property
    def bug_class(self) -> str:
        """The class of its bug, where it is told."""
        return _text(self.metadata.get("bug_class"))

    @property
    def error(self) -> str:
        """What was seen of the failure, where it is told."""
        return _text(self.metadata.get("error"))

    @property
    def problem_id(self) -> str:
        """Which problem the program is for, where it is told."""
        return _text(self.metadata.get("problem_id"))

    def alpaca(self) -> JsonObject:
        """The row as trainers take it, without its metadata."""
        row: JsonObject = {"instruction": self.instruction, "input": self.input, "output": self.output}
        return row if self.system is None else {**row, "system": self.system}


def read_rows(path: str | Path) -> Iterator[Row]:
    """The rows of a JSON or JSON Lines file, one at a time; a row of no known form is an empty one."""
    for _, _, value in iterate_rows(path):
        yield row_of(value)


def row_of(value: JsonValue) -> Row:
    """A row in one of its forms: alpaca, `{Query, Output}` in any case of letters, or messages."""
    if not isinstance(value, dict):
        return Row(missing=("instruction", "input", "output"))
    row = {key.lower(): item for key, item in value.items()}
    messages = row.get("messages")
    if isinstance(messages, list) and "output" not in row:
        return _of_messages(messages, row)
    asked = row.get("instruction", row.get("query"))
    columns: dict[str, JsonValue] = {"instruction": asked, "input": row.get("input", ""), "output": row.get("output")}
    system = row.get("system")
    return Row(
        _text(asked),
        _text(columns["input"]),
        _text(columns["output"]),
        system if isinstance(system, str) else None,
        metadata=_object(row.get("metadata")),
        missing=tuple(name for name, item in columns.items() if not isinstance(item, str)),
    )


def code_in(row: Row) -> str | None:
    """The program that a row is about; None where it holds none."""
    for text in (row.input, row.instruction):
        for language, code in _FENCED.findall(text):
            if language.lower() in _PYTHON or (not language and _LIKE_CODE.search(code)):
                return str(code)
    if row.input.strip() and _LIKE_CODE.search(row.input):
        return row.input
    loose = _LIKE_CODE.search(row.instruction)
    return row.instruction[loose.start() :] if loose and ("\n" in row.instruction or ";" in row.instruction) else None


def prose_of(text: str) -> str:
    """A text without the programs in it; fenced output of programs stays."""
    return _FENCED.sub(lambda found: "" if _is_program(found[1], found[2]) else str(found[2]), text)


def _is_program(language: str, code: str) -> bool:
    return language.lower() in _PYTHON or (not language and parsed(code) is not None)


def _of_messages(messages: Sequence[JsonValue], row: Mapping[str, JsonValue]) -> Row:
    """The last answer of a conversation, and all that was asked before it."""
    said = [message for message in messages if isinstance(message, dict)]
    places = [place for place, message in enumerate(said) if message.get("role") == "assistant"]
    end = places[-1] if places else len(said)
    last: JsonObject = said[end] if places else {}
    asked = [_text(message.get("content")) for message in said[:end] if message.get("role") == "user"]
    thought, output = _text(last.get("reasoning_content")), _text(last.get("content"))
    if thought and "<think>" not in output:
        output = f"<think>{thought}</think>\n{output}"
    system = next((_text(message.get("content")) for message in said if message.get("role") == "system"), None)
    metadata = _object(row.get("metadata"))
    return Row("\n\n".join(asked), "", output, system, _native_calls(last.get("tool_calls")), metadata)


def _native_calls(value: JsonValue) -> tuple[ToolCall, ...]:
    calls = value if isinstance(value, list) else []
    return tuple(map(_native_call, calls))


def _native_call(call: JsonValue) -> ToolCall:
    outer = call if isinstance(call, dict) else {}
    function = outer.get("function", outer)
    inner = function if isinstance(function, dict) else {}
    arguments = inner.get("arguments")
    if isinstance(arguments, dict):
        return ToolCall(_text(inner.get("name")), arguments)
    return ToolCall.from_text(_text(inner.get("name")), _text(arguments))


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}
