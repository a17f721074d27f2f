"""A coroutine driven by hand, between it and the event loop."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from time import perf_counter
from types import CoroutineType
from typing import Any, Generic, TypeVar

from anyio import get_cancelled_exc_class

from agentgym.env import Env
from agentgym.tools import Tool

T = TypeVar("T")
_MOST_AWAITS_AFTER_CANCEL = 10_000


class GaveUp(Exception):
    """The coroutine would not end, and was left where it stood."""


class Stepped(Generic[T]):
    """Awaits a coroutine; counts its awaits, times the code between them, and can leave it before its end."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work
        self.on_await: Callable[[int], None] | None = None
        """Called with the number of every await, before it waits."""
        self.awaits = 0
        self.longest_s = 0.0
        """The longest stretch without an await, for which the event loop stood still."""
        self.cancelled = False
        """Whether the cancellation that was announced has been delivered."""
        self.give_up = False
        """Set from outside: do not resume the coroutine any more."""
        self._announced_at: int | None = None
        self._reached = False

    @property
    def place(self) -> str:
        """The environment's innermost hook or tool that is waiting, or nothing."""
        return _innermost_of_environment(self._work)

    def announce_cancellation(self, *, reached: bool) -> None:
        """Learn that the coroutine is cancelled, and whether that reaches it where it waits now: it may be shielded."""
        self._announced_at = self.awaits
        self._reached = reached

    def __await__(self) -> Generator[Any, Any, T]:
        resume: Callable[[], object] = partial(self._work.send, None)
        while True:
            try:
                trap = self._timed(resume)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # StopIteration does not say what it carries
            self._count()
            try:
                sent = yield trap
            except BaseException as error:  # it is the coroutine's, and goes there
                self._receive(error)
                resume = partial(self._work.throw, error)
            else:
                self._receive(getattr(sent, "error", None))  # trio sends errors as values
                resume = partial(self._work.send, sent)

    def _timed(self, resume: Callable[[], object]) -> object:
        started = perf_counter()
        try:
            return resume()
        finally:
            self.longest_s = max(self.longest_s, perf_counter() - started)

    def _count(self) -> None:
        self.awaits += 1
        if self._announced_at is not None and self.awaits - self._announced_at > _MOST_AWAITS_AFTER_CANCEL:
            self._leave()
        if self.on_await is not None:
            self.on_await(self.awaits)

    def _receive(self, error: object) -> None:
        if self.give_up:
            self._leave()
        self.cancelled |= self._reached and isinstance(error, get_cancelled_exc_class())

    def _leave(self) -> None:
        # Collecting it, and be it when Python ends, would close it: its code would run once more, and not end.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._work))
        raise GaveUp


def _innermost_of_environment(work: Coroutine[Any, Any, object]) -> str:
    """The last coroutine down the chain of awaits that belongs to an environment or a tool."""
    name = ""
    inner: object = work
    while isinstance(inner, CoroutineType) and inner.cr_frame is not None:
        owner = inner.cr_frame.f_locals.get("self")
        if isinstance(owner, Env):
            name = inner.cr_code.co_qualname.rpartition("<locals>.")[2]
        elif isinstance(owner, Tool):
            name = f"the tool {owner.name}"
        inner = inner.cr_await
    return name
