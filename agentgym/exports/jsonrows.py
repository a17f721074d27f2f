"""The rows of a JSON or JSON Lines file, one at a time, however long the file is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import TextIO

from pydantic import JsonValue

from agentgym.errors import DataFileError
from agentgym.jsontext import dump_json, mend_text, parse_json

_HEAD, _CHUNK = 1 << 12, 1 << 20
_BLANK = "\ufeff \t\r\n"
_SPACE = re.compile(r"\s*")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""Part of a pair of surrogates, or what is left of one."""
_MEND = "write one JSON object a line, or a JSON list"


def iterate_rows(path: Path) -> Iterator[tuple[str, JsonValue]]:
    """Where each row stands, and what it holds; what is no text, such as half a surrogate pair, becomes U+FFFD."""
    try:
        # Other programs write halves of surrogate pairs as if they were characters.
        with path.open(encoding="utf-8", errors="surrogatepass") as file:
            yield from _rows(path, file)
    except UnicodeDecodeError as error:
        raise DataFileError(f"{path}: is not UTF-8 text ({error.reason}); give JSON or JSON Lines in UTF-8") from None
    except FileNotFoundError:
        raise DataFileError(f"{path}: no such file; give a data file or the directory of a run") from None
    except OSError as error:
        raise DataFileError(f"{path}: cannot be read: {error.strerror or error}") from None


def _rows(path: Path, file: TextIO) -> Iterator[tuple[str, JsonValue]]:
    head = _head(file)
    begun = head.lstrip(_BLANK)
    if begun.startswith("["):
        yield from _listed(path, _Text(begun, file))
        return
    lines = chain(StringIO(head.removeprefix("\ufeff") + file.readline()), file)
    if begun.partition("\n")[0].strip() == "{":
        yield f"{path}: row 1", _row(str(path), "".join(lines))  # one object over many lines
        return
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield f"{path}:{number}", _row(f"{path}:{number}", line)


def _head(file: TextIO) -> str:
    """Enough of a file to see how it begins; a list may be one line."""
    head = more = file.read(_HEAD)
    while more and not head.strip(_BLANK):
        more = file.read(_HEAD)
        head += more
    return head


class _Text:
    """Text that is read as it is needed, and forgotten behind the reader."""

    def __init__(self, begun: str, file: TextIO) -> None:
        self._file = file
        self.text = begun
        self.place = 0

    def more(self) -> bool:
        """Hold more: twice as much as is left, so that a long row is not begun too often."""
        left = self.text[self.place :]
        read = self._file.read(max(_CHUNK, len(left)))
        self.text, self.place = left + read, 0
        return bool(read)

    def next(self) -> str:
        """The next character that is no space, or nothing at the end."""
        while True:
            found = _SPACE.match(self.text, self.place)
            self.place = found.end() if found else self.place
            if self.place < len(self.text):
                return self.text[self.place]
            if not self.more():
                return ""


def _listed(path: Path, text: _Text) -> Iterator[tuple[str, JsonValue]]:
    text.next()
    text.place += 1
    number = 0
    while text.next() != "]":
        number += 1
        where = f"{path}: row {number}"
        if number > 1:
            if text.next() != ",":
                raise DataFileError(f"{where}: no comma before it, or no ']' after the last row; {_MEND}")
            text.place += 1
        text.next()
        yield where, _row(where, _element(text))
    text.place += 1
    if text.next():
        raise DataFileError(f"{path}: something follows the list; {_MEND}")


def _element(text: _Text) -> str:
    """The text of the element that begins here."""
    while True:
        try:
            _, end = _DECODER.raw_decode(text.text, text.place)
        except json.JSONDecodeError:
            if not text.more():
                return text.text[text.place :]
        except RecursionError:
            return text.text[text.place :]
        else:
            element = text.text[text.place : end]
            text.place = end
            return element


def _row(where: str, text: str) -> JsonValue:
    try:
        row = parse_json(mend_text(text))
        return parse_json(dump_json(row).decode()) if _HALF.search(text) else row
    except ValueError as error:
        raise DataFileError(f"{where}: {error}; {_MEND}") from None


_DECODER = json.JSONDecoder(strict=False)
