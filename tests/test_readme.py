"""Every Python and shell block of the README runs, in order, in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentgym.messages import ToolCall, Turn
from agentgym.testing import FakeEndpoint

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(?P<kind>\w+)(?: file=(?P<file>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALLS = re.compile(r"^make bench|pip install", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    line: int
    kind: str
    file: str | None
    text: str


def blocks_of(text: str) -> list[Block]:
    return [
        Block(text.count("\n", 0, found.start()) + 1, found["kind"], found["file"], found["text"])
        for found in BLOCK.finditer(text)
    ]


README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = blocks_of(README)
RUN = [block for block in BLOCKS if block.kind in ("python", "bash")]


def parameters() -> Iterator[object]:
    for block in RUN:
        marks = [pytest.mark.slow, pytest.mark.timeout(900)] if INSTALLS.search(block.text) else []
        yield pytest.param(block, id=f"{block.kind}-line-{block.line}", marks=marks)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with what git knows, where blocks may leave files."""
    copy = tmp_path_factory.mktemp("readme") / "checkout"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    (copy / "empty").mkdir()
    return copy


def run(block: Block, cwd: Path, base_url: str) -> str:
    environment = {
        # As at a person's prompt, also where these tests were started by make.
        **{name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OPENAI_BASE_URL": base_url,
        "OPENAI_API_KEY": "EMPTY",
        # Installers warn of their own affairs.
        "PYTHONWARNINGS": "default" if INSTALLS.search(block.text) else "error",
    }
    done = subprocess.run(program(block), cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def program(block: Block) -> list[str]:
    if block.kind == "python":
        return [sys.executable, "-c", block.text]
    # `make test` runs this very test: there it is enough that make finds everything it would run.
    return ["bash", "-euc", re.sub(r"^make test$", "make --dry-run test", block.text, flags=re.MULTILINE)]


@pytest.mark.parametrize("block", list(parameters()))
def test_the_block_runs(block: Block, checkout: Path) -> None:
    if block.file is not None:
        (checkout / block.file).write_text(block.text, encoding="utf-8")
    answer = Turn(tool_calls=(ToolCall("guess", {"n": 7}),))
    with FakeEndpoint(lambda _: answer, model="gpt-4.1") as endpoint:
        output = run(block, checkout, endpoint.base_url)
    if block.text == "make bench\n":
        assert told(output) == told(BLOCKS[BLOCKS.index(block) + 1].text)


def told(table: str) -> list[str]:
    """The rows of the result table, which comes last."""
    _, header, rows = table.partition("suite  policy ")
    return (header + rows).splitlines()


def test_the_readme_shows_what_it_promises() -> None:
    assert {block.text for block in RUN if block.text.startswith("make")} == {"make bench\n", "make test\n"}
    assert "pip install agentgym\n" not in README, "that name is somebody else's"
    living = (ROOT / "environments" / "guess.py").read_text(encoding="utf-8")
    assert any(block.file and living.endswith(block.text) for block in RUN), "the example lives in environments/"
    links = re.findall(r"\]\((?!http)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
