"""Work beside whoever began it, for iterators that may be left in the middle without a word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import anyio

from agentgym.limits import running_asyncio_loop

_TASKS = set[Any]()
"""asyncio keeps only weak references to them."""


class Background:
    """One function at work in a task of its own, until it ends or `stop` is awaited."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._scope = anyio.CancelScope()
        self.ended = anyio.Event()
        self.error: BaseException | None = None
        """What it raised."""
        loop = running_asyncio_loop()
        if loop is None:
            import trio

            trio.lowlevel.spawn_system_task(self._run, context=copy_context())
        else:
            task = loop.create_task(self._run())
            _TASKS.add(task)
            task.add_done_callback(_TASKS.discard)

    def abandon(self) -> None:
        """Cancel it, and do not wait; where its loop is gone it is over anyway."""
        with suppress(RuntimeError):
            self._scope.cancel()

    async def stop(self) -> None:
        """Cancel it, and wait for its end."""
        self._scope.cancel()
        with anyio.CancelScope(shield=True):
            await self.ended.wait()

    async def _run(self) -> None:
        try:
            with self._scope:
                await self._work()
        except Exception as error:
            self.error = error
        finally:
            self.ended.set()
