"""How many calls an endpoint bears is found by trying, in virtual time."""

from __future__ import annotations

from random import Random

import anyio
import pytest

from agentgym.errors import EndpointFault
from agentgym.limiter import FIRST, Limiter
from agentgym.lines import Lines
from agentgym.testing import virtual_backend

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    return virtual_backend(request.param)


class Server:
    """Bears so many calls at a time and tells the others to come again; the latency may grow with what it does, and
    swing around what is typical (the sigma of a lognormal)."""

    def __init__(
        self, capacity: int, *, latency_s: float = 0.2, swing: float = 0.0, crowding: float = 0.0, chance: float = 0.0
    ) -> None:
        self.capacity = capacity
        self.latency_s = latency_s
        self.swing = swing
        self.crowding = crowding
        self.chance = chance
        self.retry_after_s: float | None = None
        self.busy = self.most = self.refused = self.answered = 0
        self.refused_at: list[float] = []
        self.changes: list[tuple[float, int]] = []
        self._rng = Random(1)

    async def call(self) -> str:
        if self.busy >= self.capacity or self._rng.random() < self.chance:
            self.refused += 1
            self.refused_at.append(anyio.current_time())
            raise EndpointFault("too busy", kind="overloaded", status=429, retry_after_s=self.retry_after_s)
        self._change(1)
        try:
            swing = self._rng.lognormvariate(0, self.swing) if self.swing else 1
            await anyio.sleep(self.latency_s * swing * (1 + self.crowding * self.busy))
        finally:
            self._change(-1)
        self.answered += 1
        return "done"

    def mean_in_flight(self, since: float) -> float:
        """Over the time from `since` to the last change."""
        area, before = 0.0, (since, 0)
        for moment, busy in self.changes:
            area += before[1] * (max(moment, since) - max(before[0], since))
            before = (moment, busy)
        return area / (before[0] - since)

    def _change(self, by: int) -> None:
        self.busy += by
        self.most = max(self.most, self.busy)
        self.changes.append((anyio.current_time(), self.busy))


async def make_calls(
    server: Server, count: int, *, callers: int = 256, pinned: int | None = None
) -> tuple[Lines, float]:
    """Have the calls made by so many callers side by side; the time it took."""
    lines = Lines(pinned=pinned)
    line, left = lines.to("here"), iter(range(count))

    async def work() -> None:
        for _ in left:
            assert (await line.call(server.call)).value == "done"

    started = anyio.current_time()
    async with anyio.create_task_group() as group:
        for _ in range(callers):
            group.start_soon(work)
    assert server.answered == count
    return lines, anyio.current_time() - started


@pytest.mark.parametrize("retry_after_s", [None, 0.1, 1.0])
async def test_an_endpoint_that_bears_32_calls_gets_about_32(retry_after_s: float | None) -> None:
    server = Server(32)
    server.retry_after_s = retry_after_s
    lines, took_s = await make_calls(server, 2000)
    assert took_s < 1.15 * 2000 * 0.2 / 32
    assert server.mean_in_flight(took_s / 2) == pytest.approx(32, rel=0.15)
    assert server.refused < 0.06 * 2000
    assert lines.limits["here"] == pytest.approx(32, abs=4)


async def test_it_starts_low_and_grows_while_the_endpoint_bears_it() -> None:
    server = Server(10_000)
    lines, _ = await make_calls(server, 5000, callers=400)
    assert [busy for _, busy in server.changes[:FIRST]] == list(range(1, FIRST + 1))
    assert max(busy for moment, busy in server.changes if moment < 0.2) == FIRST
    assert server.most == 400
    assert (server.refused, lines.in_flight) == (0, 0)


async def test_rising_latency_is_a_limit_as_good_as_a_refusal() -> None:
    server = Server(10_000, crowding=0.02)  # twice the latency at 50
    lines, _ = await make_calls(server, 5000, callers=1000)
    assert server.mean_in_flight(10.0) < 150
    assert lines.limits["here"] < 192


async def test_slowness_that_fewer_calls_do_not_mend_is_borne() -> None:
    server = Server(10_000)

    async def think_longer() -> None:
        await anyio.sleep(4.0)
        server.latency_s = 5.0

    async with anyio.create_task_group() as group:
        group.start_soon(think_longer)
        _, took_s = await make_calls(server, 20_000)
    assert server.mean_in_flight(took_s / 2) > 128


async def test_latencies_that_swing_are_not_taken_for_slowness() -> None:
    server = Server(12, swing=1.0)
    _, took_s = await make_calls(server, 1500)
    assert server.mean_in_flight(took_s / 2) == pytest.approx(12, rel=0.15)
    assert server.refused < 0.06 * 1500


async def test_refusals_by_chance_do_not_starve_a_run() -> None:
    server = Server(10_000, chance=0.03)
    _, took_s = await make_calls(server, 4000, callers=64)
    assert server.mean_in_flight(took_s / 2) > 24


async def test_a_pinned_number_is_kept_whatever_happens() -> None:
    server = Server(8)
    server.retry_after_s = 0.5
    lines, _ = await make_calls(server, 200, callers=50, pinned=16)
    assert (lines.limits, server.most) == ({"here": 16}, 8)


async def test_an_endpoint_that_refuses_all_is_left_alone_as_long_as_it_asks() -> None:
    server = Server(0)
    server.retry_after_s = 20.0

    async def open_it() -> None:
        await anyio.sleep(19.0)
        server.capacity = 100

    async with anyio.create_task_group() as group:
        group.start_soon(open_it)
        await make_calls(server, 100, callers=30)
    assert server.refused <= 2 * FIRST
    assert all(moment < 1.0 for moment in server.refused_at)


async def test_a_caller_that_is_cancelled_leaves_its_place_to_others() -> None:
    limiter = Limiter(1)
    await limiter.acquire()
    async with anyio.create_task_group() as group:
        group.start_soon(limiter.acquire)
        await anyio.wait_all_tasks_blocked()
        assert limiter.waiting == 1
        group.cancel_scope.cancel()
    assert limiter.waiting == 0
    limiter.give_up()
    assert (limiter.in_flight, limiter.take()) == (0, True)


async def test_a_place_given_to_a_caller_that_is_cancelled_at_that_moment_is_not_lost() -> None:
    limiter = Limiter(1)
    await limiter.acquire()
    async with anyio.create_task_group() as group:
        group.start_soon(limiter.acquire)
        await anyio.wait_all_tasks_blocked()
        limiter.give_up()
        group.cancel_scope.cancel()
    assert limiter.in_flight <= 1
    if limiter.in_flight:  # the caller had it before it was cancelled
        limiter.give_up()
    assert limiter.take()
