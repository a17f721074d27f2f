"""Summing runs up again: finished, cut, without matplotlib, or where nothing can be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentgym.runs import EPISODES
from tests.agentgym.cli.conftest import Cli


@pytest.fixture
def played(cli: Cli, tmp_path: Path) -> Path:
    """The run directory of a random agent."""
    folder = tmp_path / "played"
    assert cli("bench", "guess", "--policy", "random", "--out", str(folder), "--quiet").code == 0
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


def test_everything_is_made_anew_from_the_records(cli: Cli, played: Path) -> None:
    before = files(played)
    for name in ("summary.json", "summary.csv"):
        (played / name).unlink()
    ran = cli("report", str(played))
    assert ran.code == 0
    header, row = ran.out.splitlines()
    assert header.split()[:3] == ["suite", "policy", "episodes"]
    assert row.split()[:3] == ["guess", "random", "10"]
    after = files(played)
    assert {name: after[name] for name in before} == before
    page = after["report.html"].decode()
    assert "10 of 10 episodes" in page
    assert "idle agent (10 episodes)" in page
    assert "Episodes that were not solved" in page
    assert "&lt;" not in page.split("<h2>")[1]


def test_several_runs_are_rows_and_objects_and_a_folder_without_a_run_is_wrong_use(cli: Cli, played: Path) -> None:
    ran = cli("report", str(played), str(played), "--json")
    scores = json.loads(ran.out)["scores"]
    assert [(score["run"], score["episodes"], score["idle_mean_reward"]) for score in scores] == [
        (str(played), 10, 0.0)
    ] * 2
    ran = cli("report", str(played), str(played / "none"))
    assert (ran.code, ran.out) == (2, "")
    assert "no run in" in ran.err


def test_a_run_that_was_cut_is_reported_as_it_stands(cli: Cli, played: Path) -> None:
    lines = (played / EPISODES).read_bytes().splitlines(keepends=True)
    (played / EPISODES).write_bytes(b"".join(lines[:3]) + lines[3][:99])
    ran = cli("report", str(played))
    assert (ran.code, "3 of 10" in ran.out) == (0, True)
    page = (played / "report.html").read_text()
    assert "3 of 10 episodes; the run is not finished" in page
    assert (played / EPISODES).read_bytes().endswith(lines[3][:99])


def test_without_matplotlib_the_extra_is_named_and_the_rest_is_there(
    cli: Cli, played: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ran = cli("report", str(played))
    assert ran.code == 0
    assert ran.err.count("\n") == 1
    assert "agentgym-async[viz]" in ran.err
    assert (played / "report.html").exists()
    assert not list(played.glob("*.png"))


def test_pictures_are_drawn_where_matplotlib_is(cli: Cli, played: Path) -> None:
    pytest.importorskip("matplotlib")
    assert cli("report", str(played)).err == ""
    assert {path.name for path in played.glob("*.png")} == {"outcomes.png", "rewards.png"}


def test_where_nothing_can_be_written_the_scores_are_printed_all_the_same(played: Path) -> None:
    before = files(played)
    source = """
import resource, signal, sys
from agentgym.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
sys.exit(main(["report", sys.argv[1]]))
"""
    done = subprocess.run([sys.executable, "-c", source, str(played)], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].split()[:3] == ["guess", "random", "10"]
    (told,) = [line for line in done.stderr.splitlines() if "matplotlib" not in line]
    assert "cannot be written (File too large): the figures are printed, and not all kept" in told
    assert files(played) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_run_directory_one_may_only_read_is_reported(cli: Cli, played: Path) -> None:
    played.chmod(0o500)
    ran = cli("report", str(played))
    played.chmod(0o700)
    assert ran.code == 0
    assert "Permission denied" in ran.err
