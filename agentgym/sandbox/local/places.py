"""Places for programs: so many at a time, and no more memory promised than there is; first come, first served."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

_SHARE = 0.5
"""Of the machine's memory, which all programs together may be promised."""


def memory_for_all_mb() -> int:
    """What there is to be promised."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * _SHARE) >> 20


class Places:
    """Of one event loop."""

    def __init__(self, count: int, memory_mb: int) -> None:
        self._count = self._free = count
        self._memory_mb = memory_mb
        self._waiting: deque[tuple[anyio.Event, int]] = deque()

    @asynccontextmanager
    async def place(self, memory_mb: int) -> AsyncIterator[None]:
        """One of them, inside the block; who alone wants more memory than there is gets it all."""
        await self._take(memory_mb)
        try:
            yield
        finally:
            self._give_back(memory_mb)

    async def _take(self, memory_mb: int) -> None:
        if not self._waiting and self._fits(memory_mb):
            self._count_out(memory_mb)
            return
        turn = anyio.Event()
        self._waiting.append((turn, memory_mb))
        try:
            await turn.wait()
        except BaseException:  # cancelled: whoever is next must not wait for a place nobody takes
            if turn.is_set():
                self._give_back(memory_mb)
            else:
                self._waiting.remove((turn, memory_mb))
                self._call_next()
            raise

    def _fits(self, memory_mb: int) -> bool:
        nobody = self._free == self._count
        return self._free > 0 and (memory_mb <= self._memory_mb or nobody)

    def _count_out(self, memory_mb: int) -> None:
        self._free -= 1
        self._memory_mb -= memory_mb

    def _give_back(self, memory_mb: int) -> None:
        self._free += 1
        self._memory_mb += memory_mb
        self._call_next()

    def _call_next(self) -> None:
        while self._waiting and self._fits(self._waiting[0][1]):
            turn, memory_mb = self._waiting.popleft()
            self._count_out(memory_mb)
            turn.set()
