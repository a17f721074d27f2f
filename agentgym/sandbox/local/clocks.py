"""How much processor time processes have taken, and how long they were kept waiting for it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

_TICKS = os.sysconf("SC_CLK_TCK")
_CHILDREN_TICKS = slice(13, 15)
"""In what follows the name in `/proc/PID/stat`."""


def cpu_s(process: int) -> float:
    """Of all its threads, to a few milliseconds; none of a process that is gone."""
    try:
        return time.clock_gettime(~process << 3 | 2)
    except OSError:
        return 0.0


def family_cpu_s() -> float:
    """Of all processes in sight but this one, and of those they have seen end."""
    return sum(cpu_s(process) + _reaped_cpu_s(process) for process in _processes() if process != os.getpid())


def delay_s(process: int) -> float:
    """For how long the one of its threads that waited most was kept waiting for a processor; 0 where none tells."""
    longest = 0
    try:
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/schedstat", encoding="ascii") as file:
                longest = max(longest, int(file.read().split()[1]))
    except (OSError, IndexError):
        pass
    return longest / 1e9


def _reaped_cpu_s(process: int) -> float:
    try:
        with open(f"/proc/{process}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[_CHILDREN_TICKS])) / _TICKS


def _processes() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())
