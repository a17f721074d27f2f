"""What is put on a process before a program gets it: limits, another user, and the layers that keep it in."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from agentgym.sandbox.local.landlock import Ruleset
from agentgym.sandbox.local.seccomp import Filter
from agentgym.sandbox.local.syscalls import die_with_parent, drop_capabilities

STACK_BYTES = 64 << 20
_RESERVE_BYTES = 8 << 20
"""Kept back from the program, so that something is left to tell that its memory is full."""
_DESCRIPTORS = 64
_THREADS = 32
"""To spare beside the processes allowed, for the system counts threads as processes."""
_NODE_BYTES = 512 << 20
"""What node takes beside the program's own memory."""
_FIRST_USER = 2_000_000_000
_FEW_USERS = 40_000


class Confinement:
    """Made once in a warm interpreter, and put on by every process it forks."""

    def __init__(self, *, user: int | None, counts_processes: bool) -> None:
        self.user = user
        self.rulesets: Mapping[bool, Ruleset] = {}
        """By whether other programs may be executed; empty where there is no Landlock."""
        self.filters: Mapping[str, Filter] = {}
        self._counts_processes = counts_processes
        """Whether the user, or the user namespace, is this interpreter's alone."""
        self._own_bytes = int(_read("/proc/self/statm").split()[0]) * resource.getpagesize()

    def put_on(self, order: Mapping[str, Any]) -> None:
        """For good, on the calling process, which was just forked."""
        self._limit(order)
        if self.user is not None:
            os.setgroups([])
            os.setresgid(self.user, self.user, self.user)
            os.setresuid(self.user, self.user, self.user)
        die_with_parent()
        with suppress(OSError):  # of an architecture that is not known
            drop_capabilities()
        if self.rulesets:
            self.rulesets[bool(order["command"])].put_on()

    def close_in(self, order: Mapping[str, Any]) -> None:
        """The last layer, which needs the process' descriptors to be in order."""
        if self.filters:
            self.filters[kind_of(order)].put_on(os.getpid())

    def _limit(self, order: Mapping[str, Any]) -> None:
        _bind(resource.RLIMIT_CORE, 0)
        _bind(resource.RLIMIT_MSGQUEUE, 0) if hasattr(resource, "RLIMIT_MSGQUEUE") else None
        _bind(resource.RLIMIT_MEMLOCK, 0)
        _bind(resource.RLIMIT_STACK, STACK_BYTES)
        _bind(resource.RLIMIT_FSIZE, order["file_bytes"])
        _bind(resource.RLIMIT_CPU, math.ceil(order["cpu_s"]) + 1)
        if order["language"] == "javascript":  # it reserves far more addresses than it uses
            _bind(resource.RLIMIT_DATA, order["memory_bytes"] + _NODE_BYTES)
        else:
            size = self._own_bytes + order["memory_bytes"]
            _bind(resource.RLIMIT_AS, size, size + _RESERVE_BYTES)
        if self._counts_processes and order["processes"] > 1:
            _bind(resource.RLIMIT_NPROC, order["processes"] + _THREADS)
        if not order["command"]:
            _bind(resource.RLIMIT_NOFILE, _DESCRIPTORS)


def kind_of(order: Mapping[str, Any]) -> str:
    """Which filter a program gets."""
    if order["command"]:
        return "programs" if order["processes"] > 1 else "program"
    return "processes" if order["processes"] > 1 else "alone"


def make_filters(*, truncation: bool) -> dict[str, Filter]:
    """One of each kind."""
    return {
        "alone": Filter(truncation=truncation),
        "processes": Filter(processes=True, truncation=truncation),
        "program": Filter(programs=True, truncation=truncation),
        "programs": Filter(processes=True, programs=True, truncation=truncation),
    }


def release_reserve() -> None:
    """Let the process have what was kept back of its memory."""
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def unused_user() -> int:
    """The number of a user that nobody is, different for each interpreter."""
    top = max((int(first) + int(count) for first, _, count in map(str.split, _read("/proc/self/uid_map").splitlines())))
    if top > _FIRST_USER + (1 << 23):
        return _FIRST_USER + os.getpid()
    return _FEW_USERS + os.getpid() % 20_000


def _bind(limit: int, soft: int, hard: int | None = None) -> None:
    """Never above what this process itself may have."""
    most = resource.getrlimit(limit)[1]
    hard = soft if hard is None else hard
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(limit, (soft, hard))


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()
