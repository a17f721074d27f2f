"""Without being told, a run finds out how many calls an endpoint bears, and keeps it busy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from agentgym import Job, Observation, OpenAIPolicy, Task, ToolCall, ToolEnv, Turn, run, tool
from agentgym.testing import ChatRequest, FakeEndpoint, FakeReply, Lognormal, Stats

pytestmark = [pytest.mark.slow, pytest.mark.anyio, pytest.mark.timeout(200)]
CAPACITY, CALLS, TURNS = 16, 320, 4
LATENCY_S = 0.6
"""A hundred times what a call costs the processor, so that a slow and busy machine, too, can keep all places taken."""
ROOM = 0.35
"""What a machine that is busy with other things may take away; a quiet one loses a tenth."""
ANSWER = Turn(tool_calls=(ToolCall("go", {}),))
UNAVAILABLE = FakeReply(status=503, body={"error": {"message": "the queue is full"}})


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


@dataclass
class Measured:
    """A run without a word about concurrency, and how busy the endpoint was meanwhile."""

    endpoint: FakeEndpoint
    took_s: float
    work_s: float
    """All latencies summed."""
    half: Stats
    late: Stats
    """When a tenth of the calls was still to come: what follows is the ends of the last episodes."""
    end: Stats

    @property
    def ideal_s(self) -> float:
        return self.work_s / CAPACITY


async def measured(*, latency: float | Lognormal, status: int = 429, retry_after_s: float | None = None) -> Measured:
    taken: list[Stats] = []
    latencies: list[float] = []

    def answer(request: ChatRequest) -> FakeReply:
        if status == 503 and endpoint.in_flight > CAPACITY:
            return UNAVAILABLE
        latencies.append(latency.draw(len(latencies)) if isinstance(latency, Lognormal) else latency)
        if len(latencies) in (CALLS // 2, CALLS * 9 // 10):
            taken.append(endpoint.stats())
        return FakeReply(body=ANSWER, delay_s=latencies[-1])

    capacity = CAPACITY if status == 429 else None
    endpoint = FakeEndpoint(answer, capacity=capacity, retry_after_s=retry_after_s, remember=False)
    async with endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        started = time.monotonic()
        result = await run(jobs(), policy)
        took_s = time.monotonic() - started
        taken.append(endpoint.stats())
        await policy.aclose()
    assert result.stopped is None
    assert result.summary["outcomes"] == {"solved": 0, "failed": 0, "truncated": CALLS // TURNS, "not_evaluable": 0}
    assert endpoint.answered == CALLS, "no good answer is thrown away"
    return Measured(endpoint, took_s, sum(latencies), *taken)


@pytest.mark.parametrize(("anyio_backend", "retry_after_s"), [("asyncio", None), ("trio", 0.5)])
async def test_an_endpoint_that_bears_16_calls_gets_about_so_many(retry_after_s: float | None) -> None:
    found = await measured(latency=LATENCY_S, retry_after_s=retry_after_s)
    assert found.late.mean_in_flight(found.half) == pytest.approx(CAPACITY, rel=ROOM)
    assert found.took_s <= (1 + 2 * ROOM) * found.ideal_s
    assert found.endpoint.refused < CALLS / 8, "it is not found out by running into it again and again"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_being_told_503_is_as_good_as_429() -> None:
    found = await measured(latency=LATENCY_S, status=503)
    assert found.late.mean_in_flight(found.half) == pytest.approx(CAPACITY, rel=ROOM)
    assert found.took_s <= (1 + 2 * ROOM) * found.ideal_s
    assert found.endpoint.count - CALLS < CALLS / 8


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_latencies_that_differ_widely_are_not_taken_for_trouble() -> None:
    found = await measured(latency=Lognormal(0.75 * LATENCY_S, sigma=0.75))
    assert found.late.mean_in_flight(found.half) == pytest.approx(CAPACITY, rel=ROOM)
    assert found.took_s <= (1 + 2 * ROOM) * found.ideal_s, (
        "a few slow answers in a row make an episode that all wait for"
    )
