"""Lines to endpoints, one for each: shared by all who call it in a run; here calls wait, and are made again."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from types import TracebackType
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import anyio

from agentgym.errors import EndpointFault, Outage, RunStopped, UsageError
from agentgym.events import EventLog
from agentgym.limiter import Limiter
from agentgym.limits import running_clock
from agentgym.messages import Tally, Usage

if TYPE_CHECKING:
    from agentgym.prices import Price

T = TypeVar("T")
_LOG = EventLog(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How stubbornly a call is made."""

    attempts: int = 8
    """Of one call. A refusal is final at once. Being told to come later (429) is not counted, but where 1 is asked."""
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    longest_retry_after_s: float = 600.0
    """What an endpoint that wants to be left alone for longer is not waited for."""
    patience_s: float = 30.0
    """How long an endpoint may give no good answer at all, while calls fail, before it counts as out."""
    failures: int = 10
    """How many calls must have failed meanwhile."""

    def wait_s(self, failed: int) -> float:
        """How long to wait after the n-th failure; spread, so that not all come back at once."""
        return min(self.longest_wait_s, self.first_wait_s * 2.0 ** (failed - 1)) * random.uniform(0.5, 1.0)

    def worth_while(self, fault: EndpointFault, attempts: int, *, proven: bool = False) -> bool:
        """Whether to ask once more; a page for people, where there were good answers before, is a proxy's trouble."""
        passing = fault.passing or (proven and fault.status is None)
        return passing and self.bears(fault) and attempts < self.attempts and self.attempts > 1

    def bears(self, fault: EndpointFault) -> bool:
        """Whether the endpoint is waited for, as long as it asks to be left alone."""
        return (fault.retry_after_s or 0.0) <= self.longest_retry_after_s

    def patient_until(self, fault: EndpointFault, failing_since: float) -> float:
        """When patience ends; an endpoint that asks to be left alone meanwhile may ask so a few times on top."""
        asked_s = fault.retry_after_s if self.bears(fault) else None
        return failing_since + self.patience_s + _ASKED_AGAIN * (asked_s or 0.0)

    def __post_init__(self) -> None:
        for field in fields(self):
            value, whole = getattr(self, field.name), field.name in ("attempts", "failures")
            if type(value) not in ((int,) if whole else (int, float)) or not int(whole) <= value < math.inf:
                kind = "a whole number of at least 1" if whole else "a number of at least 0"
                raise UsageError(f"Retries({field.name}={value!r}): give {kind}")


_ASKED_AGAIN = 4


class Answered(NamedTuple, Generic[T]):
    """What a call gave, and what it took."""

    value: T
    latency_s: float
    attempts: int


class Line:
    """The way to one endpoint."""

    def __init__(self, url: str, limiter: Limiter, retries: Retries, lines: Lines) -> None:
        self.url = url
        self.limiter = limiter
        self._retries = retries
        self._lines = lines
        self._proven = False
        self._clock = running_clock()
        self._failed = 0
        self._failing_since = self._patient_until = 0.0

    async def call(self, attempt: Callable[[], Awaitable[T]]) -> Answered[T]:
        """Make a call, again where that may help; raises EndpointFault, or RunStopped when the run is over.

        Where time is up while it waits for a place, or fails, that is an EndpointFault too: not the caller's doing.
        """
        try:
            return await self._attempt(attempt, 1)
        except EndpointFault as fault:
            failed = fault
        return await self._insist(attempt, failed)

    async def _insist(self, attempt: Callable[[], Awaitable[T]], fault: EndpointFault) -> Answered[T]:
        """Make a call again that has failed."""
        failed = counted = 0
        while True:
            failed, counted = failed + 1, counted + (fault.status != 429)
            if not self._retries.worth_while(fault, counted, proven=self._proven):
                raise fault
            wait_s = max(self._retries.wait_s(failed), fault.retry_after_s or 0.0)
            _LOG.info("a call is made again", endpoint=self.limiter.name, kind=fault.kind, failed=failed, wait_s=wait_s)
            with self._blaming(fault):
                try:
                    with self._lines.waiting():
                        await anyio.sleep(wait_s)
                    return await self._attempt(attempt, failed + 1)
                except EndpointFault as another:
                    latest = another
            fault = latest

    async def _attempt(self, attempt: Callable[[], Awaitable[T]], number: int) -> Answered[T]:
        if self._lines.stopped is not None or not self.limiter.take():
            with self._blaming(_no_place(self.limiter)), self._lines.waiting():
                await self.limiter.acquire()
        started, level = self._clock(), self.limiter.in_flight
        try:
            value = await attempt()
        except EndpointFault as fault:
            self._failure(fault, level)
            raise
        except BaseException:
            self.limiter.give_up()
            raise
        latency_s = self._clock() - started
        self._proven, self._failed = True, 0
        self.limiter.answered(latency_s, level)
        return Answered(value, latency_s, number)

    @contextmanager
    def _blaming(self, fault: EndpointFault) -> Iterator[None]:
        """Where the caller's time is up meanwhile, raise this."""
        ends = anyio.current_effective_deadline()
        try:
            yield
        except anyio.get_cancelled_exc_class():
            if self._clock() < ends:
                raise
            raise fault from None

    def _failure(self, fault: EndpointFault, level: int) -> None:
        bears = self._retries.bears(fault)
        if fault.kind in ("overloaded", "timeout"):
            self.limiter.refused(level, fault.retry_after_s if bears else None)
        else:
            self.limiter.give_up()
        if fault.kind == "refused" and fault.status not in _ABOUT_THE_CALLER:
            return
        now = self._clock()
        if not self._failed:
            self._failing_since = self._patient_until = now
        self._failed += 1
        self._patient_until = max(self._patient_until, self._retries.patient_until(fault, self._failing_since))
        if fault.kind == "refused" and not self._proven and (fault.status != 403 or self._failed >= _FORBIDDEN):
            self._lines.stop(UsageError(str(fault)))
        elif self._failed >= self._retries.failures:
            if not bears:
                told = f"outage: it asks to be left alone for {fault.retry_after_s:.0f} s: {fault}"
                self._lines.stop(Outage(told))
            elif fault.kind == "refused" or now >= self._patient_until:
                self._lines.stop(Outage(f"outage: no good answer for {now - self._failing_since:.0f} s: {fault}"))


def _no_place(limiter: Limiter) -> EndpointFault:
    return EndpointFault(f"{limiter.name}: no place among {limiter.limit} calls came free in time", kind="overloaded")


_ABOUT_THE_CALLER = (None, 401, 403, 404)
"""Refusals that meet every call alike: a wrong key, a wrong place, an answer that is no API's."""


_FORBIDDEN = 3
"""So many times 403 in a row mean the caller; one may mean what was said, which some moderators refuse with it."""


class Lines:
    """All the lines of a run, and the one switch that ends its calls."""

    def __init__(self, *, pinned: int | None = None, retries: Retries | None = None) -> None:
        self.stopped: RunStopped | UsageError | None = None
        """Why no call is made any more."""
        self.pinned = pinned
        self.price_of: Callable[[str], Price | None] = _unknown
        """What the tokens of a model cost whose policy does not know; those that an environment asks are among them."""
        self._retries = retries or Retries()
        self._lines: dict[str, Line] = {}
        self._used = Tally()
        self._on_change = set[Callable[[], None]]()
        self._on_usage = set[Callable[[], None]]()
        self._waiting = set[anyio.CancelScope]()
        self._episodes = set[anyio.CancelScope]()

    def to(self, url: str) -> Line:
        """The line to an endpoint."""
        line = self._lines.get(url)
        if line is None:
            limiter = Limiter(self.pinned, name=url.partition("?")[0])  # what follows may be a secret
            limiter.on_room = self._room
            line = self._lines[url] = Line(url, limiter, self._retries, self)
        return line

    @property
    def usage(self) -> Usage:
        """What all calls used up."""
        return self._used.usage

    @property
    def crowded(self) -> bool:
        """Whether calls wait for a place anywhere."""
        return any([line.limiter.waiting for line in self._lines.values()])

    @property
    def limits(self) -> dict[str, int]:
        """How many calls each endpoint is found to bear."""
        return {url: line.limiter.limit for url, line in self._lines.items()}

    @property
    def in_flight(self) -> int:
        """How many calls are under way."""
        return sum(line.limiter.in_flight for line in self._lines.values())

    def spend(self, usage: Usage) -> None:
        """Count what a call used up."""
        self._used.add(usage)
        for tell in self._on_usage:
            tell()

    def stop(self, reason: RunStopped | UsageError) -> None:
        """Make no call any more: who waits is told why; calls under way end only in an outage, with their episodes."""
        if self.stopped is not None:
            return
        self.stopped = reason
        log = _LOG.error if isinstance(reason, Outage) else _LOG.info
        log("the calls are stopped", kind=type(reason).__name__, reason=str(reason))
        scopes = self._waiting | self._episodes if isinstance(reason, Outage) else self._waiting
        for scope in tuple(scopes):
            scope.cancel()
        self._changed()

    @contextmanager
    def telling(self, *, on_change: Callable[[], None], on_usage: Callable[[], None]) -> Iterator[None]:
        """Tell a crew of room for more and of a stop, and of what calls use up; several may share these lines."""
        self._on_change.add(on_change)
        self._on_usage.add(on_usage)
        try:
            yield
        finally:
            self._on_change.discard(on_change)
            self._on_usage.discard(on_usage)

    def waiting(self) -> _UntilStopped:
        """A wait that ends at once when the calls are stopped."""
        return _UntilStopped(self, self._waiting)

    @contextmanager
    def episode(self, scope: anyio.CancelScope) -> Iterator[None]:
        """An episode that makes calls; `scope` is cancelled in an outage, where its call may hang for long."""
        self._episodes.add(scope)
        try:
            yield
        finally:
            self._episodes.discard(scope)

    def _room(self) -> None:
        if not self.crowded:
            self._changed()

    def _changed(self) -> None:
        for tell in self._on_change:
            tell()


def _unknown(model: str) -> Price | None:
    """Nobody asked what calls cost."""
    return None


class _UntilStopped:
    """Is left at once when the lines are stopped, with the reason."""

    __slots__ = ("_lines", "_scope", "_scopes")

    def __init__(self, lines: Lines, scopes: set[anyio.CancelScope]) -> None:
        self._lines = lines
        self._scopes = scopes
        self._scope = anyio.CancelScope()

    def __enter__(self) -> None:
        if self._lines.stopped is not None:
            raise self._lines.stopped
        self._scope.__enter__()
        self._scopes.add(self._scope)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._scopes.discard(self._scope)
        swallowed = self._scope.__exit__(kind, error, traceback)
        if self._scope.cancelled_caught and self._lines.stopped is not None:
            raise self._lines.stopped
        return swallowed
