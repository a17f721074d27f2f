"""Games that take one reply: what is said is worth something, or it is not."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Annotated

import anyio
from pydantic import Field

from agentgym import Observation, Task, ToolEnv, tool


class Arm(Task):
    letters: str = "abcdefghijklm"


class Bandit(ToolEnv[Arm, Observation], id="bandit", max_turns=1):
    "Say something that begins with one of the right letters."

    played = 0

    def __init__(self, dies_at: int = 0, grave: str = "", letters: str | None = None) -> None:
        """The process dies in this episode, unless the grave is there; `letters` are right in place of the tasks'."""
        self.letters = letters
        self.dies_at = dies_at
        self.grave = Path(grave)
        super().__init__()

    async def begin(self, task: Arm) -> Observation:
        Bandit.played += 1
        if Bandit.played == self.dies_at and not self.grave.exists():
            self.grave.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Observation(text="Say something.")

    async def hear(self, text: str) -> Observation:
        right = self.task.letters if self.letters is None else self.letters
        self.finish(reward=float(bool(text) and text[0].lower() in right))
        return Observation(text="thanks")

    def tasks(self, split: str | None = None) -> list[Arm]:
        return [Arm(id=f"arm-{number}") for number in range(4)]


class Slow(ToolEnv[Arm, Observation], id="slow", max_turns=1):
    "Its tool takes a second."

    def __init__(self, seconds: float = 1.0) -> None:
        self.seconds = seconds
        super().__init__()

    async def begin(self, task: Arm) -> Observation:
        return Observation(text="Guess a digit with the tool.")

    @tool
    async def guess(self, n: Annotated[int, Field(ge=0, le=9, description="your guess")]) -> str:
        "Compare a digit with the hidden one."
        await anyio.sleep(self.seconds)
        self.finish(reward=n / 9)
        return "seen"

    def tasks(self, split: str | None = None) -> list[Arm]:
        return [Arm(id=f"arm-{number}") for number in range(8)]
