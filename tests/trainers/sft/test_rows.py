"""What imitation learns from."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgym.errors import UsageError
from agentgym.messages import Turn
from tests.trainers.recorded import Pairs, episode, span, spoken, write_run
from tests.trainers.sft.made import recipe, row
from tests.trainers.sft.made import rows as some_rows
from trainers.dataset.files import write_rows
from trainers.sft.rows import check_known, read_rows


def test_what_an_engine_told_the_tokens_of_is_never_tokenised(tmp_path: Path) -> None:
    turn = Turn(text="hello", span=span((4, 5, 6), (7, 8)))
    run = write_run(tmp_path / "run", episode(spoken(turn, "ok")))
    tokenizer = Pairs()
    rows = read_rows(recipe(data={"sources": [str(run)]}), tokenizer)
    assert [each.input_ids for each in rows.train] == [(4, 5, 6, 7, 8)]
    assert rows.train[0].loss_mask == (False, False, False, True, True)
    assert not tokenizer.encoded


def test_rows_too_long_or_with_nothing_to_learn_are_left_out_and_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    good, long = row(1, 2, 3, samples=[(1, 3)]), row(*range(9), samples=[(1, 3)], task="long")
    first_only, silent = row(1, 2, 3, samples=[(0, 1)], task="first"), row(1, 2, samples=[], task="silent")
    write_rows(path, [good, long, first_only, silent])
    rows = read_rows(recipe(data={"sources": [str(path)], "max_length": 8}), None)
    assert [each.origin.task_id for each in rows.train] == ["t"]
    told = "\n".join(rows.notices)
    assert "longer than 8 tokens: 1, first at here: task long" in told
    assert "nothing trains: 1, first at here: task first" in told


def test_equal_rows_come_once_where_that_is_wished(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [row(1, 2, 3, samples=[(1, 3)], task=f"t{number}") for number in range(3)])
    assert len(read_rows(recipe(data={"sources": [str(path)]}), None).train) == 3
    distinct = read_rows(recipe(data={"sources": [str(path)], "distinct": True}), None)
    assert len(distinct.train) == 1
    assert "come before: 2" in distinct.notices[0]


def test_a_share_is_held_out_and_tasks_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    twice = [row(number, second, 3, samples=[(1, 3)], task=f"t{number}") for number in range(40) for second in range(2)]
    write_rows(path, twice)
    data = {"sources": [str(path)], "validation_share": 0.25, "test_share": 0.25}
    rows = read_rows(recipe(data=data), None)
    train, held = ({each.origin.task_id for each in part} for part in (rows.train, rows.validation))
    assert not train & held
    assert (len(rows.train), len(rows.validation)) == (40, 20)
    assert rows.digest == read_rows(recipe(data=data), None).digest
    assert rows.digest != read_rows(recipe(data=data, seed=1), None).digest


def test_a_validation_set_of_its_own_wins_over_the_share(tmp_path: Path) -> None:
    train, held = tmp_path / "train.jsonl", tmp_path / "held.jsonl"
    write_rows(train, some_rows(10))
    write_rows(held, some_rows(4, seed=1))
    data = {"sources": [str(train)], "validation": [str(held)], "validation_share": 0.5}
    rows = read_rows(recipe(data=data), None)
    assert (len(rows.train), len(rows.validation)) == (10, 4)


def test_without_any_row_it_says_where_to_look(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [row(1, 2, 3, samples=[(1, 3)])])
    with pytest.raises(UsageError, match=r"no row to train on .*longer than 2 tokens.*train data"):
        read_rows(recipe(data={"sources": [str(path)], "max_length": 2}), None)
    with pytest.raises(UsageError, match="--data"):
        read_rows(recipe(), None)


def test_a_share_that_leaves_nothing_to_train_on_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [row(1, 2, 3, samples=[(1, 3)])])
    with pytest.raises(UsageError, match=r"all 1 rows are held out to validate with.*lower data.validation_share"):
        read_rows(recipe(data={"sources": [str(path)], "validation_share": 0.99}), None)


def test_a_token_that_the_model_does_not_know_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [row(1, 70, 3, samples=[(1, 3)])])
    rows = read_rows(recipe(data={"sources": [str(path)]}), None)
    check_known(rows, vocabulary=71, source="m")
    with pytest.raises(UsageError, match="the token 70, and m knows 60"):
        check_known(rows, vocabulary=60, source="m")
