"""`agentgym model eval`: the guessing game before and after, in this process and through the server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from agentgym.cli import Parser
from agentgym.errors import UsageError
from tests.trainers.engine.tiny import fresh, player, save
from tests.trainers.models.bases import adapted
from trainers.models.saving import save_trainee
from trainers.serving import cli
from trainers.serving.endpoint import endpoint

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = pytest.mark.slow
GAME = """
from environments.guess import Guess, Secret


class Told(Secret):
    actions: tuple[dict, ...] = ()


class Game(Guess, id="told"):
    "The guessing game, with a reference that halves the range."

    def tasks(self, split=None):
        halved = {4: (4,), 1: (4, 1), 7: (7,)}
        return [Told(id=f"d{d}", digit=d, actions=[{"name": "guess", "kwargs": {"n": n}} for n in gold])
                for d, gold in halved.items()]
"""


def command(*words: object) -> int:
    parser = Parser()
    cli.configure(parser)
    return cli.run(parser.parse_args(list(map(str, words))))


@pytest.fixture
def game(tmp_path: Path) -> str:
    (tmp_path / "game.py").write_text(GAME)
    return f"{tmp_path / 'game.py'}:Game"


def beginner(folder: Path) -> Path:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(player())
    return save(folder, fresh(tokenizer, seed=1), tokenizer)


def figures(file: Path, game: str, when: str) -> Any:
    return json.loads(file.read_text())["suites"][game][when]


@pytest.mark.parametrize("way", [[], ["--served"]], ids=["in-process", "served"])
def test_before_and_after_stand_side_by_side(
    tmp_path: Path, game: str, way: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"
    models = (player(), "--before", beginner(tmp_path / "beginner"))
    kept = ("--runs", tmp_path / "runs", "--out", out, "--threads", 1, "--max-tokens", 40, "--quiet")
    assert command("eval", *models, "--suite", game, *kept, *way) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["suite", "figure", "idle", "before", "after", "change", "expected"]
    success = next(line for line in lines if " success " in line)
    assert success.split()[2:] == ["0.0", "%", "0.0", "%", "100.0", "%", "+100.0"]
    assert any("action accuracy" in line and "about 90 % after SFT" in line for line in lines)
    before, after = figures(out, game, "before"), figures(out, game, "after")
    assert (before["success"], after["success"], after["episodes"], after["with_reference"]) == (0.0, 1.0, 3, 3)
    # It finds 4 and 1 as the reference does; 7 is guessed after 4, and nothing else was expected.
    assert after["exact_match"] == pytest.approx(2 / 3)
    assert after["action_accuracy"] == pytest.approx((1 + 1 + 1 / 2) / 3)
    assert after["f1"] == pytest.approx((1 + 1 + 2 / 3) / 3)
    assert after["json_valid"] == 1.0
    assert (Path(after["run"]) / "episodes.jsonl").exists()


def test_asked_again_nothing_is_played_again(tmp_path: Path, game: str) -> None:
    out = tmp_path / "figures.json"
    words = ("eval", player(), "--suite", game, "--runs", tmp_path / "runs", "--out", out, "--quiet", "--limit", 1)
    assert command(*words) == 0
    first = out.read_bytes()
    records = next((tmp_path / "runs").glob("*/episodes.jsonl")).read_bytes()
    assert command(*words) == 0
    assert out.read_bytes() == first
    assert next((tmp_path / "runs").glob("*/episodes.jsonl")).read_bytes() == records
    assert command(*words, "--temperature", 0.5) == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_wrong_use_is_told_before_anything_is_played(tmp_path: Path, game: str) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        command("eval", tmp_path / "nowhere", "--suite", game)
    with pytest.raises(UsageError, match="agentgym model merge"):
        command("eval", save_trainee(adapted(tmp_path / "a"), tmp_path / "adapter"), "--suite", game)
    with pytest.raises(UsageError, match="nowhere"):
        command("eval", player(), "--suite", "nowhere")
    with pytest.raises(UsageError, match="in a folder that is there"):
        command("eval", player(), "--suite", game, "--out", tmp_path / "none" / "figures.json")
    assert not (tmp_path / "runs").exists()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    broken = Path(shutil.copytree(player(), tmp_path / "broken"))
    (broken / "model.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(UsageError, match=r"did not start: .*cannot be loaded"), endpoint(broken):
        pytest.fail("it serves")
