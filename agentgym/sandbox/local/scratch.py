"""The scratch directory of programs: a small file system of its own, or a plain directory that is looked after."""

from __future__ import annotations

import os
from typing import Protocol

from agentgym.sandbox.local import namespaces


class Scratch(Protocol):
    """Where programs may write."""

    path: str

    def prepare(self, scratch_mb: int) -> None:
        """Make it empty, and as large as that."""

    sized: bool
    """Whether nobody can write too much."""

    def used_bytes(self, process: int) -> int:
        """How much there is of what the process has written."""


class Mounted:
    """A file system in memory."""

    path = namespaces.SCRATCH
    sized = True

    def __init__(self, *, scratch_mb: int, user: int) -> None:
        self._scratch_mb = scratch_mb
        self._user = user

    def prepare(self, scratch_mb: int) -> None:
        """By another one in its place, unless it is as wanted."""
        if scratch_mb != self._scratch_mb or _holds_anything(self.path):
            namespaces.unmount_scratch()
            namespaces.mount_scratch(scratch_mb=scratch_mb, user=self._user)
            self._scratch_mb = scratch_mb

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

    def prepare(self, scratch_mb: int) -> None:
        """By removing whatever is in it."""
        if _holds_anything(self.path):
            clear(self.path)

    def used_bytes(self, process: int) -> int:
        """In the directory, and in files that are open and have no name any more."""
        sizes: dict[tuple[int, int], int] = {}
        waiting = [self.path]
        while waiting:
            for entry in _entries(waiting.pop()):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                _note(sizes, entry.path, follow=False)
        device = os.stat(self.path).st_dev
        for entry in _entries(f"/proc/{process}/fd"):
            _note(sizes, entry.path, follow=True)
        return sum(size for (of, _), size in sizes.items() if of == device)


def clear(path: str) -> None:
    """Remove all that is in a directory, however deep it goes."""
    count, waiting = 0, [path]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(folder):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            count += 1
            moved = os.path.join(path, f".{count}-{os.getpid()}")  # so that no path becomes too long
            os.rename(entry.path, moved)
            os.chmod(moved, 0o700)
            waiting.append(moved)
        if folder != path:
            os.rmdir(folder)


def _holds_anything(path: str) -> bool:
    with os.scandir(path) as entries:
        return any(True for _ in entries)


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except OSError:
        return []


def _note(sizes: dict[tuple[int, int], int], path: str, *, follow: bool) -> None:
    try:
        status = os.stat(path, follow_symlinks=follow)
    except OSError:
        return
    sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
