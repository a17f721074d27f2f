"""Two runs compared: hand-computed pairs, what is left out, and bounds that hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from agentgym.comparison import compare
from agentgym.episode import Outcome
from agentgym.facts import EpisodeFacts
from agentgym.metrics import paired_difference


def facts(task: str, outcome: Outcome, reward: float | None = None, trial: int = 0) -> EpisodeFacts:
    reward = float(outcome == "solved") if reward is None else reward
    return EpisodeFacts(task_id=task, trial=trial, outcome=outcome, reward=reward)


def test_each_task_is_compared_with_itself() -> None:
    a = [facts("1", "solved"), facts("2", "failed"), facts("3", "failed", 0.5), facts("4", "solved")]
    b = [facts("4", "truncated"), facts("3", "solved"), facts("2", "solved"), facts("1", "solved")]
    found = compare(a, b)
    assert (found.tasks, found.pairs, found.not_evaluable) == (4, 4, 0)
    assert found.solved_rate is not None
    assert found.mean_reward is not None
    assert (found.solved_rate.a, found.solved_rate.b) == (0.5, 0.75)
    assert (found.mean_reward.a, found.mean_reward.b) == (0.625, 0.75)
    assert found.solved_rate.difference.mean == 0.25
    assert found.solved_rate.difference.low < 0.25 < found.solved_rate.difference.high
    assert (found.lost, found.gained) == (("4",), ("2", "3"))
    assert found.sign_test == 1.0


def test_tasks_that_changed_are_counted_and_a_set_in_another_order_is_no_change() -> None:
    a, b = [facts("1", "solved"), facts("2", "solved")], [facts("1", "solved"), facts("2", "failed")]
    asked: list[dict[str, JsonValue]] = [{"tags": ["x", "y"]}, {"tags": ["y", "x"]}, {"tags": ["y"]}]
    alike, other = ([replace(b[0], task=asked[number]), b[1]] for number in (1, 2))
    first = [replace(a[0], task=asked[0]), a[1]]
    assert [compare(first, second).changed for second in (first, alike, other)] == [0, 0, 1]


def test_what_has_no_counterpart_or_cannot_be_judged_is_counted_and_left_out() -> None:
    a = [facts("1", "solved"), facts("2", "not_evaluable"), facts("3", "solved"), facts("only", "solved")]
    b = [
        facts("1", "failed"),
        facts("2", "solved"),
        facts("3", "not_evaluable"),
        facts("x", "failed"),
        facts("y", "failed"),
    ]
    found = compare(a, b)
    assert (found.pairs, found.not_evaluable, found.only_in_a, found.only_in_b) == (1, 2, 1, 2)
    assert found.solved_rate is not None
    assert (found.solved_rate.a, found.solved_rate.b) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("a", "b"), [([], []), ([facts("1", "solved")], []), ([facts("1", "not_evaluable")] * 2, [facts("1", "solved")])]
)
def test_without_a_pair_there_is_nothing_to_tell(a: list[EpisodeFacts], b: list[EpisodeFacts]) -> None:
    found = compare(a, b)
    assert (found.pairs, found.solved_rate, found.mean_reward, found.sign_test) == (0, None, None, 1.0)


def test_trials_are_paired_and_a_task_counts_once_however_often_it_was_tried() -> None:
    a = [facts("1", "solved", trial=trial) for trial in range(3)] + [facts("2", "failed")]
    b = [facts("1", "failed", trial=trial) for trial in range(3)] + [facts("2", "failed")]
    found = compare(a, b)
    assert (found.tasks, found.pairs, found.lost) == (2, 4, ("1",))
    assert found.solved_rate is not None
    assert found.solved_rate.difference.mean == -0.5


def test_where_trials_have_nothing_in_common_their_means_are_compared() -> None:
    a = [facts("1", "solved"), facts("1", "failed", trial=1), facts("2", "not_evaluable")]
    b = [facts("1", "solved", trial=7), facts("2", "solved", trial=9)]
    assert compare(a, b).pairs == 0
    found = compare(a, b, by_trial=False)
    assert (found.pairs, found.not_evaluable, found.gained) == (1, 1, ("1",))
    assert found.solved_rate is not None
    assert (found.solved_rate.a, found.solved_rate.b) == (0.5, 1.0)


def test_equal_runs_do_not_claim_certainty() -> None:
    same = [facts(str(number), "solved") for number in range(20)]
    found = compare(same, same)
    assert found.solved_rate is not None
    change = found.solved_rate.difference
    assert change.mean == 0
    assert change.low < -0.1 < 0.1 < change.high


@pytest.mark.parametrize("size", [1.0, 1e-9])
def test_equal_changes_do_not_claim_certainty_for_how_they_are_rounded(size: float) -> None:
    exact = paired_difference([(0.1 * size, 0.4 * size)] * 3, span=size)
    mixed = [(0.1 * size, 0.4 * size), (0.2 * size, 0.5 * size), (0.1 * size, 0.4 * size)]
    rounded = paired_difference(mixed, span=size)
    assert (rounded.low, rounded.high) == pytest.approx((exact.low, exact.high))
    assert rounded.high - rounded.low > size


def test_small_changes_of_great_rewards_are_no_rounding() -> None:
    found = paired_difference([(1e9, 1e9), (1e9, 1e9 + 1), (1e9, 1e9)] * 4)
    assert 0.0 <= found.low < found.high < 0.7


_RUNS = st.dictionaries(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 2)), st.sampled_from(["solved", "failed", "not_evaluable"])
)


@given(_RUNS, _RUNS)
def test_comparing_the_other_way_round_turns_all_signs_in_any_order(
    a: dict[tuple[str, int], Outcome], b: dict[tuple[str, int], Outcome]
) -> None:
    first, second = ([facts(task, how, trial=trial) for (task, trial), how in run.items()] for run in (a, b))
    there, back = compare(first, second[::-1]), compare(second, first[::-1])
    assert (there.lost, there.gained, there.pairs) == (back.gained, back.lost, back.pairs)
    assert there.only_in_a + there.pairs + there.not_evaluable == len(a)
    if there.solved_rate is not None and back.solved_rate is not None:
        assert there.solved_rate.difference.mean == pytest.approx(-back.solved_rate.difference.mean)
        assert (
            there.solved_rate.difference.low <= there.solved_rate.difference.mean <= there.solved_rate.difference.high
        )
