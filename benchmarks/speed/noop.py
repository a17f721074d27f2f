"""The environment that costs nothing of its own."""

from __future__ import annotations

from agentgym import Observation, Task, ToolEnv, tool


class Noop(ToolEnv[Task, Observation], id="noop", max_turns=None):
    "Do nothing."

    async def begin(self, task: Task) -> Observation:
        return Observation(text="go")

    @tool
    def noop(self, n: int) -> str:
        "Do nothing."
        return "ok"
