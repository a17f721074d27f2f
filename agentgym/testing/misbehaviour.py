"""What a server may do to its clients: how long it takes, and what it does wrong, all by a seed."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from random import Random

from agentgym.errors import UsageError


class Trouble(Enum):
    """What a server does wrong."""

    DISCONNECT = "hangs up before any answer"
    HANG = "answers only when the endpoint closes, by hanging up"
    NOT_JSON = "breaks off in the middle of its JSON"
    NO_CHOICES = "answers without a choice"
    CUT = "hangs up in the middle of its answer, or of its stream"
    DRIP = "answers well, a few bytes at a time"
    BUSY = "is too busy, and says when to come again"
    UNAVAILABLE = "is not available, with status 503"
    BROKEN = "breaks, with status 500"
    WRONG_ARGUMENTS = "answers with arguments that are no JSON, where its answer has calls"


INFRASTRUCTURE = tuple(trouble for trouble in Trouble if trouble is not Trouble.WRONG_ARGUMENTS)
"""All that is the server's fault and not the model's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Troubles that befall some requests, drawn by the seed in the order in which requests come."""

    rate: float
    """The share of requests."""
    seed: int = 0
    kinds: Collection[Trouble] = INFRASTRUCTURE
    retry_after_s: float = 0.1
    """What BUSY asks for."""

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1 or not self.kinds:
            raise UsageError(f"Faults(rate={self.rate!r}): the rate is a share between 0 and 1, of some kinds")

    def draw(self, number: int) -> Trouble | None:
        """What befalls the n-th request."""
        rng = Random(f"{self.seed}:{number}")
        return rng.choice(list(self.kinds)) if rng.random() < self.rate else None


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Latencies as models have them: half below the median, and a long tail."""

    median_s: float
    sigma: float = 0.5
    seed: int = 0

    def draw(self, number: int) -> float:
        """The latency of the n-th request."""
        return self.median_s * math.exp(Random(f"{self.seed}:{number}").gauss(0.0, self.sigma))
