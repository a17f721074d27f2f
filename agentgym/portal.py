"""Async code from synchronous code: one event loop in one background thread, started when first needed."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, suppress
from typing import Any, ParamSpec, TypeVar, overload

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from agentgym.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")
_CLEANUP_S = 15.0


@overload
def run_sync(work: Coroutine[Any, Any, R], /) -> R: ...
@overload
def run_sync(work: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
def run_sync(work: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Run a coroutine, or an async function with its arguments, and wait for what it gives.

    It works in scripts and inside a running event loop (a notebook); that loop then stands still meanwhile.
    """
    return _PORTAL.run(work, args, kwargs)


class _Portal:
    """The one loop that serves every synchronous caller of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._context: AbstractContextManager[BlockingPortal] | None = None
        self._thread: int | None = None
        self._left_behind: list[object] = []

    def run(self, work: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if threading.get_ident() == self._thread:
            if isinstance(work, Coroutine):
                work.close()
            raise UsageError("run_sync was called from code that run_sync is running; use `await` there")
        portal, task = self._open(), _Task()
        try:
            return portal.start_task_soon(task.run, work, args, kwargs).result()
        except BaseException:
            # Ctrl-C reaches the waiting thread only: hand it on, and let the work clean up first.
            with suppress(RuntimeError):
                portal.call(task.cancel)
                task.wait()
            raise

    def close(self) -> None:
        """Stop the loop and its thread; the next call starts others."""
        with self._lock:
            context, portal = self._context, self._portal
            self._context = self._portal = self._thread = None
        if context is not None and portal is not None:
            with suppress(RuntimeError):  # what ran in it may have ended it
                portal.call(portal.stop, True)
            context.__exit__(None, None, None)

    def forget(self) -> None:
        """After a fork the thread is not there: start anew, and never wait for the old one."""
        # Dropped, the context manager would try to stop its loop, and hang for an answer.
        self._left_behind.append(self._context)
        self._lock = threading.Lock()
        self._context = self._portal = self._thread = None

    def _runs(self) -> bool:
        """Whether the loop is there: a SystemExit in what it ran ends it."""
        return any(thread.ident == self._thread for thread in threading.enumerate())

    def _open(self) -> BlockingPortal:
        with self._lock:
            if self._portal is None or not self._runs():
                self._context = start_blocking_portal(name="agentgym-portal")
                self._portal = self._context.__enter__()
                self._thread = self._portal.call(threading.get_ident)
            return self._portal


class _Task:
    """A piece of work that whoever waits for it can cancel."""

    def __init__(self) -> None:
        self._scope: anyio.CancelScope | None = None
        self._cancelled = False
        self._ended = threading.Event()

    async def run(self, work: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            with anyio.CancelScope() as self._scope:
                if self._cancelled:
                    self._scope.cancel()
                return await (work if isinstance(work, Awaitable) else work(*args, **kwargs))
        finally:
            self._ended.set()

    def cancel(self) -> None:
        self._cancelled = True
        if self._scope is not None:
            self._scope.cancel()

    def wait(self) -> None:
        """Until it has ended; what was cancelled before it began will not go far."""
        if self._scope is not None:
            self._ended.wait(_CLEANUP_S)


_PORTAL = _Portal()
atexit.register(_PORTAL.close)
os.register_at_fork(after_in_child=_PORTAL.forget)
