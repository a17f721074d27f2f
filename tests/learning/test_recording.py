"""What the teacher says, and how often it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgym.errors import UsageError
from agentgym.runs import read_episodes
from benchmarks.learning import record
from benchmarks.learning.special_tokens import _JSON_MODES
from benchmarks.learning.teachers import Teacher

ANY_CALL = f"modes={_JSON_MODES}"


def recorded(out: Path, *flags: str) -> list[float]:
    argv = ["special-tokens", "--split", "dev", "--set", ANY_CALL, "--out", str(out), *flags]
    assert record.main(argv) == 0
    return [episode.reward for episode in read_episodes(out)]


def test_a_teacher_without_noise_is_always_right(tmp_path: Path) -> None:
    rewards = recorded(tmp_path / "run")
    assert len(rewards) > 200
    assert set(rewards) == {1.0}


def test_noise_is_the_share_of_mistakes_and_goes_by_the_seed(tmp_path: Path) -> None:
    rewards = recorded(tmp_path / "a", "--noise", "0.3", "--trials", "3", "--seed", "1")
    wrong = sum(reward < 1 for reward in rewards) / len(rewards)
    assert 0.2 < wrong < 0.4
    assert recorded(tmp_path / "b", "--noise", "0.3", "--trials", "3", "--seed", "1") == rewards
    assert recorded(tmp_path / "c", "--noise", "0.3", "--trials", "3", "--seed", "2") != rewards


def test_repairs_are_handed_in_right_or_without_a_result(tmp_path: Path) -> None:
    from benchmarks.learning.repairs import write_problems

    (tmp_path / "problems.jsonl").write_bytes(write_problems("train", 20, 0))
    flags = ["code-debug", "--set", f"problems={tmp_path / 'problems.jsonl'}", "--noise", "0.5"]
    assert record.main([*flags, "--out", str(tmp_path / "run")]) == 0
    episodes = list(read_episodes(tmp_path / "run"))
    assert all(len(episode.turns) == 1 for episode in episodes), "one submission, and nothing before it"
    said = {episode.solved: str(episode.turns[0].turn.tool_calls[0].arguments["code"]) for episode in episodes}
    assert "return" in said[True]
    assert "return" not in said[False]


def test_a_share_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="noise"):
        Teacher("special-tokens", noise=1.5)
    assert record.main(["special-tokens", "--noise", "-1", "--out", str(tmp_path)]) == 2
    assert "give a share" in capsys.readouterr().err
