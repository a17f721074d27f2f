"""Splits that leak nothing, equal rows, groups and figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgym.episode import RewardTerm
from agentgym.errors import DataFileError, UsageError
from agentgym.messages import Turn
from tests.trainers.recorded import episode, span, spoken, write_run
from trainers.dataset.distinct import Distinct
from trainers.dataset.figures import Figures
from trainers.dataset.groups import groups_of
from trainers.dataset.reading import Reader
from trainers.dataset.rows import Origin, Trajectory
from trainers.dataset.splits import keys_of, plan_splits


def task(id: str, trial: int = 0, **fields: Any) -> Trajectory:
    return Trajectory(Origin(source="s", task_id=id, trial=trial, environment="retail", reward=1.0), (), fields)


def test_shares_are_kept_and_the_trials_of_a_task_stay_together() -> None:
    tasks = [task(f"t{number}", trial) for number in range(100) for trial in range(4)]
    splits = plan_splits(tasks)
    assert Counter(map(splits.of, tasks)) == {"train": 280, "validation": 60, "test": 60}
    assert len({(each.origin.task_id, splits.of(each)) for each in tasks}) == 100
    again = plan_splits(tasks[::-1])
    assert [again.of(each) for each in tasks] == [splits.of(each) for each in tasks]
    other = plan_splits(tasks, seed=1)
    assert [other.of(each) for each in tasks] != [splits.of(each) for each in tasks]


def test_tasks_that_share_a_user_or_an_order_stay_together_also_through_others() -> None:
    tasks = [
        task("a", user_id="sara", actions=[{"kwargs": {"order_id": "#W1"}}, {"kwargs": {"order_id": "#W2"}}]),
        task("b", user_id="ben", actions=[{"kwargs": {"order_id": "#W2"}}]),
        task("c", user_id="ben", actions=[]),
        *(task(f"t{number}", user_id=f"u{number}", actions=[]) for number in range(40)),
    ]
    for seed in range(10):
        splits = plan_splits(tasks, seed=seed, by=["user_id", "actions.kwargs.order_id"])
        assert len({splits.of(each) for each in tasks[:3]}) == 1
    seeds = range(10)
    assert any(len({plan_splits(tasks, seed=seed).of(each) for each in tasks[:3]}) > 1 for seed in seeds)


def test_a_pair_is_shared_only_where_both_are() -> None:
    one = task("a", user_id="sara", actions=[{"kwargs": {"order_id": "#W1"}}, {"kwargs": {"order_id": "#W2"}}])
    keys = keys_of(one, ["user_id+actions.kwargs.order_id"])
    assert len(keys) == 3
    other = task("b", user_id="ben", actions=[{"kwargs": {"order_id": "#W1"}}])
    assert not set(keys) & set(keys_of(other, ["user_id+actions.kwargs.order_id"]))
    assert keys_of(task("c", user_id="sara"), ["user_id+actions.kwargs.order_id"])[1:] == []


def test_wrong_wishes_are_told() -> None:
    with pytest.raises(UsageError, match="no task has the field 'usr_id'"):
        plan_splits([task("a", user_id="sara")], by=["usr_id"])
    with pytest.raises(UsageError, match="shares="):
        plan_splits([], shares={"train": 0.0})
    with pytest.raises(UsageError, match="planned without it"):
        plan_splits([task("a")]).of(task("b"))
    with pytest.raises(UsageError, match="planned without it"):
        plan_splits([]).of(task("b"))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), max_size=30), st.integers(0, 99))
def test_no_value_is_in_two_splits(drawn: list[tuple[int, int, int]], seed: int) -> None:
    tasks = [task(f"t{id}", user_id=f"u{user}", order=f"o{order}") for id, user, order in drawn]
    by = ["user_id", "order"] if tasks else []
    splits = plan_splits(tasks, seed=seed, by=by, shares={"train": 2, "test": 1, "never": 0})
    homes = defaultdict[str, set[str]](set)
    for each in tasks:
        for key in keys_of(each, by):
            homes[key].add(splits.of(each))
    assert all(len(home) == 1 for home in homes.values())
    assert "never" not in {split for home in homes.values() for split in home}


def turn(*ids: int, begin: int = 1) -> Turn:
    return Turn(span=span(ids[:begin], ids[begin:]))


def test_equal_rows_are_told_apart_by_what_trains(tmp_path: Path) -> None:
    run = write_run(
        tmp_path,
        episode(spoken(turn(1, 2, 3)), task="a"),
        episode(spoken(turn(1, 2, 3)), task="b"),
        episode(spoken(turn(1, 2, 3, begin=2)), task="c"),
    )
    distinct = Distinct()
    kept = [len(distinct.of(each).rows) for each in Reader().read(run)]
    assert (kept, distinct.dropped) == ([1, 0, 1], 1)


def test_groups_keep_tasks_trials_rewards_and_terms(tmp_path: Path) -> None:
    trials = [("a", 0, 1.0), ("b", 0, 0.0), ("a", 1, 0.5), ("a", 2, 0.0)]
    played = [
        episode(spoken(turn(1, 2)), task=id, trial=trial, reward=reward, terms={"half": RewardTerm(reward * 2, 0.5)})
        for id, trial, reward in trials
    ]
    run = write_run(tmp_path, *played)
    first, second = groups_of(Reader().read(run, by_task=True))
    assert (first.task_id, first.rewards, second.rewards) == ("a", (1.0, 0.5, 0.0), (0.0,))
    assert [each.origin.trial for each in first.trajectories] == [0, 1, 2]
    assert first.trajectories[1].origin.terms["half"] == RewardTerm(1.0, 0.5)
    with pytest.raises(DataFileError, match="the trials of task a do not stand together"):
        list(groups_of(Reader().read(run)))
    with pytest.raises(DataFileError, match="has no reward"):
        list(groups_of([Trajectory(Origin(source="f", task_id="x"), ())]))


def test_figures_say_what_there_is(tmp_path: Path) -> None:
    run = write_run(
        tmp_path,
        episode(spoken(turn(1, 2, 3)), spoken(turn(1, 2, 3, 4, 5, begin=4)), task="a", trial=0, reward=1.0),
        episode(spoken(turn(1, 2)), task="a", trial=1, reward=0.0, outcome="failed"),
        episode(spoken(turn(1, 2)), task="b", trial=0, reward=1.0),
        episode(spoken(turn(1, 2)), task="b", trial=1, reward=1.0),
        episode(spoken(Turn("no ids")), task="c", reward=1.0),
    )
    figures: dict[str, Any] = Figures.of(Reader().read(run)).as_json()
    assert (figures["trajectories"], figures["tasks"]) == (5, 3)
    assert figures["outcomes"] == {"solved": 4, "failed": 1}
    assert figures["reward"] == {"count": 5, "mean": 0.8, "std": pytest.approx(0.4), "min": 0.0, "max": 1.0}
    assert figures["groups"] == {
        "of_several": 2,
        "of_one": 1,
        "without_variance": 1,
        "share_without_variance": 0.5,
    }
    assert figures["rows"] == {"all": 4, "exact": 4, "with_logprobs": 4}
    assert figures["tokens"] == {"all": 5 + 2 * 3, "trained": 3 + 3}
    assert figures["row_lengths"] == {"p50": 2, "p95": 5, "p100": 5}
    assert figures["trained_tokens_by_temperature"] == {"0.8": 6}
