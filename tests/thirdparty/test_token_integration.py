"""Tokens are put into tokenizers and models of transformers, in an environment that has it; its tests run there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.thirdparty.servers import ROOT, installed

TESTS = "tests/environments/special_tokens/test_integrating.py"
PACKAGES = ("torch", "transformers>=5", "pytest", "pytest-asyncio", "pytest-timeout", "trio", "hypothesis")
OURS = ("anyio", "aiohttp", "httpx2", "openai", "orjson", "pydantic", "pyyaml", "rich", "typing-extensions")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_its_tests_pass_and_none_is_skipped(tmp_path_factory: pytest.TempPathFactory) -> None:
    programs = installed("integrate", *PACKAGES, *OURS, spare=tmp_path_factory.mktemp("integrate"))
    command = [programs / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default", TESTS]
    alone = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=Path(ROOT), env=os.environ | alone, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert re.search(r"\b\d+ passed", last), done.stdout
    assert "skipped" not in last, done.stdout
