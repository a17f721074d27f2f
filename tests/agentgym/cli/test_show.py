"""Episodes in the terminal: the first few, one task's, those that failed, and nothing that moves the cursor."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from agentgym import Episode, ScriptedPolicy, ToolCall, Turn, Usage
from agentgym.cli.transcript import transcript
from agentgym.jobs import Job
from agentgym.runner import run
from environments.guess import Guess, Secret
from tests.agentgym.cli.conftest import Cli


@pytest.fixture
def played(cli: Cli, tmp_path: Path) -> str:
    """A run of the random agent with two trials of each task."""
    folder = str(tmp_path / "played")
    assert cli("bench", "guess", "--policy", "random", "--trials", "2", "--out", folder, "--quiet").code == 0
    return folder


def test_without_a_task_the_first_are_shown_with_how_to_see_more(cli: Cli, played: str) -> None:
    ran = cli("show", played)
    assert ran.code == 0
    assert ran.out.count("guess, task digit-") == 10
    assert ran.err == "these are the first 10; more with --limit N, or one with: agentgym show RUN TASK\n"
    ran = cli("show", played, "--limit", "100")
    assert (ran.out.count("guess, task digit-"), ran.err) == (20, "")


def test_one_task_and_one_trial(cli: Cli, played: str) -> None:
    assert cli("show", played, "digit-3").out.count("guess, task digit-3") == 2
    ran = cli("show", played, "digit-3", "--trial", "1", "--json")
    episode = Episode.from_json(ran.out)
    assert (episode.task_id, episode.trial, ran.out.count("\n")) == ("digit-3", 1, 1)


def test_only_what_was_not_solved(cli: Cli, played: str) -> None:
    outcomes = [json.loads(line)["outcome"] for line in cli("show", played, "--failed", "--json").out.splitlines()]
    assert set(outcomes) == {"truncated"}
    solved = next(
        json.loads(line)["task_id"]
        for line in cli("show", played, "--limit", "20", "--json").out.splitlines()
        if json.loads(line)["outcome"] == "solved" and json.loads(line)["trial"] == 0
    )
    ran = cli("show", played, solved, "--trial", "0", "--failed")
    assert (ran.code, ran.out, ran.err) == (0, "", "no episode that was not solved\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("digt-3",), "did you mean 'digit-3'?"),
        (("\x1b[31m",), "holds no task"),
        (("digit-3", "--trial", "7"), "there is no trial 7; there are: 0, 1"),
    ],
)
def test_an_unknown_task_or_trial_is_wrong_use(cli: Cli, played: str, words: tuple[str, ...], told: str) -> None:
    ran = cli("show", played, *words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert told in ran.err
    assert "\x1b" not in ran.err


def test_a_run_without_an_episode_says_so(cli: Cli, played: str) -> None:
    (Path(played) / "episodes.jsonl").unlink()
    ran = cli("show", played, "digit-3")
    assert (ran.code, ran.out) == (0, "")
    assert "holds no episode yet" in ran.err


def test_turns_tell_what_they_took_and_control_characters_do_nothing(cli: Cli, tmp_path: Path) -> None:
    turn = Turn(
        "\x1b[2Jcleared\u202e",
        tool_calls=(ToolCall("guess", {"n": 7}),),
        usage=Usage(120, 30, 100, 0.25, 1),
        latency_s=1.25,
        role="planner",
        finish_reason="length",
    )
    job = Job(make=Guess, task=Secret(id="evil\x1b]0;title\x07", digit=7), seed=1)
    anyio.run(run, [job], ScriptedPolicy([turn]), tmp_path / "run")
    ran = cli("show", str(tmp_path / "run"))
    assert not set("\x1b\x07\u202e") & set(ran.out)
    assert "\ufffd[2Jcleared" in ran.out
    assert "[planner, 120 (100 cached) + 30 tokens, 1.25 s, $0.2500, finished by length]" in ran.out
    assert "tokens     150 in 1 model calls for $0.2500" in ran.out


def test_a_transcript_tells_what_diverged(played: str) -> None:
    from dataclasses import replace

    from agentgym.runs import read_episodes

    episode = next(read_episodes(played))
    assert "diverged   2 steps showed something else" in transcript(replace(episode, divergences=2))
    assert "diverged" not in transcript(episode)


@pytest.mark.parametrize("command", ["show", "report", "compare", "replay"])
def test_a_damaged_record_is_told_with_its_file(cli: Cli, played: str, command: str) -> None:
    path = Path(played) / "episodes.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"tool_errors":0', b'"tool_errors":"x"', 1))
    ran = cli(command, played, *([played] if command == "compare" else []))
    assert ran.code == 2
    assert f"{path}: a record is damaged: " in ran.err
    assert f"without its line `agentgym resume {played}` plays the episode again" in ran.err


def test_what_cannot_be_read_or_is_of_a_later_version_is_told(cli: Cli, played: str) -> None:
    path = Path(played) / "episodes.jsonl"
    path.unlink()
    path.mkdir()
    ran = cli("show", played)
    assert (ran.code, f"{path}: cannot be read: Is a directory" in ran.err) == (2, True)
    info = Path(played) / "run.json"
    info.write_text(info.read_text().replace('"schema_version": 1', '"schema_version": 99'))
    ran = cli("report", played)
    assert (ran.code, "schema version 99" in ran.err, "upgrade it" in ran.err) == (2, True, True)
