"""Sums and percentiles of values that come one at a time: exact where they can be, and never a matter of order."""

from __future__ import annotations

import pickle
from math import ceil, fsum, inf, nan
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgym.errors import UsageError
from agentgym.folds import ExactSum, Percentiles

numbers = st.floats(allow_nan=False, allow_infinity=False, max_value=1e300, min_value=-1e300)
amounts = st.floats(0, 1e300, allow_subnormal=True)


def folded(values: list[float]) -> Percentiles:
    """The percentiles of some values."""
    fold = Percentiles()
    for value in values:
        fold.add(value)
    return fold


@given(st.lists(numbers), st.randoms())
def test_a_sum_rounds_once_in_any_order(values: list[float], chance: Random) -> None:
    first, second = ExactSum(), ExactSum()
    for value in values:
        first.add(value)
    chance.shuffle(values)
    for value in values:
        second.add(value)
    assert first.value == second.value == fsum(values)
    assert first.mean(len(values)) == second.mean(len(values))


def test_sums_keep_what_floats_lose() -> None:
    total, other = ExactSum(), ExactSum()
    for value in (1e100, 1, -1e100):
        total.add(value)
    other.add(5e-324)
    assert total.value == 1.0
    assert other.value == 5e-324
    total.merge(other)
    assert total.mean(4) == 0.25
    assert total.mean(0) is None


def test_a_sum_too_large_is_infinite_and_its_mean_is_not() -> None:
    total = ExactSum()
    total.add(1e308)
    total.add(1e308)
    assert total.value == inf
    total.add(-1e308)
    assert total.value == 1e308
    total.add(1e308)
    assert total.mean(2) == 1e308


@given(st.lists(amounts, min_size=1), st.integers(0, 100))
def test_percentiles_are_one_percent_off_at_most(values: list[float], percent: int) -> None:
    exact = sorted(values)[max(1, ceil(len(values) * percent / 100)) - 1]
    fold = folded(values)
    assert fold.at(percent) == pytest.approx(exact, rel=0.01, abs=0.0)
    assert fold.most == max(values)
    assert fold.count == len(values)
    assert fold.mean == pytest.approx(fsum(value / len(values) for value in values), rel=1e-9, abs=1e-300)


@given(st.lists(amounts), st.lists(amounts), st.randoms())
def test_percentiles_merge_in_any_order(some: list[float], more: list[float], chance: Random) -> None:
    merged, everything = folded(some), some + more
    merged.merge(folded(more))
    chance.shuffle(everything)
    assert merged.to_json(0, 50, 90, 99, 100) == folded(everything).to_json(0, 50, 90, 99, 100)


def test_a_fold_may_be_merged_with_itself() -> None:
    fold = folded([1, 2, 3])
    fold.merge(fold)
    assert fold.to_json(50) == {"mean": 2.0, "p50": 2, "max": 3}
    assert fold.count == 6


def test_zero_and_whole_numbers_are_exact() -> None:
    assert folded([0, 0, 0, 1, 2, 3, 3, 4, 90, 100]).to_json(30, 50, 90) == {
        "mean": 20.3,
        "p30": 0,
        "p50": 2,
        "p90": 90,
        "max": 100,
    }
    assert folded([0.0]).to_json(50) == {"mean": 0.0, "p50": 0.0, "max": 0.0}


def test_nothing_has_no_percentiles() -> None:
    assert Percentiles().to_json(50, 99) == {"mean": None, "p50": None, "p99": None, "max": None}


@pytest.mark.parametrize("value", [-1.0, nan, inf])
def test_only_amounts_have_percentiles(value: float) -> None:
    with pytest.raises(UsageError, match="finite numbers from zero up"):
        Percentiles().add(value)
    with pytest.raises(UsageError, match="between 0 and 100"):
        Percentiles().at(value if value < 0 else 101)


def test_memory_does_not_grow_with_what_is_counted() -> None:
    chance, fold, sizes = Random(1), Percentiles(), []
    for _ in range(2):
        for _ in range(20_000):
            fold.add(chance.lognormvariate(0, 1))
        sizes.append(len(pickle.dumps(fold)))
    assert sizes[1] < 1.1 * sizes[0]
