"""Watches over a process until it ends, or until its time is over."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import NamedTuple

from agentgym.sandbox.local.clocks import cpu_s, delay_s, family_cpu_s

_LEAST_WAIT_S = 0.004
_SCRATCH_EVERY_S = 0.05
_PROCESSORS = len(os.sched_getaffinity(0))
_MOST_WALL_TIMES = 30
"""After so many times its limit by the clock a program is ended, however little the machine let it do."""


class Limits(NamedTuple):
    """What a process may use."""

    cpu_s: float
    wall_s: float
    family: bool
    """Whether it may have processes of its own, whose time is counted too."""
    scratch_bytes: int | None
    """None where the file system of the scratch directory has a size."""


class Ended(NamedTuple):
    """What was seen of a process."""

    why: str
    """`cpu`, `wall` or `scratch` where it was ended for that, `starved` where the machine had no time for it,
    `stopped` on request, and empty where it ended itself."""
    status: int
    """As `wait` has it."""
    cpu_s: float
    wall_s: float


class Watch:
    """Over one process at a time; `is_unwanted` is asked whenever one of the descriptors has something to say."""

    def __init__(
        self, descriptors: tuple[int, ...], is_unwanted: Callable[[], bool], used: Callable[[int], int]
    ) -> None:
        self._poll = select.poll()
        self._is_unwanted = is_unwanted
        self._used_bytes = used
        for number in descriptors:
            self._poll.register(number, select.POLLIN)

    def wait(self, child: int, limits: Limits) -> Ended:
        """Until it has ended, for whatever reason; nothing of it is left then."""
        started = time.monotonic()
        ending = os.pidfd_open(child)
        self._poll.register(ending, select.POLLIN)
        self._used_cpu_s = 0.0
        why, wait_s = "", min(limits.cpu_s / _PROCESSORS, limits.wall_s)
        while True:
            if limits.scratch_bytes is not None:
                wait_s = min(wait_s, _SCRATCH_EVERY_S)
            seen = [number for number, _ in self._poll.poll(max(wait_s, _LEAST_WAIT_S) * 1000)]
            if ending in seen:
                break
            if not why:
                why = "stopped" if seen and self._is_unwanted() else ""
                wait_s, over = (0.0, "") if why else self._left(child, limits, time.monotonic() - started)
                why = why or over
                if why:
                    os.kill(child, 9)
        self._poll.unregister(ending)
        os.close(ending)
        _, status, usage = os.wait4(child, 0)
        used_cpu_s = max(self._used_cpu_s, usage.ru_utime + usage.ru_stime)
        return Ended(why, status, used_cpu_s, time.monotonic() - started)

    def _left(self, child: int, limits: Limits, wall_s: float) -> tuple[float, str]:
        """How long it may go on unwatched, or what it has used up."""
        self._used_cpu_s = family_cpu_s() if limits.family else cpu_s(child)
        cpu_left_s = limits.cpu_s - self._used_cpu_s
        if cpu_left_s < 0:
            return 0.0, "cpu"
        wall_left_s = limits.wall_s - wall_s
        if wall_left_s < 0:  # what the machine made it wait is not its own
            if wall_s > _MOST_WALL_TIMES * limits.wall_s:
                return 0.0, "starved"
            wall_left_s += delay_s(child)
            if wall_left_s < 0:
                return 0.0, "wall"
        if limits.scratch_bytes is not None and self._used_bytes(child) > limits.scratch_bytes:
            return 0.0, "scratch"
        return min(cpu_left_s / _PROCESSORS, wall_left_s), ""
