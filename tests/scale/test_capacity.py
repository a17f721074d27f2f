"""Without being told, a run finds out how many calls an endpoint bears, and keeps it busy."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from agentgym import Job, Observation, OpenAIPolicy, Task, ToolCall, ToolEnv, Turn, run, tool
from agentgym.testing import ChatRequest, FakeEndpoint, Stats

pytestmark = [pytest.mark.slow, pytest.mark.anyio, pytest.mark.timeout(200)]
CAPACITY, CALLS, LATENCY_S, TURNS = 32, 2000, 0.2, 4
ROOM = 0.3
"""What a machine that is busy with other things may take away; on a quiet one 8 % are lost, and 3 calls of 32."""
ANSWER = Turn(tool_calls=(ToolCall("go", {}),))


class Steps(ToolEnv[Task, Observation], id="steps", max_turns=TURNS):
    "Take steps."

    async def begin(self, task: Task) -> Observation:
        return Observation(text="go")

    @tool
    def go(self) -> str:
        "Take a step."
        return "taken"


def jobs() -> Iterator[Job]:
    return (Job(make=Steps, task=Task(id=f"t{number}"), seed=number) for number in range(CALLS // TURNS))


@pytest.mark.parametrize("retry_after_s", [None, 0.5])
async def test_an_endpoint_that_bears_32_calls_gets_about_so_many(retry_after_s: float | None) -> None:
    half = threading.Event()
    taken: list[Stats] = []

    def answer(request: ChatRequest) -> Turn:
        if not half.is_set() and endpoint.answered >= CALLS // 2:
            half.set()
            taken.append(endpoint.stats())
        return ANSWER

    endpoint = FakeEndpoint(answer, capacity=CAPACITY, latency=LATENCY_S, retry_after_s=retry_after_s, remember=False)
    async with endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        started = time.monotonic()
        result = await run(jobs(), policy)
        took_s = time.monotonic() - started
        taken.append(endpoint.stats())
        await policy.aclose()
    assert result.summary["outcomes"] == {"solved": 0, "failed": 0, "truncated": CALLS // TURNS, "not_evaluable": 0}
    assert endpoint.answered == CALLS
    assert taken[1].mean_in_flight(taken[0]) == pytest.approx(CAPACITY, rel=ROOM)
    assert took_s <= (1 + 2 * ROOM) * CALLS * LATENCY_S / CAPACITY
