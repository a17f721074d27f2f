"""`agentgym train data`: rows of tokens in files, and what is in them, in figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentgym.messages import Turn
from tests.trainers.cli.conftest import Train
from tests.trainers.recorded import episode, span, spoken, write_run
from trainers.dataset.files import read_rows
from trainers.dataset.groups import groups_of
from trainers.dataset.reading import Reader


@pytest.fixture
def run(tmp_path: Path) -> str:
    """Four tasks, two trials each, in the order in which they ended; every other one is solved."""
    trials = [
        episode(
            spoken(Turn(span=span([1, number], [2] * (trial + 1)), role="planner")),
            task=f"t{number}",
            trial=trial,
            reward=float(trial),
            outcome="solved" if trial else "failed",
        )
        for trial in range(2)
        for number in range(4)
    ]
    write_run(tmp_path / "run", *trials)
    return "run"


def test_figures_are_printed_for_people_and_for_programs(train: Train, run: str) -> None:
    told = train("data", run, "--stats")
    assert (told.code, told.err) == (0, "")
    assert "0.5 (std 0.5, 0 to 1, of 8)" in told.out
    assert train("data", run).out == told.out
    figures = json.loads(train("data", run, "--json").out)
    assert (figures["trajectories"], figures["groups"]["of_several"], figures["tokens"]["trained"]) == (8, 4, 12)


@pytest.mark.parametrize("name", ["rows.jsonl", "deep/rows.parquet"])
def test_rows_are_written_by_task_so_that_groups_can_be_made_of_the_file(train: Train, run: str, name: str) -> None:
    ran = train("data", run, "--out", name)
    assert (ran.code, ran.out, ran.err) == (0, "", f"8 rows in {name}\n")
    groups = list(groups_of(Reader().read(name)))
    assert [(group.task_id, group.rewards) for group in groups] == [(f"t{number}", (0.0, 1.0)) for number in range(4)]
    assert train("data", name, "--stats", "--out", "again.jsonl").code == 0
    assert list(read_rows("again.jsonl")) == list(read_rows(name))


def test_filters_choose(train: Train, run: str) -> None:
    def count(*words: str) -> int:
        return int(json.loads(train("data", run, "--json", *words).out)["rows"]["all"])

    assert count("--outcome", "solved") == 4
    assert count("--outcome", "solved", "--outcome", "failed") == 8
    assert count("--min-reward", "0.5") == count("--max-reward", "0.5") == 4
    assert count("--suite", "guess", "--role", "planner") == 8
    assert count("--suite", "other") == count("--role", "verifier") == 0
    assert count("--max-tokens", "3") == 4


def test_equal_rows_are_written_once_if_wished(train: Train, run: str) -> None:
    ran = train("data", run, run, "--distinct", "--out", "rows.jsonl")
    assert ran.err == "rows left out that had come before: 8, first at run, run\n8 rows in rows.jsonl\n"


def test_splits_go_to_files_of_their_own_and_tasks_stay_whole(train: Train, run: str) -> None:
    ran = train("data", run, "--out", "rows.jsonl", "--split", "50/25/25")
    names = ["rows.test.jsonl", "rows.train.jsonl", "rows.validation.jsonl"]
    assert sorted(path.name for path in Path().glob("rows*")) == names
    told = {f"{4 if 'train' in name else 2} rows in {name}" for name in names}
    assert set(ran.err.splitlines()) == told
    tasks = [{row.origin.task_id for row in read_rows(name)} for name in names]
    assert sorted(map(len, tasks)) == [1, 1, 2]
    assert len(set.union(*tasks)) == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "rows.csv"], "token rows are written as *.jsonl or *.parquet"),
        (["--split", "70"], "is not TRAIN/VALIDATION/TEST"),
        (["--split", "70/x"], "'x' is not a number"),
        (["--split", "70/30", "--split-by", "user_id"], "no task has the field 'user_id'"),
        (["--min-reward", "nan"], "'nan' is not a number"),
        (["--outcome", "not_evaluable"], "invalid choice"),
    ],
)
def test_wrong_use_is_one_line(train: Train, run: str, words: list[str], told: str) -> None:
    ran = train("data", run, *words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert told in ran.err


def test_nothing_to_train_on_is_a_negative_result(train: Train, run: str) -> None:
    ran = train("data", run, "--outcome", "truncated", "--out", "rows.jsonl")
    assert (ran.code, ran.out) == (1, "")
    assert "no row to train on; give a --tokenizer where no engine told the token ids; nothing is written" in ran.err
    assert not Path("rows.jsonl").exists()


def test_a_run_without_token_ids_has_figures_and_no_rows(train: Train, tmp_path: Path) -> None:
    write_run(tmp_path / "text", episode(spoken(Turn("hello"))))
    ran = train("data", "text", "--json")
    assert (ran.code, json.loads(ran.out)["reward"]["mean"]) == (0, 1.0)
    assert (
        "replies without token ids, which do not train (a tokenizer gives them some): 1, first at text: task t1"
        in ran.err
    )
    assert train("data", "text", "--out", "rows.jsonl").code == 1
    assert train("data", "text", "--suite", "other").code == 1


def test_a_source_that_is_not_there_is_told(train: Train) -> None:
    ran = train("data", "nowhere")
    assert (ran.code, ran.err) == (
        2,
        "agentgym train: nowhere: no such file; give a data file or the directory of a run\n",
    )


def test_help_imports_no_verb_and_a_verbs_help_nothing_heavy() -> None:
    source = """
import sys
from agentgym.cli import main
try:
    main(["train", *sys.argv[1:], "--help"])
except SystemExit:
    pass
heavy = {"torch", "transformers", "trl", "datasets", "pyarrow", "trainers.cli.data"} & set(sys.modules)
print(sorted(heavy))
"""

    def loaded(*words: str) -> str:
        ran = subprocess.run([sys.executable, "-c", source, *words], capture_output=True, text=True, check=True)
        assert "usage: agentgym train" in ran.stdout
        return ran.stdout.splitlines()[-1]

    assert loaded() == "[]"
    assert loaded("data") == "['trainers.cli.data']"
