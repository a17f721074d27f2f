"""Figures of learnings: what was measured with each seed, what was asked for, and whether it is held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from agentgym.messages import JsonObject

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Bar:
    """What the mean over seeds of a figure has to come to."""

    figure: str
    least: float | None = None
    most: float | None = None

    def is_held(self, found: Sequence[Mapping[str, float]]) -> bool:
        """Whether it does."""
        mean = fmean(figures[self.figure] for figures in found)
        return (self.least is None or mean >= self.least) and (self.most is None or mean <= self.most)

    @property
    def told(self) -> str:
        """In writing."""
        bound = f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}"
        return f"{self.figure} {bound}"


def held_by(bars: Sequence[Bar], found: Sequence[Mapping[str, float]]) -> dict[str, bool]:
    """By bar: whether the means of the seeds' figures hold it."""
    return {bar.told: bar.is_held(found) for bar in bars}


@dataclass(frozen=True, slots=True)
class Learnt:
    """What came of one task."""

    task: str
    seeds: Mapping[int, Mapping[str, float]]
    """The figures of each."""
    held: Mapping[str, bool]
    """By bar."""

    @property
    def is_held(self) -> bool:
        """Whether all bars are."""
        return all(self.held.values())

    @property
    def means(self) -> dict[str, float]:
        """Over the seeds."""
        names = next(iter(self.seeds.values()), {})
        return {name: fmean(figures[name] for figures in self.seeds.values()) for name in names}

    def rows(self) -> Iterator[Sequence[str]]:
        """Of a table: the figure, each seed, and the mean."""
        for name, mean in self.means.items():
            yield (name, *(f"{figures[name]:.4g}" for figures in self.seeds.values()), f"{mean:.4g}")

    def as_json(self) -> JsonObject:
        """All of it."""
        return {
            "task": self.task,
            "seeds": {str(seed): dict(figures) for seed, figures in self.seeds.items()},
            "means": {**self.means},
            "held": {**self.held},
        }


def flat(figures: Mapping[str, object], name: str = "") -> Figures:
    """Figures within figures as one mapping, whose names tell where each stood."""
    found: Figures = {}
    for key, value in figures.items():
        place = f"{name}.{key}" if name else key
        if isinstance(value, Mapping):
            found |= flat(value, place)
        elif isinstance(value, int | float):
            found[place] = float(value)
    return found
