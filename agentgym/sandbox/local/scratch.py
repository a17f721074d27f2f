"""The scratch directory of programs: a small file system of its own, or a plain directory that is looked after."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Protocol

from agentgym.sandbox.local import namespaces

_HIDDEN_BYTES = 1 << 62
"""What cannot be looked at counts as more than anybody may write."""


class Scratch(Protocol):
    """Where programs may write."""

    path: str

    def prepare(self, scratch_mb: int) -> bool:
        """Make it empty, and as large as that; whether it is another file than before."""

    sized: bool
    """Whether nobody can write too much."""

    def used_bytes(self, process: int) -> int:
        """How much there is of what the process has written."""


class Mounted:
    """A file system in memory."""

    sized = True

    def __init__(self, path: str, *, scratch_mb: int, user: int) -> None:
        self.path = path
        self._scratch_mb = scratch_mb
        self._user = user

    def prepare(self, scratch_mb: int) -> bool:
        """By another one in its place, unless it is as wanted."""
        if scratch_mb == self._scratch_mb and not _holds_anything(self.path):
            return False
        namespaces.unmount_scratch(self.path)
        namespaces.mount_scratch(self.path, scratch_mb=scratch_mb, user=self._user)
        self._scratch_mb = scratch_mb
        return True

    def used_bytes(self, process: int) -> int:
        """As much as there is room for, at most."""
        used = os.statvfs(self.path)
        return (used.f_blocks - used.f_bfree) * used.f_frsize


class Plain:
    """A directory of the machine's, where there are no file systems of one's own."""

    sized = False

    def __init__(self, path: str, user: int | None) -> None:
        self.path = path
        if user is not None:
            os.chown(path, user, user)

    def prepare(self, scratch_mb: int) -> bool:
        """By removing whatever is in it."""
        if _holds_anything(self.path):
            clear(self.path)
        return False

    def used_bytes(self, process: int) -> int:
        """In the directory, and in files that are open and have no name any more."""
        try:
            sizes = _sizes(self.path)
        except OSError:  # a path that is too long, or a directory that its owner made unreadable
            return _HIDDEN_BYTES
        device = os.stat(self.path).st_dev
        with suppress(OSError):
            for entry in _entries(f"/proc/{process}/fd"):
                _note(sizes, entry.path, follow=True)
        return sum(size for (of, _), size in sizes.items() if of == device)


def clear(path: str) -> None:
    """Remove all that is in a directory, however deep it goes."""
    count, waiting = 0, [path]
    unknown = os.urandom(8).hex()  # to the program, which could have taken any name it knows of
    while waiting:
        folder = waiting.pop()
        for entry in _entries(folder):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            count += 1
            os.chmod(entry.path, 0o700)
            moved = os.path.join(path, f".{unknown}-{count}")  # so that no path becomes too long
            os.rename(entry.path, moved)
            waiting.append(moved)
        if folder != path:
            os.rmdir(folder)


def _holds_anything(path: str) -> bool:
    with os.scandir(path) as entries:
        return any(True for _ in entries)


def _sizes(path: str) -> dict[tuple[int, int], int]:
    """Of all that is below a directory; OSError where some of it cannot be looked at."""
    sizes: dict[tuple[int, int], int] = {}
    waiting = [path]
    while waiting:
        for entry in _entries(waiting.pop()):
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            _note(sizes, entry.path, follow=False)
    return sizes


def _entries(path: str) -> list[os.DirEntry[str]]:
    """None where it was removed meanwhile."""
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _note(sizes: dict[tuple[int, int], int], path: str, *, follow: bool) -> None:
    try:
        status = os.stat(path, follow_symlinks=follow)
    except FileNotFoundError:
        return
    sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
