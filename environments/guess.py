"""The smallest useful environment: what the README shows under "Write your own environment"."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from agentgym import Observation, Task, ToolAction, ToolEnv, tool


class Secret(Task):
    digit: int = Field(ge=0, le=9)


class Guess(ToolEnv[Secret, Observation], id="guess", max_turns=8):
    "Find the hidden digit."

    async def begin(self, task: Secret) -> Observation:
        return Observation(text="Guess a digit with the tool.")

    @tool
    async def guess(self, n: Annotated[int, Field(ge=0, le=9, description="your guess")]) -> str:
        "Compare a digit with the hidden one."
        if n == self.task.digit:
            self.finish(reward=1.0)
            return "correct"
        return "higher" if n < self.task.digit else "lower"

    def reference(self) -> Iterator[ToolAction]:
        yield Guess.guess.action(n=self.task.digit)

    def tasks(self, split: str | None = None) -> list[Secret]:
        return [Secret(id=f"digit-{digit}", digit=digit) for digit in range(10)]
