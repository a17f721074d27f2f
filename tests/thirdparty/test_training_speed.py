"""The benchmark of training runs where torch is, and prints its ratios; what they are is for a quiet machine to say."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.thirdparty.servers import ROOT, torch_programs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_training_is_measured_beside_its_peer(tmp_path: Path) -> None:
    programs = torch_programs(spare=tmp_path)
    quick = "from benchmarks.speed import training; training.main(['--rounds', '1'], few=2, many=6)"
    done = subprocess.run(
        [programs / "python", "-c", quick],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for figure in ("--backend trl / plain", "--backend torch / tuned", "x an update", "s of tools a step"):
        assert figure in done.stdout
    tools = done.stdout.partition("sleeps 1 s: ")[2].partition(" s of tools")[0]
    assert all(1.0 <= float(seconds) < 30 for seconds in tools.split(", ")), "all at once, and not one after another"
