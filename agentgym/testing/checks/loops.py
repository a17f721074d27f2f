"""What running work leaves behind in the event loop and its threads; anyio has no word for it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextvars import copy_context
from dataclasses import dataclass
from types import FrameType
from typing import Any

import anyio

_POOLS = {"concurrent.futures.thread", "anyio._backends._asyncio", "trio._core._thread_cache"}
_BENEATH = {"threading", "queue"}
_POOLS_WAIT_IN = {"get", "wait", "_worker", "_work"}
_TASK_PATIENCE_S = 0.2
_THREAD_PATIENCE_S = 3.0
"""A thread cannot be stopped: one that was given up may finish what it is at."""


@dataclass(frozen=True, slots=True)
class Running:
    """The tasks of the event loop and the threads at work, at one moment."""

    tasks: frozenset[object]
    threads: frozenset[threading.Thread]

    @classmethod
    def now(cls) -> Running:
        return cls(frozenset(_all_tasks()), frozenset(_busy_threads()))

    async def left_since(self) -> list[str]:
        """What runs now and did not then, once it had time to end."""
        started = anyio.current_time()
        while True:
            now = Running.now()
            tasks, threads = now.tasks - self.tasks, now.threads - self.threads
            patience_s = _TASK_PATIENCE_S if tasks else _THREAD_PATIENCE_S
            if not (tasks or threads) or anyio.current_time() - started > patience_s:
                return [*map(_task_name, tasks), *(f"thread {thread.name!r}" for thread in threads)]
            await anyio.sleep(0.005)

    def cancel_since(self) -> None:
        """Cancel the tasks that did not run then, where the event loop can."""
        for task in Running.now().tasks - self.tasks:
            if isinstance(task, asyncio.Task):
                task.cancel()


def spawn(work: Callable[[], Coroutine[Any, Any, None]]) -> object:
    """Start a task that belongs to no task group; keep what this gives while it runs."""
    if _on_asyncio():
        return asyncio.get_running_loop().create_task(work())
    import trio.lowlevel

    return trio.lowlevel.spawn_system_task(work, context=copy_context())


def interrupt(task: object) -> None:
    """Resume a waiting task with an error, also where it shields itself from cancellation."""
    if isinstance(task, asyncio.Task):
        task.cancel()
        return
    import outcome
    import trio.lowlevel

    assert isinstance(task, trio.lowlevel.Task)
    trio.lowlevel.reschedule(task, outcome.Error(RuntimeError("interrupted")))


def _on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _all_tasks() -> Iterator[object]:
    if _on_asyncio():
        yield from asyncio.all_tasks()
        return
    import trio.lowlevel

    root = trio.lowlevel.current_root_task()
    waiting = [] if root is None else [root]
    while waiting:
        task = waiting.pop()
        yield task
        waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]


def _task_name(task: object) -> str:
    coroutine = task.get_coro() if isinstance(task, asyncio.Task) else getattr(task, "coro", None)
    return f"task {getattr(coroutine, '__qualname__', task)}".replace("<locals>.", "")


def _busy_threads() -> Iterator[threading.Thread]:
    frames = sys._current_frames()
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        if thread is not threading.current_thread() and frame is not None and not _waits_for_work(frame):
            yield thread


def _waits_for_work(frame: FrameType) -> bool:
    """Whether nothing but a thread pool's own code is on the stack, and that waits."""
    innermost, outer = frame.f_code.co_name, frame.f_back
    modules = {str(frame.f_globals.get("__name__"))}
    while outer is not None:
        modules.add(str(outer.f_globals.get("__name__")))
        outer = outer.f_back
    return innermost in _POOLS_WAIT_IN and bool(modules & _POOLS) and modules <= _POOLS | _BENEATH
