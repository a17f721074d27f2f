"""What one reviewer says of a task."""

from __future__ import annotations

from dataclasses import dataclass

DECIDING = ("correctness", "completeness", "satisfaction")
"""Most must find each of these good."""
METRICS = (*DECIDING, "creativity")


@dataclass(frozen=True, slots=True)
class Review:
    """0 or 1 for each metric."""

    reviewer: str
    reflection: str
    correctness: int
    completeness: int
    satisfaction: int
    creativity: int
    correction: str = ""
    """What is to be changed."""

    @property
    def total(self) -> int:
        """Of all metrics; what a reviewer adds up by itself does not count."""
        return sum(getattr(self, metric) for metric in METRICS)

    @property
    def accepts(self) -> bool:
        """Whether this one alone would accept the task."""
        return all(getattr(self, metric) for metric in DECIDING)
