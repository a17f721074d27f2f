"""Virtual time: an hour is over at once, and nothing of the real world is overtaken."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator

import anyio
import anyio.to_thread
import pytest

from agentgym import Limits, Observation, ScriptedPolicy, Task, ToolCall, ToolEnv, rollout, tool
from agentgym.errors import UsageError
from agentgym.testing import VirtualTimeLoop, virtual_backend

pytestmark = pytest.mark.anyio
HOUR = 3600.0
LONG = 30.0
"""Real seconds that no test comes near, however slow the machine."""


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    return virtual_backend(request.param, silence_s=LONG)


@pytest.fixture(autouse=True)
def in_no_time() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < LONG


class Sleeper(ToolEnv[Task, Observation]):
    "Sleep."

    async def begin(self, task: Task) -> Observation:
        return Observation(text="go")

    @tool
    async def nap(self) -> str:
        await anyio.sleep(HOUR)
        return "awake"

    @tool(timeout_s=HOUR)
    async def long_sleep(self) -> str:
        await anyio.sleep_forever()
        return ""


async def test_an_hours_sleep_takes_exactly_an_hour_of_virtual_time() -> None:
    started = anyio.current_time()
    await anyio.sleep(HOUR)
    assert anyio.current_time() - started == HOUR


async def test_sleepers_wake_in_the_order_of_time() -> None:
    woken: list[tuple[float, float]] = []

    async def sleep(hours: float) -> None:
        await anyio.sleep(hours * HOUR)
        woken.append((hours, anyio.current_time()))

    started = anyio.current_time()
    async with anyio.create_task_group() as group:
        for hours in (3, 1, 2, 0.5):
            group.start_soon(sleep, hours)
    assert woken == [(hours, started + hours * HOUR) for hours in (0.5, 1, 2, 3)]


async def test_a_rollouts_deadline_fires() -> None:
    policy = ScriptedPolicy([ToolCall("nap")] * 5)
    episode = await rollout(Sleeper(), policy, Task(id="t"), limits=Limits(seconds=2.5 * HOUR))
    assert (episode.outcome, episode.limit) == ("truncated", "time")
    assert [len(turn.steps) for turn in episode.turns] == [1, 1, 0]
    assert episode.timings.elapsed_s == 2.5 * HOUR


async def test_a_tools_timeout_fires() -> None:
    async with Sleeper() as env:
        await env.reset(Task(id="t"))
        step = await env.call("long_sleep")
    assert step.observation.text == "long_sleep took longer than 3600 s and was stopped"
    assert step.info["elapsed_s"] == HOUR


async def test_a_busy_worker_thread_is_not_overtaken() -> None:
    with anyio.fail_after(HOUR):
        await anyio.to_thread.run_sync(time.sleep, 0.02)
    started = anyio.current_time()
    await anyio.sleep(HOUR)
    assert anyio.current_time() - started == pytest.approx(HOUR, abs=1)


async def test_while_a_thread_is_busy_time_passes_as_it_really_does() -> None:
    released = threading.Event()
    with anyio.move_on_after(0.02) as deadline:
        await anyio.to_thread.run_sync(released.wait, abandon_on_cancel=True)
    released.set()
    assert deadline.cancelled_caught


async def test_a_socket_that_will_be_written_to_is_not_overtaken() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        writer = threading.Timer(0.02, theirs.send, [b"x"])
        writer.start()
        with anyio.fail_after(HOUR):
            await anyio.wait_readable(ours)
        assert ours.recv(1) == b"x"
        writer.join()


@pytest.mark.parametrize("name", ["asyncio", "trio"])
def test_a_silent_socket_holds_the_clock_only_for_a_moment(name: str) -> None:
    async def wait(reader: socket.socket) -> bool:
        with anyio.move_on_after(HOUR) as deadline:
            await anyio.wait_readable(reader)
        return deadline.cancelled_caught

    ours, theirs = socket.socketpair()
    with ours, theirs:
        backend, options = virtual_backend(name, silence_s=0.001)
        assert anyio.run(wait, ours, backend=backend, backend_options=options)


@pytest.mark.parametrize(
    "run", [asyncio.to_thread, lambda work: asyncio.get_running_loop().run_in_executor(None, work)]
)
def test_asyncios_own_threads_are_not_overtaken(run: Callable[[Callable[[], None]], object]) -> None:
    async def main() -> None:
        async with asyncio.timeout(HOUR):
            await run(lambda: time.sleep(0.02))  # type: ignore[misc]  # either gives an awaitable

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(UsageError, match="curio"):
        virtual_backend("curio")
