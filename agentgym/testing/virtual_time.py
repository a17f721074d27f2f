"""Virtual time for tests on asyncio and on trio: an hour's sleep is over at once, and everything in its order.

    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(request):
        return virtual_backend(request.param)

`anyio.sleep`, `anyio.current_time` and deadlines then follow a clock that stands still while there is work, and jumps
to the next timer when there is none. It does not jump past the real world: while a worker thread is busy it runs as
clocks do, and while a socket or a pipe is waited for it jumps only after some real silence.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from queue import Queue
from typing import TYPE_CHECKING, TypeAlias, TypeVar, TypeVarTuple, Unpack

from agentgym.errors import UsageError

if TYPE_CHECKING:
    from trio.testing import MockClock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_Events: TypeAlias = list[tuple[selectors.SelectorKey, int]]
_SILENCE_S = 0.05
_TICK_S = 0.005
"""How often a worker thread is looked at, which may be done and yet say so a moment later."""
_TRIO_COUNTS = ("tasks_waiting_read", "tasks_waiting_write", "tasks_waiting")
"""What trio's statistics call tasks that wait for a socket; the last on systems with kqueue."""
_TRIOS_OWN = 1
"""A task of trio's own always waits for calls from other threads."""


def virtual_backend(name: str, *, silence_s: float = _SILENCE_S) -> tuple[str, dict[str, object]]:
    """Name and options of an anyio backend whose clock is virtual and begins at zero.

    `silence_s` is how long sockets and pipes must give nothing before the clock jumps past what waits for them.
    """
    if name == "asyncio":
        return name, {"loop_factory": lambda: VirtualTimeLoop(silence_s=silence_s)}
    if name == "trio":
        from trio.testing import MockClock

        clock = MockClock(autojump_threshold=0)
        return name, {"clock": clock, "instruments": [_Restraint(clock, silence_s)]}
    raise UsageError(f"no event loop is called {name!r}; there are: asyncio, trio")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop whose clock jumps to the next timer when nothing else is left to wait for."""

    def __init__(self, *, silence_s: float = _SILENCE_S) -> None:
        self._now_s = 0.0
        self._silence_s = silence_s
        self._calls_in_threads = 0
        self._watched = _Selector(self._wait)
        super().__init__(self._watched)

    def time(self) -> float:
        """The virtual seconds since the loop was made."""
        return self._now_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run a function in a thread; until it returns, time passes as it really does."""
        future = super().run_in_executor(executor, func, *args)
        self._calls_in_threads += 1
        future.add_done_callback(self._call_ended)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for the threads, however long that takes: a timeout would be over at once."""
        await super().shutdown_default_executor()

    def _call_ended(self, _: object) -> None:
        self._calls_in_threads -= 1

    def _wait(self, timeout_s: float, select: Callable[[float], _Events]) -> _Events:
        """Wait for events, or for virtual time to pass."""
        if self._calls_in_threads or any(_works_for(thread, self) for thread in threading.enumerate()):
            started = time.monotonic()
            events = select(min(timeout_s, _TICK_S))
            self._now_s += min(timeout_s, time.monotonic() - started)
            return events
        only_own_wakeups = len(self._watched.get_map()) == 1
        events = select(0 if only_own_wakeups else self._silence_s)
        if not events:
            self._now_s += timeout_s
        return events


class _Selector(selectors.DefaultSelector):
    """Leaves it to the event loop how to wait where timers are all there is."""

    def __init__(self, wait: Callable[[float, Callable[[float], _Events]], _Events]) -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> _Events:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        return self._wait(timeout, super().select)


def _works_for(thread: threading.Thread, loop: asyncio.AbstractEventLoop) -> bool:
    """Whether it is one of anyio's worker threads, busy with a call of this event loop."""
    calls = getattr(thread, "queue", None)
    return getattr(thread, "loop", None) is loop and isinstance(calls, Queue) and calls.unfinished_tasks > 0


class _Restraint:
    """A trio instrument that keeps trio's own virtual clock from jumping past threads and sockets."""

    def __init__(self, clock: MockClock, silence_s: float) -> None:
        self._clock = clock
        self._silence_s = silence_s

    def after_task_step(self, task: object) -> None:
        import trio.lowlevel
        import trio.testing

        if trio.testing.active_thread_count():
            self._set(rate=1.0, threshold_s=float("inf"))
            return
        waiting = trio.lowlevel.current_statistics().io_statistics
        sockets = sum(getattr(waiting, name, 0) for name in _TRIO_COUNTS)
        self._set(rate=0.0, threshold_s=self._silence_s if sockets > _TRIOS_OWN else 0.0)

    def _set(self, *, rate: float, threshold_s: float) -> None:
        if (self._clock.rate, self._clock.autojump_threshold) != (rate, threshold_s):
            self._clock.rate = rate
            self._clock.autojump_threshold = threshold_s
