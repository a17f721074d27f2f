"""`agentgym train`, as it is typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentgym.cli import main


@dataclass(frozen=True)
class Ran:
    """What a command line left behind."""

    code: int
    out: str
    err: str


Train = Callable[..., Ran]


@pytest.fixture
def train(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Run `agentgym train` in this process."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Ran:
        try:
            code = main(["train", *words])
        except SystemExit as done:
            code = int(done.code or 0)
        return Ran(code, *capsys.readouterr())

    return run
