"""Rates, intervals and differences: worked out by hand, against scipy, and within their bounds."""

from __future__ import annotations

from itertools import combinations
from math import comb, inf, nan
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from agentgym.errors import UsageError
from agentgym.metrics import (
    Agreement,
    agreement,
    clustered_interval,
    mean_pass_at_k,
    mean_pass_hat_k,
    paired_difference,
    pass_at_k,
    pass_hat_k,
    sign_test,
    wilson_interval,
)

tried = st.integers(0, 12).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


@pytest.mark.parametrize(("successes", "total"), [(0, 1), (0, 40), (1, 3), (7, 10), (40, 40), (999, 100_000)])
def test_wilson_is_that_of_scipy(successes: int, total: int) -> None:
    known = stats.binomtest(successes, total).proportion_ci(method="wilson")
    assert wilson_interval(successes, total) == pytest.approx((known.low, known.high), abs=1e-9)


def test_certainty_is_never_claimed() -> None:
    assert wilson_interval(0, 0) == clustered_interval([]) == clustered_interval([(0, 0)]) == (0.0, 1.0)
    assert wilson_interval(0, 9)[0] == 0.0 < wilson_interval(0, 9)[1]
    assert wilson_interval(9, 9)[0] < wilson_interval(9, 9)[1] == 1.0
    assert clustered_interval([(2, 4)] * 9) == wilson_interval(18, 36), "no task differs from another"
    assert clustered_interval([(4, 4)] * 9) == wilson_interval(9, 9), "trials that always go alike count as one"
    assert clustered_interval([(0, 4)] * 9) == wilson_interval(0, 9)
    assert clustered_interval([(2, 4)]) == pytest.approx((0.0546, 0.9454), abs=1e-4), "one task is one trial"


def test_one_trial_a_task_is_no_cluster() -> None:
    assert clustered_interval([(1, 1)] * 30 + [(0, 1)] * 12) == pytest.approx(wilson_interval(30, 42), abs=1e-12)


def test_trials_that_go_alike_tell_as_much_as_their_tasks() -> None:
    assert clustered_interval([(8, 8)] * 30 + [(0, 8)] * 12) == pytest.approx(wilson_interval(30, 42), abs=0.01)


def test_the_tasks_may_be_counted_beforehand() -> None:
    assert clustered_interval({(3, 4): 2, (0, 4): 1}) == clustered_interval([(3, 4), (0, 4), (3, 4)])
    assert mean_pass_at_k({(3, 4): 2, (0, 4): 1}, 2) == mean_pass_at_k([(3, 4), (0, 4), (3, 4)], 2)


@given(st.lists(tried, max_size=12), st.randoms())
def test_the_clustered_interval_holds_the_rate_and_no_order(tasks: list[tuple[int, int]], chance: Random) -> None:
    low, high = clustered_interval(tasks)
    solved, total = sum(task[0] for task in tasks), sum(task[1] for task in tasks)
    assert 0.0 <= low < high <= 1.0
    if total:
        narrowest = wilson_interval(solved, total)
        assert low - 1e-9 <= solved / total <= high + 1e-9
        assert high - low >= (narrowest[1] - narrowest[0]) - 1e-9
    chance.shuffle(tasks)
    assert clustered_interval(tasks) == (low, high)


@pytest.mark.parametrize(("tasks", "trials", "a", "b"), [(5, 10, 2.0, 2.0), (10, 10, 0.3, 0.3), (30, 4, 5.0, 0.3)])
def test_the_clustered_interval_holds_the_truth_as_often_as_it_says(
    tasks: int, trials: int, a: float, b: float
) -> None:
    chance, held, rounds = Random(7), 0, 400
    for _ in range(rounds):
        rates = [chance.betavariate(a, b) for _ in range(tasks)]
        low, high = clustered_interval([(sum(chance.random() < rate for _ in range(trials)), trials) for rate in rates])
        held += low <= a / (a + b) <= high
    assert held / rounds > 0.92


@pytest.mark.parametrize(("successes", "total"), [(-1, 3), (4, 3), (0, -1)])
def test_impossible_counts_are_refused(successes: int, total: int) -> None:
    with pytest.raises(UsageError, match="cannot succeed"):
        wilson_interval(successes, total)
    with pytest.raises(UsageError, match="cannot succeed"):
        clustered_interval([(successes, total)])
    with pytest.raises(UsageError):
        pass_at_k(total, successes, 1)


@given(st.integers(1, 7), st.data())
def test_pass_k_counts_the_ways_to_draw(trials: int, data: st.DataObject) -> None:
    successes, k = data.draw(st.integers(0, trials)), data.draw(st.integers(1, trials))
    draws = list(combinations([True] * successes + [False] * (trials - successes), k))
    assert pass_at_k(trials, successes, k) == pytest.approx(fmean(map(any, draws)))
    assert pass_hat_k(trials, successes, k) == pytest.approx(fmean(map(all, draws)))


def test_pass_k_by_hand() -> None:
    assert pass_at_k(4, 1, 2) == 0.5
    assert pass_hat_k(4, 3, 2) == 0.5
    assert pass_at_k(1000, 1, 500) == 0.5, "neither huge numbers nor their ratio overflow"
    assert pass_at_k(5, 3, 3) == 1.0
    assert mean_pass_at_k([(1, 4), (4, 4), (0, 1)], 2) == 0.75, "a task tried once says nothing of two trials"
    assert mean_pass_hat_k([(3, 4), (4, 4)], 2) == 0.75
    assert mean_pass_at_k([(1, 1)], 2) is None
    assert mean_pass_hat_k([], 1) is None
    with pytest.raises(UsageError, match="k=5 is not between 1 and the 4 trials"):
        pass_hat_k(4, 4, 5)


def test_the_difference_of_two_runs_against_scipy() -> None:
    chance = Random(3)
    pairs = [(chance.random(), min(1.0, chance.random() * 1.3)) for _ in range(80)]
    found = paired_difference(pairs)
    known = stats.bootstrap(
        ([second - first for first, second in pairs],), fmean, vectorized=False, method="percentile", rng=1
    ).confidence_interval
    assert found.mean == pytest.approx(fmean(second - first for first, second in pairs))
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=0.01)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20), st.randoms())
def test_a_difference_has_bounds_and_no_order(pairs: list[tuple[float, float]], chance: Random) -> None:
    found = paired_difference(pairs, rounds=50)
    assert -2.0 <= found.low <= found.mean + 1e-9
    assert found.mean - 1e-9 <= found.high <= 2.0
    chance.shuffle(pairs)
    assert paired_difference(pairs, rounds=50) == found


@pytest.mark.parametrize("flips", [3, 40, 300])
def test_many_pairs_are_told_as_few_are_drawn(flips: int) -> None:
    pairs = [(0.0, 1.0)] * flips + [(0.0, 0.0)] * (1000 - flips)
    drawn, told = paired_difference(pairs), paired_difference([*pairs, (0.0, 0.0)])
    assert (told.low, told.high) == pytest.approx((drawn.low, drawn.high), abs=0.0015)


def test_a_seed_says_which_pairs_are_drawn() -> None:
    pairs = [(0.0, float(value)) for value in range(40)]
    assert paired_difference(pairs, seed=1) == paired_difference(pairs, seed=1) != paired_difference(pairs, seed=2)


def test_equal_differences_claim_no_certainty() -> None:
    found = paired_difference([(1.0, 1.0)] * 4)
    assert found.mean == 0.0
    assert found.high == -found.low == pytest.approx(wilson_interval(0, 4)[1])
    assert paired_difference([(0.0, 0.0)] * 4, span=10.0).high == pytest.approx(10 * found.high)


def test_tiny_and_huge_differences_neither_vanish_nor_overflow() -> None:
    for size in (1e-300, 1e300):
        found = paired_difference([(0.0, size)] * 600 + [(0.0, 0.0)] * 600)
        assert (found.low / size, found.high / size) == pytest.approx((0.4717, 0.5283), abs=1e-4)


@pytest.mark.parametrize("pairs", [[], [(0.0, nan)], [(0.0, inf)]])
def test_differences_of_nothing_are_refused(pairs: list[tuple[float, float]]) -> None:
    with pytest.raises(UsageError, match="at least one pair"):
        paired_difference(pairs)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (0, 5), (5, 0), (3, 4), (7, 7), (60, 30), (700, 600)])
def test_the_sign_test_is_the_binomial_test(wins: int, losses: int) -> None:
    known = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert sign_test(wins, losses) == pytest.approx(known, rel=1e-9)
    assert sign_test(wins, losses) == sign_test(losses, wins)


def test_the_sign_test_bears_any_number_of_flips() -> None:
    assert sign_test(0, 5000) == 0.0
    assert sign_test(2, 3) == 2 * (comb(5, 0) + comb(5, 1) + comb(5, 2)) / 2**5 == 1.0
    with pytest.raises(UsageError, match="there cannot be"):
        sign_test(-1, 3)


def test_precision_recall_and_f1() -> None:
    found = agreement(right=3, found=4, wanted=6)
    assert (found.precision, found.recall, found.f1) == (0.75, 0.5, 0.6)
    assert agreement(right=0, found=0, wanted=0) == Agreement(1.0, 1.0, 1.0), "nothing to find, and nothing claimed"
    assert agreement(right=0, found=0, wanted=2) == agreement(right=0, found=2, wanted=0) == Agreement(0.0, 0.0, 0.0)
    with pytest.raises(UsageError, match="cannot be right"):
        agreement(right=3, found=2, wanted=6)
