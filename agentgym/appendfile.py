"""Files that only grow, line by line: what is written survives the process at once, and the machine a little later."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import Event, Thread

from agentgym.errors import StoreError
from agentgym.events import EventLog

_LOG = EventLog(__name__)
SYNC_S = 0.15
"""How long what was written may wait for the disk."""
_RARELY = 7
"""So many times as long where losing it costs little."""
_TAIL = 1 << 16
_to_disk = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync; the times of a file need not survive


class AppendFile:
    """One such file, open for writing; a last line that was torn is taken off on opening."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._dirty = False
        self._broken = ""
        """Why what was written may be lost."""
        try:
            self._end = _good_end(self._file)
            torn = os.fstat(self._file).st_size - self._end
            if torn:
                _LOG.warning("a torn last line is taken off", file=str(path), bytes=torn)
                os.ftruncate(self._file, self._end)
        except OSError:
            os.close(self._file)
            raise

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it."""
        return self._end == 0

    def write(self, lines: bytes) -> None:
        """Append what ends in a newline: all of it, or none and StoreError."""
        if self._broken:
            raise StoreError(self._broken)
        size = len(lines)
        try:
            written = os.write(self._file, lines)
            while written < size:  # a disk that is nearly full takes a part, and then complains
                written += os.write(self._file, lines[written:])
        except OSError as error:
            os.ftruncate(self._file, self._end)
            raise StoreError(self._told(error)) from None
        self._end += size
        self._dirty = True

    def sync(self) -> None:
        """Have what was written survive a power loss."""
        if self._broken:
            raise StoreError(self._broken)
        if not self._dirty:
            return
        self._dirty = False
        try:
            _to_disk(self._file)
        except OSError as error:
            self._broken = self._told(error)
            raise StoreError(self._broken) from None

    def close(self) -> None:
        """Sync and let go."""
        try:
            self.sync()
        finally:
            os.close(self._file)

    def _told(self, error: OSError) -> str:
        told = f"cannot write {self.path}: {error.strerror}"
        return f"{told}; mend that, then go on with: agentgym resume {self.path.parent}"


@contextmanager
def kept_synced(often: AppendFile, rarely: AppendFile) -> Iterator[None]:
    """Hand two files to the disk every now and then, while the block lasts; who writes next is told where that fails.

    A thread does it, so that neither a busy event loop nor a slow disk holds up the other.
    """
    over = Event()

    def sync() -> None:
        for turn in count(1):
            if over.wait(SYNC_S):
                return
            for file in (often, rarely) if turn % _RARELY == 0 else (often,):
                with suppress(StoreError):
                    file.sync()

    thread = Thread(target=sync, name="agentgym-sync", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _good_end(file: int) -> int:
    """Where the last line ends that is whole, and not a block that a power loss left blank."""
    end = whole_lines_end(file)
    while end > 0:
        start = whole_lines_end(file, end - 1)
        if b"\0" not in os.pread(file, min(end - start, _TAIL), start):
            break
        end = start
    return end


def whole_lines_end(file: int, end: int | None = None) -> int:
    """Where the last whole line of a file, or of its beginning up to a place, ends."""
    end = os.fstat(file).st_size if end is None else end
    while end > 0:
        start = max(0, end - _TAIL)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
