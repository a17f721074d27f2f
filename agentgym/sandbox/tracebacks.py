"""What a Python traceback on the standard error tells, where that is all there is."""

from __future__ import annotations

import re
from typing import NamedTuple

_MAIN = "main.py"
_LONGEST_MESSAGE = 2000
_HEADER = "Traceback (most recent call last):"
_FRAME = re.compile(r'^ *File "(?P<path>[^"\n]+)", line (?P<line>\d+)(?P<place>, in .*)?$', re.MULTILINE)
_ERROR = re.compile(r"^(?P<name>[^\W\d][\w.]*)(?:: (?P<message>[\s\S]*))?$", re.MULTILINE)


class Traced(NamedTuple):
    """The exception that ended a program."""

    error_type: str
    message: str
    line: int | None


def with_main(stderr: str) -> str:
    """The text, in which the program's file is `main.py`, wherever the service had put it."""
    first = _FRAME.search(stderr)
    if first is None or (first["place"] or ", in <module>") != ", in <module>":
        return stderr
    path = first["path"]
    return stderr.replace(path, _MAIN) if "/" in path else stderr.replace(f'File "{path}"', f'File "{_MAIN}"')


def read_traceback(stderr: str) -> Traced | None:
    """The last one in the text, which is as `with_main` gives it; None where there is none."""
    begin = max(stderr.rfind(_HEADER), 0)
    frames = list(_FRAME.finditer(stderr, begin))
    if not frames:
        return None
    error = _ERROR.search(stderr, frames[-1].end())
    if error is None:
        return None
    own = [int(frame["line"]) for frame in frames if frame["path"] == _MAIN]
    message = (error["message"] or "").strip()[:_LONGEST_MESSAGE]
    return Traced(error["name"].rpartition(".")[2], message, own[-1] if own else None)
