"""Stages of a learning: each is a command, which is told so that a reader can repeat it, and its CPU time counts."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from agentgym.errors import AgentGymError
from agentgym.jsontext import parse_json

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
"""So little work is only slowed by sharing it out; and nothing is fetched from anywhere."""
TOGETHER = ("--concurrency", 128, "--quiet")
"""Rows that are sampled together cost a tiny model little more than one alone."""


class StageFailed(AgentGymError):
    """A command ended with another exit code than 0; the message holds the end of what it said."""


@dataclass(slots=True)
class Stages:
    """Runs commands in one folder, and adds up what they take."""

    folder: Path
    say: Callable[[str], None]
    """Is told each command before it runs."""
    cpu_s: dict[str, float] = field(default_factory=dict)
    """By stage: user and system time of the command and all that it started."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def agentgym(self, stage: str, *words: object) -> str:
        """`agentgym WORDS`, and what it printed."""
        return self.python(stage, "-m", "agentgym", *words)

    def python(self, stage: str, *words: object) -> str:
        """`python WORDS`, and what it printed."""
        argv = [sys.executable, *map(str, words)]
        self.say(f"$ {told_command(argv)}")
        code, out, errors, cpu_s = _run(argv, self.folder)
        self.cpu_s[stage] = self.cpu_s.get(stage, 0.0) + cpu_s
        if code:
            said = "\n".join((out + errors).strip().splitlines()[-15:])
            raise StageFailed(f"{stage}: exit code {code}: {shlex.join(argv[1:])}\n{said}")
        return out


def told_command(argv: Sequence[str]) -> str:
    """As it is written in a shell."""
    return shlex.join(["python", *argv[1:]])


def summary_of(run: Path) -> Mapping[str, Any]:
    """The summary of a run directory."""
    read: Any = parse_json((run / "summary.json").read_text(encoding="utf-8"))
    return read  # type: ignore[no-any-return]  # JSON


def environment() -> dict[str, str]:
    """What a command runs with: one thread, no network, and this checkout."""
    path = os.pathsep.join(filter(None, (str(Path.cwd()), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, **ONE_THREAD, "PYTHONPATH": path}


def _run(argv: Sequence[str], folder: Path) -> tuple[int, str, str, float]:
    """Exit code, output, errors and CPU seconds; of this command alone, whatever else is under way."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as errors:
        process = subprocess.Popen(argv, cwd=folder, env=environment(), stdout=out, stderr=errors)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        return process.returncode, out.read(), errors.read(), used.ru_utime + used.ru_stime
