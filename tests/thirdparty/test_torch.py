"""Everything that needs torch: its tests run in one environment with the extras of trainers and servers installed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.thirdparty.servers import ROOT, torch_programs

ROOMS = (
    "tests/trainers/engine",
    "tests/trainers/serving",
    "tests/trainers/models",
    "tests/trainers/learning",
    "tests/trainers/progress",
    "tests/trainers/recipes",
    "tests/trainers/sft",
    "tests/trainers/grpo",
    "tests/trainers/dataset/test_files.py",
    "tests/environments/special_tokens/test_integrating.py",
    "tests/learning/test_tiny.py",
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.mark.parametrize("room", ROOMS)
def test_the_tests_of_a_room_pass_and_none_is_skipped(room: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    programs = torch_programs(spare=tmp_path_factory.mktemp("torch"))
    command = [programs / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default", room]
    alone = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PATH": _first_on_path(programs)}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | alone, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
    last = done.stdout.splitlines()[-1]
    assert re.search(r"\b\d+ passed", last), done.stdout
    assert "skipped" not in last, done.stdout


def _first_on_path(programs: Path) -> str:
    return os.pathsep.join((str(programs), os.environ.get("PATH", os.defpath)))
