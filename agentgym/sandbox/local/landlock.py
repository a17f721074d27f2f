"""Landlock: the files a program may open, whatever the rights of the user it runs as."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from fcntl import F_DUPFD_CLOEXEC, fcntl

from agentgym.sandbox.local.syscalls import syscall

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_SINCE = {2: _REFER, 3: _TRUNCATE, 5: _IOCTL_DEVICE}
_FIRST = (1 << 13) - 1
_DEVICES = 1 << 6 | 1 << 11
_SOCKETS_AND_FIFOS = 1 << 9 | 1 << 10
_TCP = 0b11
_SIGNALS_AND_ABSTRACT_SOCKETS = 0b11
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_VERSION = 1
_HIGH = 100
"""Descriptors above it are out of the way of those a program has."""
_PATH_BENEATH = 1


def abi() -> int:
    """The version this kernel has; OSError where it has none, or it is switched off."""
    return syscall("landlock_create_ruleset", None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))


class Ruleset:
    """Made once, and put on by any number of processes."""

    def __init__(self, *, read: Iterable[str], execute: Iterable[str], write: Iterable[str]) -> None:
        version = abi()
        self._handled = _FIRST
        for since, right in _SINCE.items():
            self._handled |= right if version >= since else 0
        size = 8 if version < 4 else 16 if version < 6 else 24
        attributes = struct.pack("=QQQ", self._handled, _TCP, _SIGNALS_AND_ABSTRACT_SOCKETS)[:size]
        made = syscall("landlock_create_ruleset", attributes, ctypes.c_size_t(size), ctypes.c_uint32(0))
        self.descriptor = fcntl(made, F_DUPFD_CLOEXEC, _HIGH)
        os.close(made)
        for path in read:
            self._allow(path, _READ_FILE | _READ_DIR)
        for path in execute:
            self._allow(path, _READ_FILE | _READ_DIR | _EXECUTE)
        for path in write:
            self._allow(path, self._handled & ~(_EXECUTE | _DEVICES | _SOCKETS_AND_FIFOS | _IOCTL_DEVICE))

    def put_on(self) -> None:
        """For good, on the calling process and whatever it starts."""
        syscall("landlock_restrict_self", ctypes.c_int(self.descriptor), ctypes.c_uint32(0))

    def close(self) -> None:
        """It is put on by nobody any more."""
        os.close(self.descriptor)

    def _allow(self, path: str, rights: int) -> None:
        """What is not there needs no rule."""
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        if not os.path.isdir(path):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights & self._handled, descriptor)
        syscall("landlock_add_rule", ctypes.c_int(self.descriptor), _PATH_BENEATH, rule, ctypes.c_uint32(0))
        os.close(descriptor)
