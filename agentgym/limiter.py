"""How many calls may be under way at one endpoint: as many as it bears, found by trying, or a number that is given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import anyio

from agentgym.events import EventLog
from agentgym.limits import running_clock

_LOG = EventLog(__name__)
FIRST = 8
MOST = 1024
_TOLERATED = 2.0
"""How many times the latency of quiet days still counts as holding."""
_REST = 3
_ENOUGH = 64
"""Latencies to tell a typical one by: a few of a model's, which swing by a factor of ten, tell nothing."""
_FEW = 20
"""One in so many is few."""
_FORGETTING = 1.01
"""What the quiet latency grows by in every round, for agents ask for more and more in their later turns."""


class Limiter:
    """Hands out places for calls, first come first served.

    It starts low and doubles while all goes well; from the first refusal or slow round on it grows by a sixteenth a
    round. A refusal shrinks it to what is still under way, for that is what the endpoint bears; by half in a round at
    most, and then it stays for some rounds. But refusals that are few, or meet calls with as many under way as others
    that get through, are chance and change nothing. A round is as many answers as there are places. Slowness alone
    never takes it below the number it began with: so few are not to blame, the calls take longer now.
    """

    def __init__(self, pinned: int | None = None, *, name: str = "") -> None:
        self.name = name
        self.limit = FIRST if pinned is None else pinned
        self.in_flight = 0
        self.on_room: Callable[[], None] = lambda: None
        """Is told when nobody waits any more."""
        self._adapts = pinned is None
        self._queue: deque[anyio.Event] = deque()
        self._finding = True
        self._resting = 0
        self._levels: list[int] = []
        """How many were under way when the calls set out that got through: in this round and in the one before."""
        self._refused = self._refused_before = 0
        """In this round, and in the one before."""
        self._was_full = False
        self._floor = 0
        self._latencies: list[float] = []
        """The latest, of this round and, where it is short, of those before."""
        self._answered = 0
        """In this round."""
        self._quiet_s = float("inf")
        self._refusals = 0
        self._open_at: float | None = None

    @property
    def waiting(self) -> int:
        """How many calls wait for a place."""
        return len(self._queue)

    def take(self) -> bool:
        """Take a place, if one is free at once."""
        if self.in_flight >= self.limit or self._queue or self._closed_s() > 0:
            self._was_full = True
            return False
        self.in_flight += 1
        return True

    async def acquire(self) -> None:
        """Wait for a place."""
        closed_s = self._closed_s()
        if closed_s > 0:
            await anyio.sleep(closed_s)
            return await self.acquire()
        if self.take():
            return
        turn = anyio.Event()
        self._queue.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():  # given a place that it cannot use any more
                self._free()
            else:
                self._queue.remove(turn)
            raise

    def give_up(self) -> None:
        """The call ended in a way that says nothing of what the endpoint bears."""
        self._free()

    def answered(self, latency_s: float, level: int) -> None:
        """The call got a good answer; `level` were under way when it set out."""
        self._refusals = 0
        if self._adapts:
            self._levels.append(level)
            self._latencies.append(latency_s)
            self._answered += 1
            if self._answered >= self.limit:
                self._end_round()
        self._free()

    def refused(self, level: int, retry_after_s: float | None = None) -> None:
        """The endpoint was too busy for the call; where it is too busy for all, it is left alone for a while."""
        self.in_flight -= 1
        self._refusals += 1
        self._refused += 1
        if self._adapts and not self._is_chance(level):
            self._finding = False
            self._resting = _REST
            self._floor = self._floor or max(1, self.limit // 2)
            self._allow(max(self._floor, min(self.limit, self.in_flight)))
        if self._refusals > self.limit:
            self._open_at = running_clock()() + (retry_after_s or 1.0)
        self._wake()

    def _allow(self, limit: int) -> None:
        if limit != self.limit:
            _LOG.debug("the limit changes", endpoint=self.name, before=self.limit, limit=limit)
            self.limit = limit

    def _is_chance(self, level: int) -> bool:
        """Whether few calls are refused of late, or fewer than get through though as many are under way."""
        refused = self._refused + self._refused_before
        alike = sum(got_through >= level for got_through in self._levels)
        return refused * _FEW <= len(self._levels) or refused * 2 <= alike

    def _closed_s(self) -> float:
        """How long the endpoint is still left alone."""
        return 0.0 if self._open_at is None else self._open_at - running_clock()()

    def _free(self) -> None:
        self.in_flight -= 1
        self._wake()

    def _wake(self) -> None:
        while self._queue and self.in_flight < self.limit:
            self.in_flight += 1
            self._queue.popleft().set()
        if not self._queue:
            self.on_room()

    def _end_round(self) -> None:
        if self._has_slowed():
            self._finding = self.limit <= FIRST
            if not self._finding:
                self._allow(max(FIRST, self.limit - max(1, self.limit // 10)))
        elif self._resting:
            self._resting -= 1
        elif self._was_full:
            self._allow(min(MOST, self.limit * 2 if self._finding else self.limit + max(1, self.limit // 16)))
        self._was_full = bool(self._queue)
        self._floor = 0
        self._levels = self._levels[-self._answered :]
        self._refused_before, self._refused = self._refused, 0
        self._answered = 0

    def _has_slowed(self) -> bool:
        """Take the latest latencies into account; whether they are much longer than with few under way."""
        self._latencies = self._latencies[-max(_ENOUGH, self._answered) :]
        typical_s = sorted(self._latencies)[len(self._latencies) // 2]
        self._quiet_s = min(typical_s, self._quiet_s * _FORGETTING)
        if typical_s <= _TOLERATED * self._quiet_s:
            return False
        if self.limit <= FIRST:
            self._quiet_s = typical_s
        return True
