"""Beside litellm, which wants an older `openai`, the transports over both work all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ("tests/agentgym/transports/test_litellm.py", "tests/agentgym/transports/test_sdk.py")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_the_transports_pass_their_tests_beside_litellm(tmp_path: Path) -> None:
    folder = tmp_path / "venv"
    try:
        venv.create(folder, with_pip=True)
        needed = [f"{ROOT}[litellm]", "pytest", "pytest-asyncio", "pytest-timeout", "trio", "hypothesis"]
        pip = [folder / "bin/pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", *needed]
        subprocess.run(pip, check=True, cwd=tmp_path)
        command = [folder / "bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
