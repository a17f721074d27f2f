"""Advantages and weights: of trajectories, whatever number of rows each of them gave."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgym.errors import UsageError
from agentgym.messages import Message, ModelCall, Turn
from tests.trainers.recorded import episode, span, spoken, write_run
from trainers.advantages import SCALES, Scale, advantages, lessons
from trainers.dataset.groups import Group, groups_of
from trainers.dataset.reading import Reader

GROUPS = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 1.0, 2.0], [3.0, 1.0]]


def played(folder: Path, rewards: list[float], turns: list[int]) -> list[Group]:
    """A task's trials; each turn is a planner's call that begins a row, and samples as many tokens as its number."""
    trials = [
        episode(
            *(spoken(_turn(number)) for number in range(1, count + 1)), trial=trial, reward=reward, outcome="failed"
        )
        for trial, (reward, count) in enumerate(zip(rewards, turns, strict=True))
    ]
    return list(groups_of(Reader().read(write_run(folder, *trials), by_task=True)))


def _turn(number: int) -> Turn:
    reply = Turn(span=span([9, number], range(number)))
    return Turn(calls=(ModelCall("planner", number, (Message("user", "plan"),), reply),))


@pytest.mark.parametrize(("unbiased", "size"), [(True, 0.866), (False, 1.0)])
def test_the_outcome_counts_for_every_turn_of_a_trajectory(tmp_path: Path, unbiased: bool, size: float) -> None:
    found = lessons(played(tmp_path, [1, 0, 0, 1], [2, 5, 3, 2]), unbiased=unbiased)
    signs = [1] * 2 + [-1] * 5 + [-1] * 3 + [1] * 2
    assert [lesson.advantage for lesson in found.rows] == pytest.approx([sign * size for sign in signs], abs=1e-3)
    assert found.advantages.dropped_share == 0


def test_trajectories_weigh_the_same_and_so_do_their_turns(tmp_path: Path) -> None:
    found = lessons(played(tmp_path, [1, 0, 0, 1], [2, 5, 3, 2]))
    assert math.fsum(weight for each in found.rows for weight in each.token_weights()) == pytest.approx(1.0)
    for each in found.rows:
        turns = {0: 2, 1: 5, 2: 3, 3: 2}[each.row.origin.trial]
        assert sum(each.token_weights()) == pytest.approx(1 / (4 * turns))
        assert each.weights == (1 / (4 * turns * each.row.sampled_count),)
        assert [weight > 0 for weight in each.token_weights()] == list(each.row.loss_mask)


def test_groups_of_any_size() -> None:
    by_group = advantages(GROUPS).groups
    assert by_group[0] == pytest.approx([2 / 3 / (0.57735 + 1e-4), *[-1 / 3 / (0.57735 + 1e-4)] * 2], rel=1e-4)
    assert by_group[2] == pytest.approx([1 / (math.sqrt(2) + 1e-4), -1 / (math.sqrt(2) + 1e-4)])
    assert advantages(GROUPS, scale="none").groups[1] == pytest.approx([-0.8, 0.2, -0.8, 0.2, 1.2])
    assert advantages(GROUPS, scale="leave-one-out").groups[0] == pytest.approx([1.0, -0.5, -0.5])
    spread = 0.9944289  # of all ten, around their common mean
    by_batch = advantages(GROUPS, scale="batch").groups
    assert by_batch[2] == pytest.approx([1 / (spread + 1e-4), -1 / (spread + 1e-4)], rel=1e-5)


@pytest.mark.parametrize("scale", SCALES)
def test_groups_that_teach_nothing_are_dropped_and_their_share_is_told(scale: Scale) -> None:
    found = advantages([[1, 1, 1], [0.1 + 0.2, 0.3], [5], [], [1, 0]], scale=scale)
    assert [each is None for each in found.groups] == [True, True, True, True, False]
    assert found.dropped_share == 0.8
    assert advantages([], scale=scale).dropped_share == 0.0


def test_what_is_dropped_gives_no_row(tmp_path: Path) -> None:
    found = lessons(played(tmp_path, [1, 1], [1, 1]))
    assert (found.rows, found.advantages.dropped_share) == ((), 1.0)


def test_a_trajectory_without_rows_still_counts_for_its_group(tmp_path: Path) -> None:
    found = lessons(played(tmp_path, [1, 0, 0], [1, 0, 0]))
    (only,) = found.rows
    assert only.advantage == pytest.approx(2 / 3 / 0.57745, rel=1e-3)
    assert only.weights == (1 / 3,)


@given(st.lists(st.lists(st.floats(-10, 10), max_size=6), max_size=5), st.sampled_from(SCALES), st.booleans())
def test_they_sum_to_nothing_and_keep_the_order_of_rewards(
    rewards: list[list[float]], scale: Scale, unbiased: bool
) -> None:
    for given_rewards, found in zip(rewards, advantages(rewards, scale=scale, unbiased=unbiased).groups, strict=True):
        if found is not None:
            assert sum(found) == pytest.approx(0, abs=1e-6)
            ranked = sorted(range(len(found)), key=given_rewards.__getitem__)
            assert all(found[one] <= found[other] for one, other in pairwise(ranked))


def test_wrong_wishes_are_told() -> None:
    with pytest.raises(UsageError, match="scale='mean': give one of group, batch, none, leave-one-out"):
        advantages([[1, 0]], scale="mean")  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(UsageError, match="not finite"):
        advantages([[1, float("nan")]])
