"""Exporting: dialogues in, rows of a format out, one at a time, into a file that is there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, get_args

from agentgym.errors import DataFileError, UsageError
from agentgym.exports import alpaca, openai, sharegpt, trl_prompt
from agentgym.exports.calls import unreadable_count
from agentgym.exports.dialogue import Dialogue, Unfit, call_count, completed, reply_places, until
from agentgym.exports.notices import Notices
from agentgym.exports.reasoning import Reasoning, with_reasoning
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.runs import written_whole

FormatName = Literal["alpaca", "sharegpt", "openai", "trl-prompt"]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)


@dataclass(frozen=True, slots=True)
class _Format:
    rows: Callable[[Dialogue, Notices], Iterator[JsonObject]]
    is_list: bool
    """One JSON list, unless a file's name asks for lines; or the other way round."""


_FORMATS: dict[FormatName, _Format] = {
    "alpaca": _Format(alpaca.rows, True),
    "sharegpt": _Format(sharegpt.rows, True),
    "openai": _Format(openai.rows, False),
    "trl-prompt": _Format(trl_prompt.rows, False),
}


def export_rows(
    dialogues: Iterable[Dialogue],
    format: FormatName,
    *,
    reasoning: Reasoning | None = None,
    end_on_reply: bool = False,
    notices: Notices | None = None,
) -> Iterator[JsonObject]:
    """The rows of a format, one at a time; `notices` tells what was left out.

    `reasoning` says where thoughts stand: in a field (where the format has one), in the text, or nowhere; None leaves
    them where they are. `end_on_reply` leaves out what follows the last reply.
    """
    notices = Notices() if notices is None else notices
    for number, dialogue in enumerate(dialogues, 1):
        try:
            whole = _completed(dialogue, number, notices)
            ready = with_reasoning(_ended_on_reply(whole) if end_on_reply else whole, reasoning)
            yield from _FORMATS[format].rows(ready, notices)
        except Unfit as why:
            notices.add(f"left out for {why}", dialogue.where)


def is_list(format: FormatName, path: Path | None = None) -> bool:
    """Whether rows are written as one JSON list: as the file's name says, or else as the format is mostly read."""
    suffix = path.suffix.lower() if path is not None else ""
    return suffix == ".json" or (_FORMATS[format].is_list and suffix != ".jsonl")


def write_rows(file: BinaryIO, rows: Iterable[JsonObject], *, as_list: bool) -> int:
    """Write rows as lines or as one list, and count them."""
    count = 0
    for count, row in enumerate(rows, 1):
        if as_list:
            file.write(b"[\n" if count == 1 else b",\n")
        file.write(dump_json(row) + (b"" if as_list else b"\n"))
    if as_list:
        file.write(b"\n]\n" if count else b"[]\n")
    return count


def opened(path: Path) -> AbstractContextManager[BinaryIO]:
    """A file to write that takes its name once it is whole; its folder is made."""
    if path.exists() and not path.is_file() and not path.is_dir():
        return path.open("wb")  # a device or a pipe has no draft
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: its folder cannot be made: {error.strerror}; give another --out") from None
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; give the name of a file")
    return written_whole(path)


def _completed(dialogue: Dialogue, number: int, notices: Notices) -> Dialogue:
    try:
        whole = completed(dialogue, number=number)
    except ValueError as error:
        raise DataFileError(f"{dialogue.where}: {error}") from None
    notices.add("calls left out that nobody answered", dialogue.where, times=call_count(dialogue) - call_count(whole))
    unreadable = sum(unreadable_count(message.tool_calls) for message in whole.messages)
    told = "calls whose arguments are no JSON object, kept as text in `invalid_arguments`"
    notices.add(told, dialogue.where, times=unreadable)
    if not whole.messages:
        raise Unfit("nothing said")
    return whole


def _ended_on_reply(dialogue: Dialogue) -> Dialogue:
    places = reply_places(dialogue)
    if not places:
        raise Unfit("no reply")
    return until(dialogue, places[-1])
