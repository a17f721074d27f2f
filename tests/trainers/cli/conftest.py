"""`agentgym train`, as it is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agentgym.cli.conftest import Ran, typed

Train = Callable[..., Ran]


@pytest.fixture
def train(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Run `agentgym train` in this process."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: typed(capsys, "train", *words)
