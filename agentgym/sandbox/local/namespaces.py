"""Namespaces: a file system of its own that holds what an interpreter needs, no network, no other processes."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Sequence

from agentgym.sandbox.local.syscalls import libc, syscall

_USER, _PROCESSES = 0x10000000, 0x20000000
_OTHERS = 0x00020000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000
"""Mounts, network, System V objects and message queues, host name, control groups."""
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXECUTION, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = (
    *(1, 2, 4, 8, 32),
    *(1 << 12, 1 << 14, 1 << 18),
)
_DETACH = 2
_DEVICES = ("null", "zero", "full", "random", "urandom")
_LINKS = {"stdin": "0", "stdout": "1", "stderr": "2", "fd": ""}
_MOST_FILES = 16384
_SCRATCH, _OTHER_SCRATCH = "/tmp", "/scratch"
"""Where programs work and write, in their own file system; the other where the usual one would hide what they need."""
LAYERS = ("mount namespace", "pid namespace", "network namespace", "ipc namespace", "uts namespace")


def unshare() -> None:
    """Leave the namespaces of the machine; the next process that is forked is the first of its own.

    The file system is still the machine's. OSError where it is not allowed; some of it may have happened by then.
    """
    user, group = os.getuid(), os.getgid()
    if user == 0:
        libc("unshare", _OTHERS | _PROCESSES)
        return
    libc("unshare", _USER | _OTHERS | _PROCESSES)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")


def furnish(visible: Iterable[str], *, scratch_mb: int, user: int) -> str:
    """Make a file system of the paths, read-only, with devices, processes and a scratch directory; and move into it.

    Gives the scratch directory.
    """
    sources = {path: os.path.realpath(path) for path in _outermost(visible)}
    _mount("none", "/", None, _RECURSIVE | _PRIVATE)
    _mount("tmpfs", "/tmp", "tmpfs", _NO_SUID, "mode=755,size=4m")
    os.chdir("/tmp")
    os.mkdir("old")
    syscall("pivot_root", b".", b"old")
    os.chdir("/")
    for path, source in sources.items():
        _show(path, f"/old{source}")
    scratch = _OTHER_SCRATCH if any(f"{path}/".startswith(f"{_SCRATCH}/") for path in sources) else _SCRATCH
    _make_devices(scratch)
    os.makedirs("/proc", exist_ok=True)
    _mount_processes()
    libc("umount2", b"/old", _DETACH)
    os.rmdir("/old")
    os.makedirs(scratch, exist_ok=True)
    mount_scratch(scratch, scratch_mb=scratch_mb, user=user)
    _mount("none", "/", None, _REMOUNT | _BIND | _READ_ONLY | _NO_SUID)
    os.chdir("/")
    return scratch


def mount_scratch(path: str, *, scratch_mb: int, user: int) -> None:
    """An empty scratch directory, of which nobody else can see anything."""
    options = f"mode=700,uid={user},gid={user if os.getuid() == 0 else os.getgid()},nr_inodes={_MOST_FILES}"
    _mount("tmpfs", path, "tmpfs", _NO_SUID | _NO_DEVICES, f"{options},size={scratch_mb}m")


def unmount_scratch(path: str) -> None:
    """Forget all that is in it."""
    libc("umount2", path.encode(), _DETACH)


class ProcessNamespaces:
    """Process namespaces for single programs, below the one of the process that makes them."""

    def __init__(self) -> None:
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def fork(self) -> int:
        """As `os.fork`; the child is the first process of a namespace, and with it all others in it end."""
        libc("unshare", _PROCESSES)
        child = -1
        try:
            child = os.fork()
        finally:
            if child:
                libc("setns", self._own, _PROCESSES)
        return child


def _show(path: str, source: str) -> None:
    """The source at the path, read-only; nothing where it is not there."""
    if os.path.isdir(source):
        os.makedirs(path, exist_ok=True)
    elif os.path.exists(source):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    else:
        return
    _mount(source, path, None, _BIND | _RECURSIVE)
    kept = os.statvfs(path).f_flag & (_NO_SUID | _NO_DEVICES | _NO_EXECUTION)
    _mount("none", path, None, _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | kept)


def _make_devices(scratch: str) -> None:
    os.makedirs("/dev", exist_ok=True)
    for name in _DEVICES:
        os.close(os.open(f"/dev/{name}", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o666))
        _mount(f"/old/dev/{name}", f"/dev/{name}", None, _BIND)
    for name, number in _LINKS.items():
        os.symlink(f"/proc/self/fd/{number}".rstrip("/"), f"/dev/{name}")
    os.symlink(scratch, "/dev/shm")  # where semaphores are looked for, that several processes share


def _mount_processes() -> None:
    flags = _NO_SUID | _NO_DEVICES | _NO_EXECUTION
    try:
        _mount("proc", "/proc", "proc", flags, "subset=pid")
    except OSError:  # before Linux 5.8
        _mount("proc", "/proc", "proc", flags)


def _outermost(paths: Iterable[str]) -> Sequence[str]:
    """Without those inside others."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not kept or not f"{path}/".startswith(f"{kept[-1]}/"):
            kept.append(path)
    return kept


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    kind_bytes = kind.encode() if kind else None
    libc("mount", source.encode(), target.encode(), kind_bytes, ctypes.c_ulong(flags), options.encode())


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
