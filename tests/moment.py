"""A call at which an endpoint stands still, so that what a test does then comes before any further answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

_PATIENCE_S = 60.0


class Moment:
    """The call with a number, once it has come."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._come, self._over = Event(), Event()

    def pass_by(self, asked: int) -> None:
        """The endpoint was asked so often: if this is the moment, it answers nobody until that is over."""
        if asked >= self._number and not self._over.is_set():
            self._come.set()
            self._over.wait(_PATIENCE_S)

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """While it lasts."""
        try:
            assert self._come.wait(_PATIENCE_S), f"call {self._number} never came"
            yield
        finally:
            self._over.set()
