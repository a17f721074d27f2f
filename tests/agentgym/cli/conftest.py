"""The command line in this process, and packages that are installed for one test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentgym.cli import main

HILO = '''
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from agentgym import Observation, Task, ToolAction, ToolEnv, tool


class Number(Task):
    """A number to find."""

    number: Annotated[int, Field(ge=1, le=100, description="what is sought")]


class HiLo(ToolEnv[Number, Observation], id="hilo", version="2", max_turns=3):
    """Find a number by comparing.

    Every answer is exact.
    """

    weights = {"found": 0.5, "quick": 0.5}
    metrics = {"found": "whether the number was named", "quick": "whether it took one guess"}

    def __init__(self, greeting: str = "Which number is it?") -> None:
        self.greeting = greeting

    async def begin(self, task: Number) -> Observation:
        return Observation(text=self.greeting)

    @tool(readonly=True)
    async def compare(self, n: int, how: Literal["less", "more"] = "more") -> str:
        """Learn whether the number is less or more than n.

        Args:
            n: what to compare with
        """
        return str(self.task.number > n if how == "more" else self.task.number < n)

    @tool(timeout_s=5)
    async def name(self, n: int) -> str:
        "Say what it is."
        self.finish(found=float(n == self.task.number), quick=1.0)
        return "done"

    def reference(self) -> Iterator[ToolAction]:
        yield HiLo.compare.action(n=50)
        yield HiLo.name.action(n=self.task.number)

    def tasks(self, split: str | None = None) -> list[Number]:
        return [Number(id="low", number=3), Number(id="high", number=97)]
'''


@dataclass(frozen=True)
class Ran:
    """What a command line left behind."""

    code: int
    out: str
    err: str


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> Ran:
    """Run a command line in this process."""
    try:
        code = main(list(words))
    except SystemExit as done:
        code = int(done.code or 0)
    return Ran(code, *capsys.readouterr())


Cli = Callable[..., Ran]
Install = Callable[..., None]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run a command line in this process, in a folder of its own."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    return lambda *words: typed(capsys, *words)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a module with an entry point, for this test: `install(group, name, target, source)`."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def add(group: str, name: str, target: str, source: str) -> None:
        metadata = site / f"{name}-1.dist-info"
        metadata.mkdir()
        (metadata / "entry_points.txt").write_text(f"[agentgym.{group}]\n{name} = {target}\n")
        (site / f"{target.partition(':')[0]}.py").write_text(source)

    return add


@pytest.fixture
def hilo(tmp_path: Path) -> Path:
    """A newcomer's environment, in one file."""
    path = tmp_path / "hilo.py"
    path.write_text(HILO)
    return path
