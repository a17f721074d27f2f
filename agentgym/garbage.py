"""How often Python looks for garbage, where looking costs more than the garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_COLLECT_EVERY = 20_000
"""Objects made between two looks."""


@contextmanager
def rarer_collections() -> Iterator[None]:
    """Look less often: all that was made and stays is walked again and again. As a decorator, while a call lasts."""
    before = gc.get_threshold()
    if 0 < before[0] < _COLLECT_EVERY:
        gc.set_threshold(_COLLECT_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
