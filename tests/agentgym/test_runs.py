"""Run directories as they are read: torn, blanked, played again, or in the hands of another process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentgym import Limits, RandomPolicy
from agentgym.episode import EnvironmentInfo, Episode, Outcome, Timings
from agentgym.errors import DataFileError, UnknownNameError
from agentgym.runner import run
from agentgym.runs import (
    EPISODES,
    LOCK,
    episode_lines,
    is_being_played,
    placed_lines,
    read_episodes,
    read_info,
    write_whole,
)
from agentgym.suite import load_suite


def record(task: str, outcome: Outcome = "solved", trial: int = 0) -> bytes:
    episode = Episode(
        environment=EnvironmentInfo("e", "1"),
        policy="p",
        task_id=task,
        task={"id": task, "note": '"outcome":"not_evaluable"'},
        trial=trial,
        seed=1,
        limits=Limits(),
        outcome=outcome,
        reward=0.0,
        terms={},
        opening=(),
        turns=(),
        versions={},
        timings=Timings(""),
    )
    return episode.to_json() + b"\n"


def found(folder: Path) -> list[tuple[str, int, str]]:
    return [(episode.task_id, episode.trial, episode.outcome) for episode in read_episodes(folder)]


def test_a_torn_last_record_is_passed_over_and_the_file_left_as_it_is(tmp_path: Path) -> None:
    content = record("a") + record("b")[:-20]
    (tmp_path / EPISODES).write_bytes(content)
    assert found(tmp_path) == [("a", 0, "solved")]
    assert (tmp_path / EPISODES).read_bytes() == content


@pytest.mark.parametrize(
    "lost", [b"\0" * 50 + b"\n", b"\0" * 9 + record("lost"), record("lost")[:40] + b"\0" * 30 + b"\n"]
)
def test_what_a_power_loss_blanked_is_passed_over(tmp_path: Path, lost: bytes) -> None:
    (tmp_path / EPISODES).write_bytes(record("a") + lost + record("b"))
    assert found(tmp_path) == [("a", 0, "solved"), ("b", 0, "solved")]
    places = [place for place, _ in placed_lines(tmp_path / EPISODES)]
    assert places == [0, len(record("a")) + len(lost)]


def test_of_an_episode_that_was_played_again_the_last_record_counts(tmp_path: Path) -> None:
    lines = [
        record("a", "not_evaluable"),
        record("b"),
        record("a", "not_evaluable"),
        record("a", "solved", trial=1),
        record("c", "not_evaluable"),
        record("a", "failed"),
    ]
    spaced = [json.dumps(json.loads(line)).encode() + b"\n" for line in lines]
    for written in (lines, spaced):
        (tmp_path / EPISODES).write_bytes(b"".join(written))
        assert found(tmp_path) == [
            ("b", 0, "solved"),
            ("a", 1, "solved"),
            ("c", 0, "not_evaluable"),
            ("a", 0, "failed"),
        ]


def test_a_run_without_any_record_has_none_and_a_record_that_is_none_is_told(tmp_path: Path) -> None:
    assert found(tmp_path) == []
    (tmp_path / EPISODES).write_bytes(b'{"what": "else"}\n')
    with pytest.raises(DataFileError, match="not an episode record"):
        found(tmp_path)


def test_a_folder_that_holds_no_run_or_a_broken_one_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"it holds no run\.json"):
        read_info(tmp_path / "none")
    (tmp_path / "run.json").write_text('{"environment": 3}')
    with pytest.raises(DataFileError, match="not the description of a run") as told:
        read_info(tmp_path)
    assert "\n" not in str(told.value)


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.anyio
async def test_who_holds_a_run_is_seen_and_who_was_killed_holds_none(tmp_path: Path) -> None:
    await run(load_suite("guess"), RandomPolicy(), tmp_path)
    assert not is_being_played(tmp_path)
    assert not is_being_played(tmp_path / "none")
    with subprocess.Popen(  # noqa: ASYNC220 - it only holds a lock
        [sys.executable, "-c", HOLDER, str(tmp_path / LOCK)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert is_being_played(tmp_path)
        holder.kill()
    assert not is_being_played(tmp_path)


def test_a_file_is_written_whole_or_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_whole(path, b"old")
    source = f"""
import resource, signal
from pathlib import Path
from agentgym.runs import write_whole
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_whole(Path({str(path)!r}), b"x" * 5000)
except OSError as error:
    print(error.strerror)
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert "too large" in done.stdout
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["summary.json"]


def test_episode_lines_stand_as_they_are_in_the_file(tmp_path: Path) -> None:
    lines = [record("a"), record("\u2028 b\x7f")]
    (tmp_path / EPISODES).write_bytes(b"".join(lines))
    assert list(episode_lines(tmp_path)) == lines
