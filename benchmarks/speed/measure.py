"""Interleaved measuring: machines drift, so what is compared is measured in turn, and medians of ratios are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median

Measure = Callable[[], float]


def interleaved(measures: Mapping[str, Measure], *, rounds: int) -> dict[str, list[float]]:
    """Take every measure once a round, after one round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds + 1):
        for name, measure in measures.items():
            value = measure()
            if number:
                taken[name].append(value)
    return taken


def ratio(taken: Mapping[str, list[float]], name: str, floor: str) -> float:
    """The median over rounds of one measure against another of the same round."""
    return median(value / base for value, base in zip(taken[name], taken[floor], strict=True))
