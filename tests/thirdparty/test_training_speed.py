"""The benchmark of training, where torch is: 64 live rollouts with a tool that takes a second."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.thirdparty.servers import ROOT, torch_programs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_rollouts_wait_for_a_slow_tool_together(tmp_path: Path) -> None:
    programs = torch_programs(spare=tmp_path)
    done = subprocess.run(
        [programs / "python", "-m", "benchmarks.speed.training", "--only", "live"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    tools = done.stdout.partition("sleeps 1 s: ")[2].partition(" s of tools")[0]
    assert all(1.0 <= float(seconds) < 30 for seconds in tools.split(", ")), "all at once, and not one after another"
