"""Which of the processes of one training this is, as torchrun and accelerate tell each of them."""

from __future__ import annotations

import os


def process_count() -> int:
    """How many processes train together."""
    return max(1, int(os.environ.get("WORLD_SIZE") or 1))


def is_first() -> bool:
    """Whether this is the one that writes and speaks."""
    return not int(os.environ.get("RANK") or 0)
