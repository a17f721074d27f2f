"""The extra `litellm`, in an environment of its own: it holds the openai SDK back at 2.x, and both must carry calls."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentgym import ToolCall, Turn
from agentgym.testing import FakeEndpoint

ROOT = Path(__file__).parents[2]
TESTS = ("tests/agentgym/transports/test_litellm.py", "tests/agentgym/transports/test_sdk.py")
NEEDED = ("pytest", "pytest-asyncio", "pytest-timeout", "trio")
"""By those tests, and by the settings of pytest in pyproject.toml."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    inherited = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTEST_ADDOPTS")}
    environment = inherited | {"no_proxy": "*"} | variables
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("beside-litellm")
    uv, python = (sys.executable, "-m", "uv"), place / "venv" / "bin" / "python"
    run(*uv, "venv", "--quiet", "--python", sys.executable, place / "venv", cwd=place)
    into = ("--quiet", "--python", python, "--compile-bytecode", "--constraint", ROOT / "constraints.txt")
    run(*uv, "pip", "install", *into, f"{ROOT}[litellm]", *NEEDED, cwd=place)
    return python


def test_the_transports_pass_their_tests_and_none_is_skipped(python: Path) -> None:
    told = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS, cwd=ROOT)
    last = told.splitlines()[-1]
    assert re.search(r"\b\d+ passed", last), told
    assert "skipped" not in last, told


def test_the_doctor_finds_the_extra_and_nothing_amiss(python: Path, tmp_path: Path) -> None:
    told = run(python, "-m", "agentgym", "doctor", cwd=tmp_path)
    (line,) = [line for line in told.splitlines() if "extra litellm" in line]
    assert re.match(r"ok .* litellm \d", line)
    (line,) = [line for line in told.splitlines() if " packages " in line]
    assert re.search(r"\bopenai \d", line)


@pytest.mark.parametrize(
    "policy", [("--policy", "litellm:openai/fake"), ("--model", "fake", "--client", "sdk"), ("--model", "fake")]
)
def test_a_benchmark_is_played(python: Path, tmp_path: Path, policy: tuple[str, ...]) -> None:
    with FakeEndpoint(Turn(tool_calls=(ToolCall("guess", {"n": 3}),)), api_key="sk-test-0123456789") as endpoint:
        asked = ("bench", "guess", "--base-url", endpoint.base_url, "--limit", "4", "--json", *policy)
        told = run(python, "-m", "agentgym", *asked, cwd=tmp_path, OPENAI_API_KEY="sk-test-0123456789")
    outcomes = json.loads(told)["scores"][1]["outcomes"]
    assert outcomes == {"solved": 1, "failed": 0, "truncated": 3, "not_evaluable": 0}
