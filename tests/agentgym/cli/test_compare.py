"""Two runs beside each other: what differs, how surely, and what cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.agentgym.cli.conftest import Cli


@pytest.fixture
def runs(cli: Cli, tmp_path: Path) -> tuple[str, str]:
    """A run of the random agent, and one of the oracle."""
    folders = []
    for policy in ("random", "oracle"):
        folders.append(str(tmp_path / policy))
        assert cli("bench", "guess", "--policy", policy, "--out", folders[-1], "--quiet").code == 0
    return folders[0], folders[1]


def test_the_better_run_is_told_with_its_tasks(cli: Cli, runs: tuple[str, str]) -> None:
    ran = cli("compare", *runs)
    assert (ran.code, ran.err) == (0, "")
    rows = {line.split("  ")[0]: line.split() for line in ran.out.splitlines() if line}
    assert rows["solved rate"][2:5] == ["0.700", "1.000", "+0.300"]
    assert "10 pairs of 10 tasks; left out: 0 not evaluable, 0 only in A, 0 only in B" in ran.out
    assert "better in A: 0 tasks\nbetter in B: 3 tasks: digit-" in ran.out
    back = json.loads(cli("compare", runs[1], runs[0], "--json").out)["comparison"]
    assert back["solved_rate"]["difference"]["mean"] == pytest.approx(-0.3)
    assert back["solved_rate"]["difference"]["high"] <= 0
    assert (len(back["lost"]), back["gained"], back["sign_test"]) == (3, [], 0.25)


def test_other_seeds_are_said_and_compared_by_their_means(cli: Cli, runs: tuple[str, str], tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    cli("bench", "guess", "--policy", "random", "--out", other, "--quiet", "--seed", "9", "--trials", "3")
    ran = cli("compare", runs[0], other)
    assert ran.code == 0
    assert "the seeds of the runs differ" in ran.err
    assert "10 pairs of 10 tasks" in ran.out


def test_tasks_that_changed_under_the_same_name_are_told(cli: Cli, runs: tuple[str, str]) -> None:
    path = Path(runs[1]) / "episodes.jsonl"
    first, *others = path.read_text().splitlines(keepends=True)
    record = json.loads(first)
    record["task"]["digit"] = 10 - record["task"]["digit"]
    path.write_text(json.dumps(record) + "\n" + "".join(others))
    ran = cli("compare", *runs)
    assert (ran.code, ran.err) == (0, "1 tasks are not the same in both runs, though their ids are\n")
    assert json.loads(cli("compare", *runs, "--json").out)["comparison"]["changed"] == 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"suite": "guess"', '"suite": "riddles"', 'the suite of the runs differs: "guess" and "riddles"'),
        ('"version": "1"', '"version": "2"', "the version of the environment"),
        ('"config": {}', '"config": {"digits": 2}', "the configuration of the environment"),
    ],
)
def test_what_was_asked_differently_is_refused_unless_forced(
    cli: Cli, runs: tuple[str, str], old: str, new: str, told: str
) -> None:
    path = Path(runs[1]) / "run.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    ran = cli("compare", *runs)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert told in ran.err
    assert cli("compare", *runs, "--force").code == 0


def test_without_a_pair_there_is_no_figure_and_the_exit_code_says_so(cli: Cli, runs: tuple[str, str]) -> None:
    (Path(runs[1]) / "episodes.jsonl").write_bytes(b"")
    ran = cli("compare", *runs)
    assert ran.code == 1
    assert "0 pairs of 0 tasks; left out: 0 not evaluable, 10 only in A, 0 only in B" in ran.out
    assert json.loads(cli("compare", *runs, "--json").out)["comparison"]["solved_rate"] is None


def test_a_missing_run_is_wrong_use(cli: Cli, runs: tuple[str, str]) -> None:
    ran = cli("compare", runs[0], "nowhere")
    assert (ran.code, ran.out) == (2, "")
    assert "no run in nowhere" in ran.err
