"""Replaying a run: the same world, a changed one, and records scored anew."""

from __future__ import annotations

import json
import os
from pathlib import Path

import anyio
import pytest

from agentgym import RandomPolicy
from agentgym.jobs import Job
from agentgym.registry import load_file, make
from agentgym.runner import run
from agentgym.runs import read_episodes
from tests.agentgym.cli.conftest import HILO, Cli


@pytest.fixture
def played(hilo: Path, tmp_path: Path) -> str:
    """A run of the random agent in a newcomer's environment."""
    spec, folder = f"{hilo}:HiLo", str(tmp_path / "played")
    task = load_file(hilo.resolve()).Number(id="low", number=3)
    jobs = [
        Job(make=lambda: make(spec, greeting="Which one?"), task=task, seed=number, trial=number)
        for number in range(20)
    ]
    anyio.run(run, jobs, RandomPolicy(), folder)
    return folder


def changed(tmp_path: Path, old: str, new: str) -> str:
    path = tmp_path / "changed.py"
    assert old in HILO
    path.write_text(HILO.replace(old, new))
    return f"{path}:HiLo"


def test_a_suites_run_is_replayed_without_being_told_in_what(cli: Cli, tmp_path: Path) -> None:
    folder = str(tmp_path / "guess")
    cli("bench", "guess", "--policy", "random", "--out", folder, "--quiet")
    ran = cli("replay", folder)
    assert (ran.code, ran.out, ran.err) == (0, "10 same, 0 different, 0 not replayable\n", "")
    assert cli("replay", folder, "--limit", "3", "--concurrency", "1").out.startswith("3 same")


def test_an_environment_without_an_id_is_named_and_gets_the_recorded_settings(
    cli: Cli, played: str, hilo: Path
) -> None:
    ran = cli("replay", played)
    assert (ran.code, ran.out) == (2, "")
    assert "no environment 'hilo'" in ran.err
    assert "--environment names what to replay the run in" in ran.err
    assert cli("replay", played, "--environment", str(hilo)).out == "20 same, 0 different, 0 not replayable\n"


def test_what_cannot_be_written_is_told_with_its_mend(cli: Cli, played: str, hilo: Path) -> None:
    (Path(played) / f".rescored.jsonl.{os.getpid()}").mkdir()
    ran = cli("replay", played, "--environment", str(hilo), "--rescore")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "rescored.jsonl: Is a directory; without --rescore nothing is written" in ran.err


def test_what_differs_is_told_with_both_values_and_exits_with_1(cli: Cli, played: str, tmp_path: Path) -> None:
    spec = changed(tmp_path, 'return "done"', 'return "finished"')
    ran = cli("replay", played, "--environment", spec)
    assert ran.code == 1
    assert "differ in their observation" in ran.out
    assert 'recorded  {"text":"done"}\n  replayed  {"text":"finished"}' in ran.out
    found = json.loads(cli("replay", played, "--environment", spec, "--json").out)
    assert found["different"] + found["same"] == 20
    assert found["different"] == found["discrepancies"]["observation"] > 0
    assert found["first"][0]["what"] == "observation"


def test_records_are_scored_anew_beside_the_old_ones(cli: Cli, played: str, tmp_path: Path) -> None:
    before = (Path(played) / "episodes.jsonl").read_bytes()
    spec = changed(tmp_path, '"quick": 0.5', '"quick": 0.25')
    text = Path(spec.rpartition(":")[0]).read_text().replace('version="2"', 'version="3"')
    Path(spec.rpartition(":")[0]).write_text(text)
    ran = cli("replay", played, "--environment", spec, "--rescore")
    assert ran.code == 1
    assert "recorded with version 2 of hilo, which is now 3\n" in ran.err
    assert ran.err.count("\n") == 2
    rows = {line.split()[0]: line.split() for line in ran.out.splitlines()[-2:]}
    assert float(rows["now"][2]) < float(rows["recorded"][2])
    assert (Path(played) / "episodes.jsonl").read_bytes() == before
    rescored = [json.loads(line) for line in (Path(played) / "rescored.jsonl").read_bytes().splitlines()]
    assert [record["task_id"] for record in rescored] == [episode.task_id for episode in read_episodes(played)]
    assert {record["terms"]["quick"]["weight"] for record in rescored if "quick" in record["terms"]} == {0.25}


def test_an_environment_that_breaks_now_is_not_replayable_and_exits_with_1(
    cli: Cli, played: str, tmp_path: Path
) -> None:
    spec = changed(tmp_path, "Observation(text=self.greeting)", "Observation(text=self.greting)")
    ran = cli("replay", played, "--environment", spec)
    assert ran.code == 1
    assert "0 same, 0 different, 20 not replayable\n  20 x environment AttributeError: hilo: Attr" in ran.out


def test_a_run_without_records_is_replayed_in_no_time(cli: Cli, played: str, hilo: Path) -> None:
    (Path(played) / "episodes.jsonl").unlink()
    ran = cli("replay", played, "--environment", str(hilo), "--rescore")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "0 same, 0 different, 0 not replayable")
    assert (Path(played) / "rescored.jsonl").read_bytes() == b""
