"""Seeds: fresh ones, and independent ones derived from one."""

from __future__ import annotations

from random import Random, SystemRandom


def fresh_seed() -> int:
    """A seed nobody chose; it fits a JSON number that every reader keeps exact."""
    return SystemRandom().getrandbits(53)


def derive_seed(seed: int, *names: str) -> int:
    """A seed for one purpose, independent of `seed` itself and of every other purpose."""
    return Random(":".join((str(seed), *names))).getrandbits(53)
