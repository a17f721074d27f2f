"""Rows of recorded runs: what was sampled trains, exactly as it was sampled, and nothing else does."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentgym.episode import Episode
from agentgym.messages import Message, ModelCall, TokenSpan, Turn
from tests.trainers.recorded import Pairs, episode, span, spoken, write_run
from trainers.dataset.reading import Reader
from trainers.dataset.rows import IGNORED, TokenRow, Trajectory
from trainers.dataset.wanted import Wanted


class Untouched(Pairs):
    """A tokenizer that must not be asked."""

    def encode(self, text: str, /, *, add_special_tokens: bool) -> list[int]:
        raise AssertionError(f"tokenised again: {text}")


def said(prompt: list[int], completion: list[int], **more: Any) -> Turn:
    return Turn("x", span=span(prompt, completion), **more)


def only(reader: Reader, *sources: Path) -> Trajectory:
    (trajectory,) = reader.read(*sources)
    return trajectory


def rows_of(folder: Path, *episodes: Episode, **more: Any) -> tuple[TokenRow, ...]:
    return only(Reader(**more), write_run(folder, *episodes)).rows


def test_a_conversation_is_one_row_in_which_only_replies_train(tmp_path: Path) -> None:
    first, second = said([1, 2], [3, 4]), said([1, 2, 3, 4, 5], [6], finish_reason="stop")
    (row,) = rows_of(tmp_path, episode(spoken(first, "so"), spoken(second)))
    assert row.input_ids == (1, 2, 3, 4, 5, 6)
    assert row.labels == (IGNORED, IGNORED, 3, 4, IGNORED, 6)
    assert row.loss_mask == (False, False, True, True, False, True)
    assert row.logprobs == (-0.5, -1.5, -0.5)
    assert row.aligned_logprobs(fill=9.0) == (9.0, 9.0, -0.5, -1.5, 9.0, -0.5)
    assert row.exact
    assert [(each.turn, each.temperature, each.finish_reason) for each in row.samples] == [
        (1, 0.8, None),
        (2, 0.8, "stop"),
    ]


def test_a_prompt_that_does_not_begin_with_what_is_held_begins_a_row_of_the_same_trajectory(tmp_path: Path) -> None:
    turns = [said([1, 2], [3, 4]), said([1, 2, 3, 9, 5], [6]), said([1, 2, 3, 4, 7], [8])]
    rows = rows_of(tmp_path, episode(*map(spoken, turns)))
    assert [row.input_ids for row in rows] == [(1, 2, 3, 4, 7, 8), (1, 2, 3, 9, 5, 6)]
    assert [row.number for row in rows] == [0, 1]
    assert rows[0].origin == rows[1].origin


def test_of_rows_that_a_prompt_begins_with_the_longest_goes_on(tmp_path: Path) -> None:
    turns = [said([1], [2]), said([1], [2, 3, 4]), said([1, 2, 3, 4, 5], [6])]
    rows = rows_of(tmp_path, episode(*map(spoken, turns)))
    assert [row.input_ids for row in rows] == [(1, 2), (1, 2, 3, 4, 5, 6)]
    assert [each.turn for each in rows[1].samples] == [2, 3]


def test_an_agent_of_several_policies_gives_a_row_for_each_and_its_turn_is_not_counted_twice(tmp_path: Path) -> None:
    def call(role: str, turn: int, prompt: list[int], completion: list[int]) -> ModelCall:
        return ModelCall(role, turn, (Message("user", role),), said(prompt, completion))

    calls = (call("planner", 1, [1], [2]), call("verifier", 1, [8], [9]))
    more = (call("planner", 2, [1, 2, 3], [4]), call("verifier", 2, [8, 8], [9]))
    turns = [said([1], [2], calls=calls), said([1, 2, 3], [4], calls=more)]
    played = episode(*map(spoken, turns))
    rows = rows_of(tmp_path, played)
    assert [(row.input_ids, {each.role for each in row.samples}) for row in rows] == [
        ((1, 2, 3, 4), {"planner"}),
        ((8, 9), {"verifier"}),
        ((8, 8, 9), {"verifier"}),
    ]
    (planned,) = rows_of(tmp_path, played, wanted=Wanted(roles=frozenset({"planner"})))
    assert planned.input_ids == (1, 2, 3, 4)


def test_what_another_role_said_into_the_same_conversation_is_shown_and_does_not_train(tmp_path: Path) -> None:
    turns = [
        said([1], [2], role="one"),
        said([1, 2, 3], [4], role="other"),
        said([1, 2, 3, 4, 5], [6], role="one"),
    ]
    played = episode(*map(spoken, turns))
    (row,) = rows_of(tmp_path, played)
    assert row.loss_mask == (False, True, False, True, False, True)
    (alone,) = rows_of(tmp_path, played, wanted=Wanted(roles=frozenset({"one"})))
    assert (alone.input_ids, alone.labels) == ((1, 2, 3, 4, 5, 6), (IGNORED, 2, IGNORED, IGNORED, IGNORED, 6))
    assert alone == row.of_roles({"one"})


def test_replies_without_ids_do_not_train_beside_some_that_have_them(tmp_path: Path) -> None:
    reader = Reader(tokenizer=Untouched())
    turns = [said([1], [2]), Turn("nobody knows"), said([1, 2, 3], [4])]
    assert only(reader, write_run(tmp_path, episode(*map(spoken, turns)))).rows[0].input_ids == (1, 2, 3, 4)
    (told,) = reader.notices.lines()
    assert told.startswith("replies without token ids, which do not train: 1, first at")


def test_the_other_choices_are_no_part_of_what_happened(tmp_path: Path) -> None:
    other = said([1], [7])
    (row,) = rows_of(tmp_path, episode(spoken(said([1], [2], alternatives=(other,)))))
    assert row.input_ids == (1, 2)


@pytest.mark.parametrize("logprobs", [(-0.1,), None])
def test_log_probabilities_are_there_for_all_sampled_tokens_or_for_none(
    tmp_path: Path, logprobs: tuple[float, ...] | None
) -> None:
    turns = [Turn(span=span([1], [2, 3], logprobs=logprobs)), said([1, 2, 3, 4], [5])]
    (row,) = rows_of(tmp_path, episode(*map(spoken, turns)))
    assert (row.logprobs, row.aligned_logprobs()) == (None, None)
    assert row.sampled_count == 3


def test_the_version_of_the_model_and_the_reward_are_kept(tmp_path: Path) -> None:
    turn = Turn(span=span([1], [2], model_version="step-3"))
    trajectory = only(Reader(), write_run(tmp_path, episode(spoken(turn), reward=0.25, trial=4), suite="mine"))
    assert trajectory.rows[0].samples[0].model_version == "step-3"
    origin = trajectory.origin
    assert (origin.task_id, origin.trial, origin.reward, origin.suite) == ("t1", 4, 0.25, "mine")
    assert origin.terms["found"].value == 0.25


def test_only_what_is_wanted_is_read(tmp_path: Path) -> None:
    turn = spoken(said([1], [2]))
    run = write_run(
        tmp_path,
        episode(turn, task="a", reward=1.0),
        episode(turn, task="b", reward=0.4, outcome="failed"),
        episode(turn, task="c", reward=0.0, outcome="truncated"),
        episode(turn, task="d", reward=0.0, outcome="not_evaluable"),
    )

    def tasks(**wanted: Any) -> list[str]:
        return [each.origin.task_id for each in Reader(wanted=Wanted(**wanted)).read(run)]

    assert tasks() == ["a", "b", "c"]
    assert tasks(outcomes=frozenset({"solved", "truncated"})) == ["a", "c"]
    assert tasks(min_reward=0.4) == ["a", "b"]
    assert tasks(max_reward=0.4) == ["b", "c"]
    assert tasks(suites=frozenset({"other"})) == []
    reader = Reader()
    list(reader.read(run))
    assert reader.notices.lines()[0].startswith("episodes left out that were not evaluable: 1,")


def test_the_trials_of_a_task_are_put_together_and_what_was_played_again_counts_once(tmp_path: Path) -> None:
    def played(task: str, trial: int, token: int, **more: Any) -> Episode:
        return episode(spoken(said([1], [token])), task=task, trial=trial, **more)

    run = write_run(
        tmp_path,
        played("a", 1, 2),
        played("b", 0, 3),
        played("a", 0, 4, outcome="not_evaluable"),
        played("b", 1, 5),
        played("a", 0, 6),
    )
    together = [(each.origin.task_id, each.origin.trial) for each in Reader().read(run, by_task=True)]
    assert together == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert [row.input_ids[-1] for each in Reader().read(run) for row in each.rows] == [2, 3, 5, 6]


IDS = st.lists(st.integers(0, 5), max_size=5)


@st.composite
def conversations(draw: st.DrawFn) -> list[TokenSpan]:
    """Calls as engines see them: most go on with what was held, some with an earlier state, some with another text."""
    spans: list[TokenSpan] = []
    for _ in range(draw(st.integers(1, 7))):
        begun: tuple[int, ...] = ()
        if spans and draw(st.integers(0, 3)):
            before = draw(st.sampled_from([*spans, spans[-1], spans[-1]]))
            begun = before.prompt_ids + before.completion_ids
        spans.append(span([*begun, *draw(IDS)], draw(IDS)))
    return spans


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conversations())
def test_sampled_tokens_train_once_each_as_they_were_and_no_other_token_does(
    tmp_path: Path, spans: list[TokenSpan]
) -> None:
    played = episode(*(spoken(Turn("text", span=each)) for each in spans))
    rows = rows_of(tmp_path, played, tokenizer=Untouched())
    sampled = {number: each for number, each in enumerate(spans, 1) if each.completion_ids}
    found = [(row, each) for row in rows for each in row.samples]
    assert sorted(each.turn for _, each in found) == list(sampled)
    for row, each in found:
        call = sampled[each.turn]
        assert row.input_ids[: each.begin] == call.prompt_ids
        assert row.input_ids[each.begin : each.end] == call.completion_ids
    for row in rows:
        last = sampled[row.samples[-1].turn]
        assert row.input_ids == last.prompt_ids + last.completion_ids
        trains = {place for each in row.samples for place in range(each.begin, each.end)}
        assert {place for place, does in enumerate(row.loss_mask) if does} == trains
        assert len(trains) == row.sampled_count
        logprobs = [value for each in row.samples for value in sampled[each.turn].logprobs or ()]
        assert row.logprobs == tuple(logprobs)
        assert row.exact
    for row, each in found:  # whoever begins a row could not have gone on with one
        if each is row.samples[0]:
            earlier = [other for other, last in found if last.turn < each.turn]
            prompt = sampled[each.turn].prompt_ids
            held = [_as_of(other, each.turn) for other in earlier]
            assert not any(prompt[: len(ids)] == ids for ids in held)


def _as_of(row: TokenRow, turn: int) -> tuple[int, ...]:
    """What a row held before a turn."""
    return row.input_ids[: max(each.end for each in row.samples if each.turn < turn)]


@pytest.mark.parametrize("by_task", [False, True])
def test_memory_does_not_grow_with_the_run(tmp_path: Path, by_task: bool) -> None:
    long = spoken(Turn(span=span(range(10_000), range(300))))

    def peak(count: int) -> int:
        trials = (episode(long, task=f"t{number % 7}", trial=number // 7) for number in range(count))
        run = write_run(tmp_path / str(count), *trials)
        tracemalloc.start()
        try:
            assert sum(len(each.rows) for each in Reader().read(run, by_task=by_task)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(5)
    assert peak(60) < 1.3 * peak(15)
