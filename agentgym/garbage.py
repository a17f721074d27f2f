"""How often Python looks for garbage, where looking costs more than the garbage."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

_COLLECT_EVERY = 50_000
"""Objects made between two looks, at least."""
_MOST = 300_000
"""What may be garbage meanwhile has a bound."""
_lock = Lock()
_wanted: list[int] = []
"""Of each use."""
_before = 0


@contextmanager
def rarer_collections(staying: int = 0) -> Iterator[None]:
    """Look less often, for all that was made and stays is walked again and again. As a decorator, while a call lasts.

    `staying` objects are expected, and up to a bound not walked while they are made. Uses may overlap, in several
    threads too; the one that wants it rarest counts, and the last sets it back.
    """
    every = max(_COLLECT_EVERY, min(staying, _MOST))
    _change(_wanted.append, every)
    try:
        yield
    finally:
        _change(_wanted.remove, every)


def _change(change: Callable[[int], None], every: int) -> None:
    global _before
    with _lock:
        if not _wanted:
            _before = gc.get_threshold()[0]
        change(every)
        rarest = max(_before, *_wanted) if _wanted and _before else _before  # 0 means that nobody looks at all
        gc.set_threshold(rarest, *gc.get_threshold()[1:])
