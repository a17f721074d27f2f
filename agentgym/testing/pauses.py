"""Waits that all end when their owner closes."""

from __future__ import annotations

import asyncio


class Pauses:
    """The waits of one asyncio server; starting and ending one costs the same however many there are."""

    def __init__(self) -> None:
        self._closed = False
        self._waiting = set[asyncio.Future[None]]()

    async def pause(self, seconds: float | None) -> None:
        """Wait, without an end where no seconds are given, but not beyond the closing."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiting.add(waiter)
        timer = None if seconds is None else loop.call_later(seconds, _end, waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)
            if timer is not None:
                timer.cancel()

    def close(self) -> None:
        """End all waits, also those to come."""
        self._closed = True
        for waiter in self._waiting:
            _end(waiter)


def _end(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
