"""How often Python looks for garbage while a run goes on or a model is read."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from agentgym.garbage import rarer_collections


@pytest.fixture(autouse=True)
def threshold() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def every() -> int:
    return gc.get_threshold()[0]


def test_overlapping_uses_end_in_any_order() -> None:
    gc.set_threshold(700, 10, 10)
    first, second = ExitStack(), ExitStack()
    first.enter_context(rarer_collections())
    rarely = every()
    second.enter_context(rarer_collections())
    first.close()
    assert every() == rarely > 700
    second.close()
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("chosen", [0, 1_000_000])
def test_who_looks_less_often_already_or_never_is_left_alone(chosen: int) -> None:
    gc.set_threshold(chosen, 10, 10)
    with rarer_collections():
        assert every() == chosen
    assert every() == chosen


def test_the_one_that_wants_it_rarest_counts() -> None:
    gc.set_threshold(700, 10, 10)
    with rarer_collections():
        ordinary = every()
        with rarer_collections(staying=2 * ordinary):
            assert every() == 2 * ordinary
        assert every() == ordinary
        with rarer_collections(staying=10**12):
            assert every() < 10 * ordinary
    assert gc.get_threshold() == (700, 10, 10)
