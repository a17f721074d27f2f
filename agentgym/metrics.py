"""Figures for scores: rates and their intervals, pass@k and pass^k, paired differences, precision and recall.

Every interval is a 95% interval.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random

from agentgym.errors import UsageError

Trials = tuple[int, int]
"""The successes and the trials of one task."""
Tasks = Iterable[Trials] | Mapping[Trials, int]
"""The trials of each task; or how many tasks have the same."""
Interval = tuple[float, float]

_Z95 = 1.959963984540054
"""The normal quantile of a 95% interval."""
_T95 = {1: 12.706204736432095, 2: 4.302652729911275}
"""Those of Student's t that its expansion misses."""
_ROUNDING = 1e-12
"""Of the greatest value, so much lies between differences that are equal but for how they were computed."""
_RESAMPLED = 1000
"""More pairs than this are not drawn anew: the expansion is then as good, and a thousand times faster."""


def wilson_interval(successes: int, total: int) -> Interval:
    """The interval of a rate after Wilson (1927), which holds for few trials and near 0 and 1; (0, 1) for no trial."""
    _check(successes, total)
    return _wilson(successes / total, total) if total else (0.0, 1.0)


def clustered_interval(tasks: Tasks) -> Interval:
    """The interval of the rate over all trials, where trials of one task tend to go alike; (0, 1) for no trial.

    Wilson's interval at the effective number of trials (Korn and Graubard 1998): the trials over the design effect,
    which is the cluster-robust variance (with the factor G/(G-1) for G tasks) over that of independent trials, and
    narrowed by the t quantile of G-1 degrees of freedom. It lies between all trials (independent ones) and the tasks
    (trials of a task always alike). Where nothing tells the two apart - one task, none solved or all - it is the
    latter. With one trial a task it is Wilson's interval.
    """
    counts = Counter(tasks)
    for successes, trials in counts:
        _check(successes, trials)
    solved = sum(successes * count for (successes, _), count in counts.items())
    total = sum(trials * count for (_, trials), count in counts.items())
    return _wilson(solved / total, _effective_trials(counts, solved, total)) if total else (0.0, 1.0)


def pass_at_k(trials: int, successes: int, k: int) -> float:
    """The chance that at least one of k trials succeeds, without bias (Chen et al., 2021)."""
    _check_k(trials, successes, k)
    ways = math.comb(trials, k)
    return (ways - math.comb(trials - successes, k)) / ways


def pass_hat_k(trials: int, successes: int, k: int) -> float:
    """The chance that all of k trials succeed, without bias (Yao et al., 2024)."""
    _check_k(trials, successes, k)
    return math.comb(successes, k) / math.comb(trials, k)


def mean_pass_at_k(tasks: Tasks, k: int) -> float | None:
    """pass@k over all tasks tried at least k times; None where there is none."""
    return _mean_over_tasks(pass_at_k, tasks, k)


def mean_pass_hat_k(tasks: Tasks, k: int) -> float | None:
    """pass^k over all tasks tried at least k times; None where there is none."""
    return _mean_over_tasks(pass_hat_k, tasks, k)


@dataclass(frozen=True, slots=True)
class Difference:
    """How much higher the second of two paired means is."""

    mean: float
    low: float
    high: float


def paired_difference(
    pairs: Iterable[tuple[float, float]], *, seed: int = 0, rounds: int = 10_000, span: float = 1.0
) -> Difference:
    """The mean of second minus first, and the percentile interval that drawing the pairs anew gives.

    Equal pairs, in any order, and equal seeds give equal bounds. Of more than 1,000 pairs the percentiles come from
    their expansion (Cornish and Fisher), not from drawing. Where all differences are equal, up to rounding, drawing
    sees no chance at all: then a pair that differs by `span`, the most a value can change, is allowed for as often as
    Wilson's interval of 0 in so many does.
    """
    pairs = list(pairs)
    differences = sorted(second - first for first, second in pairs)
    if not differences or not all(map(math.isfinite, differences)) or rounds < 1:
        raise UsageError("a difference needs at least one pair, finite values, and at least one round")
    mean = math.fsum(differences) / len(differences)
    greatest = max(abs(value) for pair in pairs for value in pair)
    if math.isclose(differences[0], differences[-1], rel_tol=0.0, abs_tol=_ROUNDING * greatest):
        reach = span * _wilson(0.0, len(differences))[1]
        return Difference(mean, mean - reach, mean + reach)
    few = len(differences) <= _RESAMPLED
    return Difference(mean, *(_drawn(differences, seed, rounds) if few else _expanded(differences, mean)))


def sign_test(wins: int, losses: int) -> float:
    """How likely so lopsided a result is where neither side is better: two-sided and exact, without the ties."""
    if min(wins, losses) < 0:
        raise UsageError(f"there cannot be {wins} wins and {losses} losses")
    total = wins + losses
    ways, tail = 1, 0
    for fewer in range(min(wins, losses) + 1):
        tail += ways
        ways = ways * (total - fewer) // (fewer + 1)
    return 1.0 if wins == losses else 2 * tail / (1 << total)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision, recall and F1; what has no denominator is 1 where nothing was missed, and else 0."""

    precision: float
    recall: float
    f1: float


def agreement(*, right: int, found: int, wanted: int) -> Agreement:
    """Of so many found and so many wanted, so many were right."""
    if not 0 <= right <= min(found, wanted):
        raise UsageError(f"of {found} found and {wanted} wanted, {right} cannot be right")
    precision = right / found if found else float(not wanted)
    recall = right / wanted if wanted else float(not found)
    return Agreement(precision, recall, 2 * right / (found + wanted) if found + wanted else 1.0)


def _wilson(rate: float, total: float) -> Interval:
    spread = _Z95**2 / total
    centre = rate + spread / 2
    reach = _Z95 * math.sqrt((rate * (1 - rate) + spread / 4) / total)
    low, high = (centre - reach) / (1 + spread), (centre + reach) / (1 + spread)
    return (low if rate > 0.0 else 0.0), (high if rate < 1.0 else 1.0)


def _effective_trials(counts: Counter[Trials], solved: int, total: int) -> float:
    """Sums of integers throughout, so that no order of tasks shows."""
    if_always_alike = total * total / sum(trials * trials * count for (_, trials), count in counts.items())
    tasks = sum(count for (_, trials), count in counts.items() if trials)
    if tasks == 1 or solved in (0, total):
        return if_always_alike
    residuals = sum((of * total - solved * trials) ** 2 * count for (of, trials), count in counts.items())
    if residuals == 0:
        return float(total)
    robust = residuals * tasks / (tasks - 1) / total**2
    independent = solved * (total - solved) / (total - 1)
    narrowed = (_t95(total - 1) / _t95(tasks - 1)) ** 2
    return min(total, max(if_always_alike, total * independent / robust * narrowed))


def _t95(freedom: int) -> float:
    """Student's t quantile of a 95% interval, after Cornish and Fisher; at most 0.2% off."""
    if freedom in _T95:
        return _T95[freedom]
    z, inverse = _Z95, 1 / freedom
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term * inverse**power for power, term in enumerate(terms))


def _drawn(differences: list[float], seed: int, rounds: int) -> Interval:
    chance, count = Random(seed), len(differences)
    means = sorted(math.fsum(chance.choices(differences, k=count)) / count for _ in range(rounds))
    outside = int(rounds * 0.025)
    return means[outside], means[-1 - outside]


def _expanded(differences: list[float], mean: float) -> Interval:
    """The same percentiles from the first three moments, kept within what drawing can reach."""
    deviations = [value - mean for value in differences]
    spread = math.hypot(*deviations)
    skew = math.fsum((deviation / spread) ** 3 for deviation in deviations)
    scale, shift = spread / len(differences), (_Z95**2 - 1) * skew / 6
    return max(differences[0], mean + scale * (shift - _Z95)), min(differences[-1], mean + scale * (shift + _Z95))


def _mean_over_tasks(chance: Callable[[int, int, int], float], tasks: Tasks, k: int) -> float | None:
    counts = {held: count for held, count in Counter(tasks).items() if count and held[1] >= k}
    if not counts:
        return None
    return math.fsum(chance(trials, of, k) * count for (of, trials), count in counts.items()) / sum(counts.values())


def _check(successes: int, trials: int) -> None:
    if not 0 <= successes <= trials:
        raise UsageError(f"of {trials} trials {successes} cannot succeed")


def _check_k(trials: int, successes: int, k: int) -> None:
    _check(successes, trials)
    if not 1 <= k <= trials:
        raise UsageError(f"k={k} is not between 1 and the {trials} trials")
