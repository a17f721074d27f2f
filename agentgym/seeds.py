"""Seeds: fresh ones, and independent ones derived from one."""

from __future__ import annotations

from random import Random, SystemRandom
from threading import Lock

from agentgym.errors import UsageError

_chance, _lock = Random(0), Lock()
"""A new one for every seed would be seeded twice."""


def fresh_seed() -> int:
    """A seed nobody chose; it fits a JSON number that every reader keeps exact."""
    return SystemRandom().getrandbits(53)


def checked_seed(seed: object) -> int:
    """The seed, if it is one: a whole number that 64 bits hold, as records and readers of theirs do."""
    if type(seed) is not int or not 0 <= seed < 1 << 64:
        raise UsageError(f"seed={seed!r}: a seed is a whole number from 0, below 2**64")
    return seed


def derive_seed(seed: int, *names: str) -> int:
    """A seed for one purpose, independent of `seed` itself and of every other purpose."""
    with _lock:
        _chance.seed(":".join((str(seed), *names)))
        return _chance.getrandbits(53)
