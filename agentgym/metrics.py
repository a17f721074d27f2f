"""Figures for scores: rates and their intervals, pass@k and pass^k, paired differences, precision and recall."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

Z95 = 1.959963984540054
"""The normal quantile of a 95% interval."""


def wilson_interval(successes: float, total: float) -> tuple[float, float]:
    """The 95% interval of a rate after Wilson (1927); it holds for few trials and near 0 and 1 too."""
    rate, spread = successes / total, Z95**2 / total
    centre = rate + spread / 2
    reach = Z95 * math.sqrt((rate * (1 - rate) + spread / 4) / total)
    return max(0.0, (centre - reach) / (1 + spread)), min(1.0, (centre + reach) / (1 + spread))


def clustered_interval(counts: Iterable[tuple[int, int]]) -> tuple[float, float]:
    """The 95% interval of a rate over tasks that were tried several times: (successes, trials) of each task.

    Trials of one task resemble each other, so that they tell less than as many tasks would. The variance of the rate
    between tasks says how much less: Wilson's interval is taken for the number of independent trials that would have
    the same variance, at least that of the tasks and at most that of all trials.
    """
    tasks = [(successes, trials) for successes, trials in counts if trials]
    total = sum(trials for _, trials in tasks)
    rate = sum(successes for successes, _ in tasks) / total
    independent = rate * (1 - rate)
    if len(tasks) < 2 or not independent:
        return wilson_interval(rate * len(tasks), len(tasks))
    between = sum((successes - rate * trials) ** 2 for successes, trials in tasks) * len(tasks) / (len(tasks) - 1)
    effective = independent * total**2 / between if between else total
    effective = min(float(total), max(float(len(tasks)), effective))
    return wilson_interval(rate * effective, effective)


def pass_at_k(trials: int, successes: int, k: int) -> float:
    """The chance that at least one of k trials succeeds, without bias (Chen et al., 2021)."""
    return 1.0 - _all_of(trials, trials - successes, k)


def pass_hat_k(trials: int, successes: int, k: int) -> float:
    """The chance that all of k trials succeed, without bias (Yao et al., 2024)."""
    return _all_of(trials, successes, k)


def _all_of(trials: int, such: int, k: int) -> float:
    """The chance that k trials drawn from those made are all such."""
    if not 1 <= k <= trials:
        raise ValueError(f"k={k} is not between 1 and the {trials} trials")
    return math.comb(such, k) / math.comb(trials, k)


@dataclass(frozen=True, slots=True)
class Difference:
    """How much higher the second of two paired means is."""

    mean: float
    low: float
    high: float
    """The bounds of the 95% interval, from the bootstrap."""


def paired_difference(pairs: Sequence[tuple[float, float]], *, seed: int = 0, rounds: int = 2000) -> Difference:
    """The mean of second minus first, and the interval that drawing the pairs anew gives; equal seeds, equal bounds."""
    differences = [second - first for first, second in pairs]
    mean = math.fsum(differences) / len(differences)
    kinds: dict[float, int] = {}
    for difference in differences:
        kinds[difference] = kinds.get(difference, 0) + 1
    values, weights = list(kinds), list(kinds.values())
    rng, means = Random(seed), list[float]()
    for _ in range(rounds):
        drawn = rng.choices(values, weights, k=len(differences))
        means.append(math.fsum(drawn) / len(differences))
    means.sort()
    return Difference(mean, means[round(0.025 * (rounds - 1))], means[round(0.975 * (rounds - 1))])


def sign_test(wins: int, losses: int) -> float:
    """How likely so lopsided a result is where neither side is better: two-sided and exact, without the ties."""
    total, least = wins + losses, min(wins, losses)
    if total == 0:
        return 1.0
    tail = sum(math.comb(total, count) for count in range(least + 1))
    return min(1.0, tail / float(2 ** (total - 1)))


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision, recall and F1; what has no denominator is 1 where nothing was missed, and else 0."""

    precision: float
    recall: float
    f1: float


def agreement(*, right: int, found: int, wanted: int) -> Agreement:
    """Of so many found and so many wanted, so many were right."""
    precision = right / found if found else float(not wanted)
    recall = right / wanted if wanted else float(not found)
    return Agreement(precision, recall, 2 * right / (found + wanted) if found + wanted else 1.0)


class Percentiles:
    """Percentiles of any number of values at or above zero, in constant memory and to one part in a hundred.

    Values are counted in buckets that grow by 2 %; the result does not depend on their order.
    """

    _WIDTH = math.log(1.02)

    def __init__(self) -> None:
        self.count = 0
        self.most = 0.0
        self._buckets: dict[int, int] = {}

    def add(self, value: float) -> None:
        """Count a value."""
        bucket = _ZERO if value <= 0 else round(math.log(value) / self._WIDTH)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        self.most = max(self.most, value)

    def merge(self, other: Percentiles) -> None:
        """Count all that another has counted."""
        for bucket, count in other._buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count
        self.count += other.count
        self.most = max(self.most, other.most)

    def at(self, percent: float) -> float | None:
        """The value below which so many percent lie; None where nothing was counted."""
        left = math.ceil(percent / 100 * self.count)
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return min(self._middle(bucket), self.most)
        return None

    @property
    def mean(self) -> float | None:
        """As exact as the percentiles."""
        if not self.count:
            return None
        return math.fsum(self._middle(bucket) * count for bucket, count in self._buckets.items()) / self.count

    def _middle(self, bucket: int) -> float:
        return 0.0 if bucket == _ZERO else math.exp(bucket * self._WIDTH)


_ZERO = -(10**9)
"""The bucket of zero itself."""
