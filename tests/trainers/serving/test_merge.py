"""`agentgym model merge`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentgym.cli import Parser
from agentgym.errors import UsageError
from tests.trainers.models.bases import adapted
from trainers.engine.checkpoint import load_checkpoint
from trainers.models.saving import save_trainee
from trainers.serving import cli

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")
pytestmark = pytest.mark.slow


def command(*words: object) -> int:
    parser = Parser()
    cli.configure(parser)
    return cli.run(parser.parse_args(list(map(str, words))))


def test_an_adapter_becomes_a_model_to_serve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = save_trainee(adapted(tmp_path), tmp_path / "adapter")
    with pytest.raises(UsageError, match="merge it first: agentgym model merge"):
        load_checkpoint(kept)
    assert command("merge", kept, "--out", tmp_path / "merged") == 0
    told = capsys.readouterr()
    assert told.out == f"{tmp_path / 'merged'}\n"
    assert f"merged into {tmp_path / 'base'}" in told.err
    assert load_checkpoint(tmp_path / "merged").vocabulary == 387
    with pytest.raises(UsageError, match="replace it by --force"):
        command("merge", kept, "--out", tmp_path / "merged")
    assert command("merge", kept, "--out", tmp_path / "merged", "--force", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["folder"], found["base"]) == (str(tmp_path / "merged"), str(tmp_path / "base"))
    assert 0 <= found["apart"] < 1e-5


def test_where_the_base_has_moved_its_place_is_told(tmp_path: Path) -> None:
    kept = save_trainee(adapted(tmp_path), tmp_path / "adapter")
    (tmp_path / "base").rename(tmp_path / "moved")
    with pytest.raises(UsageError, match="--base DIR"):
        command("merge", kept, "--out", tmp_path / "merged")
    assert command("merge", kept, "--out", tmp_path / "merged", "--base", tmp_path / "moved", "--dtype", "float32") == 0


def test_the_base_is_never_written_over(tmp_path: Path) -> None:
    kept = save_trainee(adapted(tmp_path), tmp_path / "adapter")
    before = {path.name: path.read_bytes() for path in (tmp_path / "base").iterdir()}
    with pytest.raises(UsageError, match="name another folder with --out DIR"):
        command("merge", kept, "--out", tmp_path / "base")
    assert {path.name: path.read_bytes() for path in (tmp_path / "base").iterdir()} == before
