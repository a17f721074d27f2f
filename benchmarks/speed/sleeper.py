"""An environment whose tool takes a second; where and when it did is written down by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import anyio
from pydantic import Field

from agentgym import Observation, Task, ToolAction, ToolEnv, tool
from agentgym.jsontext import dump_json


class Bed(Task):
    digit: int


class Sleeper(ToolEnv[Bed, Observation], id="sleeper", max_turns=1):
    "Say a digit with the tool, which thinks about it for a second."

    def __init__(self, seconds: float = 1.0, diary: str = "") -> None:
        """`diary`: a file to which a line is added for every call."""
        self.seconds = seconds
        self.diary = Path(diary) if diary else None
        super().__init__()

    async def begin(self, task: Bed) -> Observation:
        return Observation(text=f"Say {task.digit}.")

    @tool
    async def say(self, n: Annotated[int, Field(ge=0, le=9, description="a digit")]) -> str:
        "Say a digit, and wait."
        began = time.monotonic()
        await anyio.sleep(self.seconds)
        if self.diary is not None:
            with self.diary.open("a", encoding="utf-8") as opened:
                opened.write(dump_json([began, time.monotonic()]).decode() + "\n")
        self.finish(reward=1 - abs(n - self.task.digit) / 9)
        return "said"

    def reference(self) -> Iterator[ToolAction]:
        yield Sleeper.say.action(n=self.task.digit)

    def tasks(self, split: str | None = None) -> list[Bed]:
        return [Bed(id=f"bed-{digit}", digit=digit) for digit in range(10)]
