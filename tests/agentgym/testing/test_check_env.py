"""A violation of every rule is planted in a small environment, and found under the rule's name."""

from __future__ import annotations

import asyncio
import copy
import random
import threading
import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from pydantic import Field, PlainSerializer, WithJsonSchema

from agentgym import BadCall, Env, Observation, Say, Task, ToolAction, ToolCall, ToolEnv, ToolError, Turn, tool
from agentgym.errors import UsageError
from agentgym.testing import CheckReport, check_env, virtual_backend
from environments.guess import Guess

pytestmark = pytest.mark.anyio
TOWN = [f"street-{number}" for number in (1, 2, 3)]


class Street(Task):
    """Where the door is."""

    door: int


class Walk(ToolEnv[Street, Observation], max_turns=6):
    "Walk to the door."

    position: int

    async def begin(self, task: Street) -> Observation:
        await anyio.lowlevel.checkpoint()
        self.position = 0
        return Observation(text="You stand at 0.")

    @tool
    async def step(self, by: Literal[-1, 1]) -> str:
        "Go one step."
        await anyio.lowlevel.checkpoint()
        self.position += by
        if self.position == self.task.door:
            self.finish(reward=1.0)
        return f"You stand at {self.position}, and the wind blows {self.rng.choice(['east', 'west'])}."

    def reference(self) -> Iterator[ToolAction]:
        for _ in range(self.task.door):
            yield Walk.step.action(1)

    def tasks(self, split: str | None = None) -> list[Street]:
        return [Street(id=f"door-{door}", door=door) for door in (1, 2, 3)]


async def check(make: Any, **settings: Any) -> CheckReport:
    return await check_env(make, **{"seeds": 2, "instances": 6, **settings})


def broken(report: CheckReport) -> dict[str, str]:
    return {finding.rule: finding.message for finding in report.violations}


def status(report: CheckReport) -> dict[str, str]:
    return {finding.rule: finding.status for finding in report.findings}


# What keeps the contract


class Messenger(Walk):
    """Ends in aclose the task it starts."""

    group: Any = None

    async def begin(self, task: Street) -> Observation:
        await self.aclose()
        self.group = await anyio.create_task_group().__aenter__()
        return await super().begin(task)


async def test_guess_keeps_the_contract() -> None:
    report = await check_env(Guess)
    assert report.ok, str(report)
    assert set(status(report).values()) == {"ok"}
    assert report.oracle is not None
    assert report.idle is not None
    assert (report.oracle.solved_rate, report.oracle.episodes, report.idle.solved_rate) == (1.0, 10, 0.0)
    assert report.longest_block_ms is not None
    assert report.longest_block_ms < 5


async def test_an_environment_that_waits_keeps_the_contract() -> None:
    report = await check(Walk)
    assert report.ok, str(report)
    assert set(status(report).values()) == {"ok"}


async def test_the_report_is_a_table_with_a_line_per_rule() -> None:
    report = await check(Walk)
    assert [line.split()[:2] for line in str(report).splitlines()] == [
        ["walk:", "ok"],
        *(["ok", rule] for rule in status(report)),
    ]
