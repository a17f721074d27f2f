"""Playing one episode: a newcomer's own environment, a person at the keys, task files and records."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from agentgym import Episode
from tests.agentgym.cli.conftest import Cli


def test_a_newcomers_environment_is_played_by_its_path(cli: Cli, hilo: Path) -> None:
    ran = cli("play", f"{hilo}:HiLo", "--policy", "oracle", "--task", "high", "--set", "greeting=Well?", "--seed", "5")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "hilo, task high, seed 5, policy oracle\n"
        "\n"
        "system     Find a number by comparing. Every answer is exact.\n"
        "user       Well?\n"
        'assistant  compare(n=50, how="more")\n'
        "tool       True\n"
        "assistant  name(n=97)\n"
        "tool       done\n"
        "reward     +1\n"
        "\n"
        "outcome    solved\n"
        "reward     1 = found 1 x 0.5 + quick 1 x 0.5\n"
        "turns      2\n"
    )


def test_a_person_plays_by_typing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("/guess n=x\n/guess n=7\n"))
    ran = cli("play", "guess", "--task", "digit-7")
    assert ran.code == 0
    assert "[user] Guess a digit" in ran.err, "a person is asked on standard error"
    assert 'assistant  guess(n="x")' in ran.out
    assert "turns      2, with 1 wrong calls" in ran.out


def test_the_record_is_one_line_and_the_same_for_the_same_seed(cli: Cli) -> None:
    def record(*more: str) -> Episode:
        ran = cli("play", "guess", "--policy", "random", "--json", *more)
        assert ran.out.count("\n") == 1
        return Episode.from_json(ran.out)

    first, second = record("--seed", "4"), record("--seed", "4")
    assert (first.turns[0].turn, first.task, first.seed) == (second.turns[0].turn, second.task, 4)
    assert record().seed != record().seed


def test_limits_cut_an_episode_short_and_the_transcript_says_so(cli: Cli, tmp_path: Path) -> None:
    script = tmp_path / "turns.jsonl"
    script.write_text('{"tool_calls": [{"name": "guess", "arguments": {"n": 1}}]}\n' * 5)
    ran = cli("play", "guess", "--task", "digit-7", "--policy", f"scripted:{script}", "--turns", "2")
    assert ran.code == 0
    assert "outcome    truncated by the limit of turns\nreward     0\nturns      2\n" in ran.out


def test_tasks_come_from_a_file_and_a_malformed_one_is_named_by_line_and_field(cli: Cli, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text('{"id": "mine", "digit": 4}\n')
    ran = cli("play", "guess", "--policy", "oracle", "--tasks", str(tasks), "--json")
    assert json.loads(ran.out)["task"] == {"id": "mine", "digit": 4}
    tasks.write_text('{"id": "mine", "digit": 4}\n{"id": "yours", "digit": 11}\n')
    ran = cli("play", "guess", "--policy", "oracle", "--tasks", str(tasks))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"agentgym play: {tasks}:2: not a Secret: digit: ")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("command", ["play", "check"])
def test_an_environment_without_tasks_asks_for_a_file(cli: Cli, hilo: Path, command: str) -> None:
    hilo.write_text(hilo.read_text().replace("def tasks", "def problems"))
    ran = cli(command, str(hilo))
    assert (ran.code, ran.out) == (2, "")
    assert "give some with --tasks FILE.jsonl" in ran.err


def test_an_environment_that_breaks_is_not_evaluable_and_says_where(cli: Cli, hilo: Path) -> None:
    hilo.write_text(hilo.read_text().replace('return "done"', 'return "done" + 1'))
    ran = cli("play", str(hilo), "--policy", "oracle")
    assert (ran.code, ran.err) == (1, "")
    assert "outcome    not evaluable (tool): hilo.name: TypeError" in ran.out


def test_a_constructor_that_refuses_a_setting_is_wrong_use(cli: Cli, hilo: Path) -> None:
    hilo.write_text(hilo.read_text().replace("self.greeting = greeting", "self.greeting = greeting.strip()"))
    ran = cli("play", str(hilo), "--policy", "idle", "--set", "greeting=3")
    assert (ran.code, ran.out) == (2, "")
    assert "cannot be made: AttributeError: 'int' object has no attribute 'strip'" in ran.err
    assert ran.err.count("\n") == 1
