"""What is put on a process before a program gets it: limits, another user, and the layers that keep it in."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Mapping
from typing import Any

from agentgym.sandbox.local.landlock import Ruleset
from agentgym.sandbox.local.seccomp import Filter
from agentgym.sandbox.local.syscalls import die_with_parent, drop_capabilities, has_capabilities

STACK_BYTES = 64 << 20
_OWN_BYTES = 8 << 20
"""What is kept back, to tell that the program's memory is full."""
_DESCRIPTORS = 64
_THREADS = 32
"""To spare beside the processes allowed, for the system counts threads as processes."""
_NODE_BYTES = 512 << 20
"""What node takes beside the program's own memory."""
_MOST = {limit: resource.getrlimit(limit)[1] for limit in range(16)}
"""What this process itself may have, by limit: all that Linux knows."""
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
        self._parent = os.getpid()
        self._has_capabilities = has_capabilities()
        self._own_bytes = int(_read("/proc/self/statm").split()[0]) * resource.getpagesize()

    def put_on(self, order: Mapping[str, Any]) -> None:
        """For good, on the calling process, which was just forked."""
        self._limit(order)
        if self.user is not None:
            os.setgroups([])
            os.setresgid(self.user, self.user, self.user)
            os.setresuid(self.user, self.user, self.user)  # which drops all capabilities
        elif self._has_capabilities:
            drop_capabilities()
        die_with_parent()
        if os.getppid() != self._parent:  # which ended before that was asked for, and nobody would end the program
            os._exit(1)
        if self.rulesets:
            self.rulesets[bool(order["command"])].put_on()

    def close_in(self, order: Mapping[str, Any]) -> None:
        """The last layer, which needs the process' descriptors to be in order."""
        if self.filters:
            self.filters[kind_of(order)].put_on(os.getpid())

    def _limit(self, order: Mapping[str, Any]) -> None:
        _bind(resource.RLIMIT_FSIZE, order["file_bytes"])
        _bind(resource.RLIMIT_CPU, math.ceil(order["cpu_s"]) + 1)
        if order["language"] == "javascript":  # it reserves far more addresses than it uses
            _bind(resource.RLIMIT_DATA, order["memory_bytes"] + _NODE_BYTES)
        else:
            _bind(resource.RLIMIT_AS, self._own_bytes + _OWN_BYTES + order["memory_bytes"])
        if self._counts_processes and order["processes"] > 1:
            _bind(resource.RLIMIT_NPROC, order["processes"] + _THREADS)
        if not order["command"]:
            _bind(resource.RLIMIT_NOFILE, _DESCRIPTORS)


def limit_all() -> None:
    """What this process may not use, and no program after it."""
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE):
        _bind(limit, 0)
    _bind(resource.RLIMIT_STACK, STACK_BYTES)


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


def unused_user() -> int:
    """The number of a user that nobody is, different for each interpreter."""
    top = max((int(first) + int(count) for first, _, count in map(str.split, _read("/proc/self/uid_map").splitlines())))
    if top > _FIRST_USER + (1 << 23):
        return _FIRST_USER + os.getpid()
    return _FEW_USERS + os.getpid() % 20_000


def _bind(limit: int, value: int) -> None:
    """Never above what this process itself may have."""
    most = _MOST[limit]
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(limit, (value, value))


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()
