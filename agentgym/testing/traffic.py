"""What came to a server and what became of it, counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from agentgym.testing.misbehaviour import Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What a server has counted up to a moment."""

    at_s: float
    """The moment, on the server's clock."""
    count: int
    """Completions asked for."""
    answered: int
    """Good answers sent to their end."""
    refused: int
    """Requests that came when as many as the server bears were under way."""
    in_flight: int
    most_in_flight: int
    busy_s: float
    """Seconds that requests were under way, summed."""
    paid_again: int
    """Good answers to bodies that had been answered well before, as far as the server remembers."""
    injected: Mapping[str, int] = field(default_factory=dict)
    """The troubles that befell requests, by their names."""

    def mean_in_flight(self, since: Stats) -> float:
        """How many requests were under way between two moments, on average."""
        span_s = self.at_s - since.at_s
        return (self.busy_s - since.busy_s) / span_s if span_s > 0 else float(self.in_flight)


class Traffic:
    """The counters of one server; one thread writes, any may read."""

    __slots__ = ("_flight", "answered", "count", "injected", "most_in_flight", "paid", "refused")

    def __init__(self) -> None:
        self.count = self.answered = self.refused = self.most_in_flight = 0
        self.injected = Counter[Trouble]()
        self.paid = Counter[str]()
        self._flight = (0, 0.0, time.monotonic())
        # How many, their seconds up to a moment, and the moment: replaced at once, so that no reader sees a half.

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return self._flight[0]

    @property
    def busy_s(self) -> float:
        """Seconds that requests were under way, summed."""
        return self._busy_s(time.monotonic())

    def enter(self) -> None:
        """One more is under way."""
        self._move(1)
        self.most_in_flight = max(self.most_in_flight, self._flight[0])

    def leave(self) -> None:
        """One less is under way."""
        self._move(-1)

    def note_answered(self, digest: str) -> None:
        """A good answer to this body was sent to its end."""
        self.answered += 1
        if digest:
            self.paid[digest] += 1

    def stats(self) -> Stats:
        """All of it, now."""
        now = time.monotonic()
        return Stats(
            at_s=now,
            count=self.count,
            answered=self.answered,
            refused=self.refused,
            in_flight=self.in_flight,
            most_in_flight=self.most_in_flight,
            busy_s=self._busy_s(now),
            paid_again=sum(self.paid.copy().values()) - len(self.paid),
            injected={trouble.name: number for trouble, number in self.injected.copy().items()},
        )

    def _move(self, by: int) -> None:
        now = time.monotonic()
        self._flight = (self._flight[0] + by, self._busy_s(now), now)

    def _busy_s(self, now: float) -> float:
        number, busy_s, since = self._flight
        return busy_s + number * max(0.0, now - since)
