"""The list of runs: found where they are, counted without reading much, and never broken by a broken one."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from tests.agentgym.cli.conftest import Cli


def play(cli: Cli, folder: Path, *more: str) -> None:
    assert cli("bench", "guess", "--policy", "oracle", "--out", str(folder), "--quiet", *more).code == 0


def created(folder: Path, when: str) -> None:
    path = folder / "run.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "created_at": when}))


def test_runs_are_listed_with_how_far_they_got_the_newest_first(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cli("runs")
    assert (ran.code, ran.out) == (0, "")
    assert "no runs in runs" in ran.err
    for name, when in (("old", "2020"), ("deep/er/new", "2022"), ("cut", "2021")):
        play(cli, Path("runs", name))
        created(Path("runs", name), when)
    records = Path("runs/cut/episodes.jsonl")
    lines = records.read_bytes().splitlines(keepends=True)
    records.write_bytes(b"".join(lines[:4]) + b"{torn")
    ran = cli("runs")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split() for line in ran.out.splitlines()[1:]] == [
        ["runs/deep/er/new", "guess", "oracle", "10", "1.000", "finished", "2022"],
        ["runs/cut", "guess", "oracle", "4", "of", "10", "1.000", "unfinished", "2021"],
        ["runs/old", "guess", "oracle", "10", "1.000", "finished", "2020"],
    ]
    rows = json.loads(cli("runs", "--json").out)
    assert [(row["run"], row["episodes"], row["planned"]) for row in rows][1] == ("runs/cut", 4, 10)


def test_a_summary_that_is_newer_than_the_records_is_enough(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    play(cli, folder)
    records, summary = folder / "episodes.jsonl", folder / "summary.json"
    records.write_bytes(b"{not to be read}\n" * 3)
    os.utime(records, ns=(1, summary.stat().st_mtime_ns - 1))
    assert json.loads(cli("runs", str(folder), "--json").out)[0]["episodes"] == 10
    os.utime(records, ns=(1, summary.stat().st_mtime_ns + 1))
    (row,) = json.loads(cli("runs", str(folder), "--json").out)
    assert (row["state"], "not an episode record" in row["problem"]) == ("unreadable", True)


def test_a_run_whose_lock_is_held_is_being_played(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    play(cli, folder)
    with (folder / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "being played" in cli("runs", str(folder)).out
    assert "finished" in cli("runs", str(folder)).out


def test_a_broken_run_is_a_row_and_a_missing_folder_wrong_use(cli: Cli, tmp_path: Path) -> None:
    play(cli, tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("{")
    (tmp_path / "loop").symlink_to(tmp_path)
    ran = cli("runs", str(tmp_path))
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 3
    assert "unreadable" in ran.out
    ran = cli("runs", str(tmp_path / "none"))
    assert (ran.code, ran.out) == (2, "")
