"""Arbitrary code under a deadline: it is cancelled, and left behind where it does not let itself be cancelled."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio

from agentgym.testing.checks.loops import interrupt, spawn
from agentgym.testing.checks.stepping import GaveUp, Stepped

T = TypeVar("T")
_GRACE_S = 15.0
"""How long work may take to clean up once it is cancelled."""
_SECOND_GRACE_S = 1.0
"""Work that has resumed by then would have left; what has not is waiting for good."""


@dataclass(frozen=True, slots=True)
class Contained(Generic[T]):
    """How contained work ended."""

    value: T | None
    """What it returned; None where it was cancelled."""
    error: Exception | None
    """What it raised."""
    late: bool
    """It was cancelled at its deadline."""
    stuck: bool
    """It was cancelled and did not end, so it was left where it stood."""
    place: str
    """Where it was cancelled: a hook or tool of the environment, or nothing."""


async def contain(stepped: Stepped[T], *, seconds: float, cancel_at: int | None = None) -> Contained[T]:
    """Run work for so many seconds at most, or cancel it at its n-th await."""
    cage = _Cage(stepped, cancel_at)
    task = spawn(cage.run)
    try:
        with anyio.move_on_after(seconds) as deadline:
            await cage.turned.wait()
    finally:
        cage.cancel()
        await cage.end(task)
    return Contained(cage.value, cage.error, deadline.cancelled_caught, cage.stuck, cage.place)


class _Cage(Generic[T]):
    """Work in a task of its own; it belongs to no task group, for none could end before it does."""

    def __init__(self, stepped: Stepped[T], cancel_at: int | None) -> None:
        self._stepped = stepped
        self._cancel_at = cancel_at
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self.turned = anyio.Event()
        """Set when the work ended or was cancelled."""
        self.value: T | None = None
        self.error: Exception | None = None
        self.stuck = False
        self.place = ""

    async def run(self) -> None:
        self._stepped.on_await = self._count
        try:
            with ExitStack() as scopes:
                scopes.enter_context(self._scope)
                try:
                    self.value = await self._stepped
                except GaveUp:
                    scopes.pop_all()  # work that is left behind may have scopes open, and nobody gets out past those
                    self.stuck = True
                except Exception as error:  # whoever contains it judges what it raised
                    self.error = error
        finally:
            self._ended.set()
            self.turned.set()

    def cancel(self) -> None:
        """Cancel the work, once."""
        if not self.turned.is_set():
            self.place = self._stepped.place
            self.turned.set()
            self._scope.cancel()
            self._stepped.announce_cancellation(reached=False)

    async def end(self, task: object) -> None:
        """Wait for the work to clean up; in the end resume it once more, to leave it behind."""
        if not await self._ends_within(_GRACE_S):
            self._stepped.give_up = True
            if not await self._ends_within(_SECOND_GRACE_S):
                self.stuck = True
                interrupt(task)
                await self._ends_within(_SECOND_GRACE_S)

    async def _ends_within(self, seconds: float) -> bool:
        with anyio.move_on_after(seconds, shield=True):
            await self._ended.wait()
        return self._ended.is_set()

    def _count(self, awaits: int) -> None:
        if awaits == self._cancel_at:
            self.cancel()
            reached = anyio.current_effective_deadline() == float("-inf")
            self._stepped.announce_cancellation(reached=reached)
