"""One seed of what `make learn` measures, from the commands, where torch is."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.thirdparty.servers import ROOT, torch_programs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def test_a_tiny_model_learns_to_choose_the_token_in_phrases_it_never_saw(tmp_path: Path) -> None:
    """Well below the bars, which are for means over seeds; and well above chance, which is a half."""
    programs = torch_programs(spare=tmp_path)
    out = tmp_path / "figures.json"
    command = ["-m", "benchmarks.learning", "--only", "special-tokens", "--seeds", "0", "--out", str(out)]
    done = subprocess.run(
        [programs / "python", *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stderr  # 1: a bar was missed, which CPU seconds may on a slow machine
    (learnt,) = json.loads(out.read_bytes())
    figures = learnt["seeds"]["0"]
    assert figures["SFT: held-out accuracy, greedy"] >= 0.8
    assert figures["GRPO: sampled held-out accuracy, gain"] > 0
