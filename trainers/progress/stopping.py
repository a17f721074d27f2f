"""Ctrl-C and SIGTERM while training: once, a checkpoint is written first; twice, it ends at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether somebody asked for an end."""

    def __init__(self) -> None:
        self.signal: int | None = None
        """That asked first."""

    @property
    def asked(self) -> bool:
        """Whether to end after the present step."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """As shells have it: 130 for Ctrl-C, 143 for SIGTERM, and 0 if nobody asked."""
        return 0 if self.signal is None else 128 + self.signal

    def ask(self, number: int = signal.SIGINT) -> None:
        """Ask for an end."""
        self.signal = number if self.signal is None else self.signal


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Have signals ask for an end; they reach only the main thread."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def heard(number: int, frame: FrameType | None) -> None:
        if stop.asked:
            signal.signal(number, signal.SIG_DFL)
            raise KeyboardInterrupt
        stop.ask(number)
        sys.stderr.write("stopping: a checkpoint is written after this step; once more to stop now\n")

    before = {number: signal.signal(number, heard) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
