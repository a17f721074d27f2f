"""How often Python looks for garbage, where looking costs more than the garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_COLLECT_EVERY = 50_000
"""Objects made between two looks."""
_lock = Lock()
_users = 0
_before = 0


@contextmanager
def rarer_collections() -> Iterator[None]:
    """Look less often: all that was made and stays is walked again and again. As a decorator, while a call lasts.

    Uses may overlap, in several threads too; the first sets how often, and the last sets it back.
    """
    _count(1)
    try:
        yield
    finally:
        _count(-1)


def _count(change: int) -> None:
    global _users, _before
    with _lock:
        if not _users:
            _before = gc.get_threshold()[0]
        _users += change
        every = max(_before, _COLLECT_EVERY) if _users and _before else _before  # 0 means that nobody looks at all
        gc.set_threshold(every, *gc.get_threshold()[1:])
