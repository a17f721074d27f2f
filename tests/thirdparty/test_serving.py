"""The engine and the server of checkpoints, in an environment that has torch; their tests run there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.thirdparty.servers import ROOT, installed

TESTS = ("tests/trainers/engine", "tests/trainers/serving")
PACKAGES = ("torch", "transformers>=5", "starlette", "uvicorn")
TOOLS = ("pytest", "pytest-asyncio", "pytest-timeout", "trio", "hypothesis")
OURS = ("anyio", "aiohttp", "httpx2", "openai", "orjson", "pydantic", "pyyaml", "rich", "typing-extensions")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_their_tests_pass_and_none_is_skipped(tmp_path_factory: pytest.TempPathFactory) -> None:
    programs = installed("serving", *PACKAGES, *TOOLS, *OURS, spare=tmp_path_factory.mktemp("serving"))
    command = [programs / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default", *TESTS]
    alone = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=Path(ROOT), env=os.environ | alone, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert re.search(r"\b\d+ passed", last), done.stdout
    assert "skipped" not in last, done.stdout
