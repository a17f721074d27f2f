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
        """What it raised, without the group around it where it is one error."""
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
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # some are no Exception and no cancellation either: the panics of an extension
            cancelled, self.error = _apart(error)
            if cancelled is not None:
                raise cancelled from None  # by the loop, as it ends; trio breaks where anything else leaves such a task
        finally:
            self.ended.set()


def _apart(error: BaseException) -> tuple[BaseException | None, BaseException | None]:
    """What is cancellation in an error, and the rest."""
    kind = anyio.get_cancelled_exc_class()
    if not isinstance(error, BaseExceptionGroup):
        return (error, None) if isinstance(error, kind) else (None, error)
    cancelled, rest = error.split(kind)
    while isinstance(rest, BaseExceptionGroup) and len(rest.exceptions) == 1:
        rest = rest.exceptions[0]
    return cancelled, rest
