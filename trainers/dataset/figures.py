"""What there is to learn from, in figures; what is held does not grow with the length of the rows."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from agentgym.messages import JsonObject
from trainers.advantages import EQUAL_WITHIN
from trainers.dataset.groups import group_key
from trainers.dataset.rows import TokenRow, Trajectory


@dataclass(slots=True)
class Moments:
    """How many numbers came, and how they are spread (Welford's way, which loses no digits)."""

    count: int = 0
    mean: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    _squares: float = 0.0

    def add(self, value: float) -> None:
        """Count a number."""
        self.count += 1
        step = value - self.mean
        self.mean += step / self.count
        self._squares += step * (value - self.mean)
        self.least, self.most = min(self.least, value), max(self.most, value)

    @property
    def std(self) -> float:
        """The standard deviation of what came."""
        return math.sqrt(self._squares / self.count) if self.count else 0.0

    def as_json(self) -> JsonObject | None:
        """The figures, if there are any."""
        if not self.count:
            return None
        return {"count": self.count, "mean": self.mean, "std": self.std, "min": self.least, "max": self.most}


class Figures:
    """Adds trajectories up."""

    def __init__(self) -> None:
        self._outcomes, self._rows, self._roles = Counter[str](), Counter[str](), Counter[str]()
        self._temperatures, self._versions, self._lengths = Counter[str](), Counter[str](), Counter[int]()
        self._tokens = Counter[str]()
        self._reward, self._calls = Moments(), Moments()
        self._terms = defaultdict[str, Moments](Moments)
        self._groups = defaultdict[tuple[str, str | None, str], Moments](Moments)
        self._tasks = set[tuple[str | None, str]]()
        self.trajectories = 0

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._rows["all"]

    @classmethod
    def of(cls, trajectories: Iterable[Trajectory]) -> Self:
        """The figures of all of these."""
        figures = cls()
        for trajectory in trajectories:
            figures.add(trajectory)
        return figures

    def add(self, trajectory: Trajectory) -> None:
        """Count a trajectory."""
        origin = trajectory.origin
        self.trajectories += 1
        self._tasks.add((origin.environment, origin.task_id))
        if origin.outcome is not None:
            self._outcomes[origin.outcome] += 1
        if origin.reward is not None:
            self._reward.add(origin.reward)
            self._groups[group_key(origin)].add(origin.reward)
        for name, term in origin.terms.items():
            self._terms[name].add(term.value)
        self._calls.add(len(list(trajectory.samples())))
        for row in trajectory.rows:
            self._add_row(row)

    def _add_row(self, row: TokenRow) -> None:
        self._rows += Counter(all=1, exact=row.exact, with_logprobs=row.logprobs is not None)
        self._tokens += Counter(all=len(row), trained=row.sampled_count)
        self._lengths[len(row)] += 1
        for sample in row.samples:
            self._roles[sample.role or "agent"] += len(sample)
            self._temperatures["unknown" if sample.temperature is None else f"{sample.temperature:g}"] += len(sample)
            self._versions[sample.model_version or "unknown"] += len(sample)

    def as_json(self) -> JsonObject:
        """All figures."""
        several = [moments for moments in self._groups.values() if moments.count > 1]
        flat = sum(moments.most - moments.least <= EQUAL_WITHIN for moments in several)
        return {
            "trajectories": self.trajectories,
            "tasks": len(self._tasks),
            "outcomes": dict(self._outcomes),
            "reward": self._reward.as_json(),
            "terms": {name: moments.as_json() for name, moments in self._terms.items()},
            "groups": {
                "of_several": len(several),
                "of_one": len(self._groups) - len(several),
                "without_variance": flat,
                "share_without_variance": flat / len(several) if several else None,
            },
            "calls_per_trajectory": self._calls.as_json(),
            "rows": {name: self._rows[name] for name in ("all", "exact", "with_logprobs")},
            "tokens": {name: self._tokens[name] for name in ("all", "trained")},
            "row_lengths": {f"p{share}": self._length(share) for share in (50, 95, 100)} if self._lengths else None,
            "trained_tokens_by_role": dict(self._roles),
            "trained_tokens_by_temperature": dict(self._temperatures),
            "trained_tokens_by_model_version": dict(self._versions),
        }

    def _length(self, share: int) -> int:
        """The length that so many of a hundred rows do not go beyond."""
        wanted, passed = self._rows["all"] * share / 100, 0
        for length, count in sorted(self._lengths.items()):
            passed += count
            if passed >= wanted:
                return length
        return 0
