"""What a server may do to its clients: how long it takes, and what it does wrong, all by a seed."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
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
    UNFIT_ARGUMENTS = "answers with arguments that no tool has, where its answer has calls"


MODEL = (Trouble.WRONG_ARGUMENTS, Trouble.UNFIT_ARGUMENTS)
"""All that is the model's fault and not the server's: the answer is good to its client, and paid for."""
INFRASTRUCTURE = tuple(trouble for trouble in Trouble if trouble not in MODEL)
"""All that is the server's fault and not the model's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Troubles that befall some requests.

    They are drawn from the seed, a request's body and how often that body has come, so that equal runs meet equal
    faults in whatever order their requests come; an endpoint that remembers nothing draws by the requests' numbers.
    """

    rate: float
    """The share of requests."""
    seed: int = 0
    kinds: Collection[Trouble] | Mapping[Trouble, float] = INFRASTRUCTURE
    """Which there are, all as likely, or how likely each is beside the others."""
    retry_after_s: float | None = 0.1
    """What BUSY asks for."""
    drip_s: float = 0.2
    """How long DRIP takes."""

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1 or not self.kinds:
            raise UsageError(f"Faults(rate={self.rate!r}): the rate is a share between 0 and 1, of some kinds")
        for kind in self.kinds:
            if not isinstance(kind, Trouble):
                raise UsageError(f"Faults(kinds=[{kind!r}]): give members of Trouble")
        if not all(0 <= weight < math.inf for weight in self._weights()) or not sum(self._weights()):
            raise UsageError("Faults(kinds=...): weights are positive numbers, or 0")
        refuse_bad_seconds("Faults", retry_after_s=self.retry_after_s, drip_s=self.drip_s)

    def draw(self, request: int | str) -> Trouble | None:
        """What befalls the request of a number, or name."""
        rng = Random(f"{self.seed}:{request}")
        return rng.choices(self._kinds(), self._weights())[0] if rng.random() < self.rate else None

    def _kinds(self) -> list[Trouble]:
        # In their own order: that of a set differs from process to process.
        return [trouble for trouble in Trouble if trouble in self.kinds]

    def _weights(self) -> list[float]:
        kinds = self.kinds
        return [kinds[trouble] if isinstance(kinds, Mapping) else 1.0 for trouble in self._kinds()]


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Latencies as models have them: half below the median, and a long tail."""

    median_s: float
    sigma: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_bad_seconds("Lognormal", median_s=self.median_s, sigma=self.sigma)

    def draw(self, request: int | str) -> float:
        """The latency of the request of a number, or name."""
        return self.median_s * math.exp(Random(f"{self.seed}:{request}").gauss(0.0, self.sigma))


def refuse_bad_seconds(owner: str, **values: float | None) -> None:
    """Raise UsageError for what no clock can wait."""
    for name, value in values.items():
        if value is not None and not 0 <= value < math.inf:
            raise UsageError(f"{owner}({name}={value!r}): give a number, 0 or more")
