"""Token rows in files and datasets: what is written is read again, and what is wrong is told with its row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentgym.episode import RewardTerm
from agentgym.errors import DataFileError, MissingExtraError, UsageError
from agentgym.messages import Turn
from tests.trainers.recorded import episode, span, spoken, write_run
from trainers.dataset.files import read_rows, write_rows
from trainers.dataset.huggingface import as_dataset, from_dataset
from trainers.dataset.reading import Reader
from trainers.dataset.rows import Origin, Sample, TokenRow
from trainers.dataset.wanted import Wanted

NAMES = st.text(max_size=5) | st.none()
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def token_rows(draw: st.DrawFn) -> TokenRow:
    """Any row that can be."""
    ids, samples, logprobs = list[int](), list[Sample](), list[float]()
    for turn in range(1, draw(st.integers(1, 4))):
        ids += draw(st.lists(st.integers(0, 200_000), max_size=4))
        sampled = draw(st.lists(st.integers(0, 200_000), min_size=1, max_size=4))
        more = {"temperature": draw(NUMBERS | st.none()), "role": draw(NAMES), "model_version": draw(NAMES)}
        samples.append(Sample(begin=len(ids), end=len(ids) + len(sampled), turn=turn, **more))
        ids += sampled
        logprobs += draw(st.lists(NUMBERS, min_size=len(sampled), max_size=len(sampled)))
    terms = draw(st.dictionaries(st.text(max_size=4), st.builds(RewardTerm, NUMBERS, NUMBERS), max_size=2))
    origin = Origin(
        source=draw(st.text(max_size=5)),
        task_id=draw(st.text(min_size=1, max_size=5)),
        trial=draw(st.integers(0, 1 << 40)),
        environment=draw(NAMES),
        outcome=draw(st.sampled_from([None, "solved", "truncated"])),
        reward=draw(NUMBERS | st.none()),
        terms=terms,
    )
    return TokenRow(
        origin=origin,
        number=draw(st.integers(0, 9)),
        input_ids=tuple(ids),
        samples=tuple(samples),
        logprobs=draw(st.sampled_from([tuple(logprobs), None])),
        exact=draw(st.booleans()),
    )


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(token_rows(), max_size=4))
def test_rows_come_back_from_files_as_they_were(tmp_path: Path, name: str, rows: list[TokenRow]) -> None:
    path = tmp_path / name
    assert write_rows(path, rows) == len(rows)
    assert list(read_rows(path)) == rows


def test_more_rows_than_are_held_at_a_time_come_back_too(tmp_path: Path) -> None:
    turns = [spoken(Turn(span=span([1], [number]))) for number in range(150)]
    (trajectory,) = Reader().read(write_run(tmp_path / "run", episode(*turns)))
    assert len(trajectory.rows) == 150
    for name in ("rows.jsonl", "rows.parquet"):
        write_rows(tmp_path / name, trajectory.rows)
        (again,) = Reader().read(tmp_path / name)
        assert (again.origin, again.rows) == (trajectory.origin, trajectory.rows)


def test_files_of_rows_are_filtered_as_runs_are(tmp_path: Path) -> None:
    turns = [Turn(span=span([1], [2]), role="one"), Turn(span=span([1, 2, 3], [4]), role="other")]
    run = write_run(tmp_path / "run", episode(*map(spoken, turns)), episode(spoken(turns[0]), task="t2", reward=0.0))
    path = tmp_path / "rows.jsonl"
    write_rows(path, [row for each in Reader().read(run) for row in each.rows])
    wanted = Wanted(min_reward=0.5, roles=frozenset({"other"}))
    (kept,) = Reader(wanted=wanted).read(path)
    assert kept.rows[0].labels == (-100, -100, -100, 4)
    assert kept.rows[0].logprobs == (-0.5,)


def test_rows_of_others_need_only_ids_and_labels(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"input_ids": [1, 2, 3, 4], "labels": [-100, 2, -100, 4]}, {"input_ids": [1, 5], "labels": [-100, 5]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    first, second = Reader().read(path)
    assert [(each.begin, each.end) for each in first.rows[0].samples] == [(1, 2), (3, 4)]
    assert not first.rows[0].exact
    assert first.origin.task_id == second.origin.task_id, "equal prompts are one task"
    assert [first.origin.trial, second.origin.trial] == [0, 1]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"input_ids": [1, 2], "labels": [1]}, "1 of them for 2 input_ids"),
        ({"input_ids": [1, 2], "labels": [-100, 7]}, "each is its token, or -100"),
        ({"input_ids": [1, -2], "labels": [-100, -100]}, "input_ids.1: "),
        ({"input_ids": [1, 2], "labels": [-100, 2], "logprobs": [1.0, 2.0]}, "2 of them for 1 sampled tokens"),
        ({"input_ids": [1, 2], "labels": [-100, 2], "samples": []}, "not the tokens that have labels"),
        ({"input_ids": [1, 2]}, "labels: Field required"),
        ({"input_ids": [1], "labels": [1], "terms": "nonsense"}, "not JSON"),
    ],
)
def test_a_wrong_row_is_told_with_its_place(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    path = tmp_path / "rows.jsonl"
    good = {"input_ids": [1], "labels": [1]}
    path.write_text("".join(json.dumps(each) + "\n" for each in (good, row)))
    with pytest.raises(DataFileError, match=r"rows\.jsonl: row 2: ") as failed:
        list(read_rows(path))
    assert told in str(failed.value)


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    row = TokenRow(origin=Origin(source="s", task_id="t"), input_ids=(1,), samples=(Sample(begin=0, end=1, turn=1),))
    for name in ("rows.jsonl", "rows.parquet"):
        with pytest.raises(RuntimeError, match="midway"):
            write_rows(tmp_path / name, _broken_off(row))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match=r"\*\.jsonl or \*\.parquet"):
        write_rows(tmp_path / "rows.csv", [row])


def _broken_off(row: TokenRow) -> Iterator[TokenRow]:
    yield row
    raise RuntimeError("midway")


def test_files_that_are_not_there_or_are_something_else(tmp_path: Path) -> None:
    for name in ("none.jsonl", "none.parquet"):
        with pytest.raises(DataFileError, match="no such file"):
            list(Reader().read(tmp_path / name))
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"no parquet")
    with pytest.raises(UsageError, match="cannot be read as parquet"):
        list(Reader().read(path))


def test_datasets_are_made_of_rows_and_rows_of_datasets() -> None:
    row = TokenRow(
        origin=Origin(source="s", task_id="t", reward=1.0, terms={"found": RewardTerm(1.0)}),
        input_ids=(1, 2),
        samples=(Sample(begin=1, end=2, turn=1, role="planner"),),
        logprobs=(-0.25,),
    )
    try:
        import datasets  # noqa: F401
    except ModuleNotFoundError:
        with pytest.raises(MissingExtraError, match=r"agentgym-async\[train\]"):
            as_dataset([row])
        return
    dataset = as_dataset([row] * 3)
    assert dataset[0]["labels"] == [-100, 2]
    assert list(from_dataset(dataset)) == [row] * 3
