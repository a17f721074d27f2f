"""Calls are made again where that helps, and an endpoint that is out ends them all, in virtual time."""

from __future__ import annotations

from collections.abc import Iterable

import anyio
import pytest

from agentgym.errors import EndpointFault, FaultKind, Interrupted, Outage, UsageError
from agentgym.lines import Line, Lines, Retries
from agentgym.testing import virtual_backend

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    return virtual_backend(request.param)


def fault(kind: FaultKind = "failed", status: int | None = 500, retry_after_s: float | None = None) -> EndpointFault:
    return EndpointFault("it said no", kind=kind, status=status, retry_after_s=retry_after_s)


class Endpoint:
    """Does what it is told, one thing a call, and then answers."""

    def __init__(self, *faults: EndpointFault, for_ever: EndpointFault | None = None) -> None:
        self._faults = iter(faults)
        self._for_ever = for_ever
        self.calls: list[float] = []

    async def __call__(self) -> str:
        self.calls.append(anyio.current_time())
        await anyio.sleep(0.1)
        broken = next(self._faults, self._for_ever)
        if broken is not None:
            raise broken
        return "well"


def new_line(**retries: float) -> tuple[Lines, Line]:
    lines = Lines(retries=Retries(**retries))  # type: ignore[arg-type]
    return lines, lines.to("here")


@pytest.mark.parametrize(
    "broken",
    [
        fault("unreachable", None),
        fault("timeout", None),
        fault("broken", 200),
        fault("overloaded", 503),
        fault("overloaded", 429),
        fault("failed", 500),
    ],
    ids=lambda broken: f"{broken.kind} {broken.status}",
)
async def test_what_passes_is_asked_again(broken: EndpointFault) -> None:
    endpoint = Endpoint(broken, broken)
    lines, line = new_line()
    answered = await line.call(endpoint)
    assert (answered.value, answered.attempts, len(endpoint.calls)) == ("well", 3, 3)
    assert answered.latency_s == pytest.approx(0.1)
    assert (lines.in_flight, lines.stopped) == (0, None)


async def test_waits_grow_and_a_longer_wait_that_is_asked_for_is_kept() -> None:
    endpoint = Endpoint(*[fault()] * 4, fault("overloaded", 429, 17.0))
    _, line = new_line()
    await line.call(endpoint)
    waits = [after - before - 0.1 for before, after in zip(endpoint.calls, endpoint.calls[1:], strict=False)]
    for wait_s, most_s in zip(waits, (0.5, 1.0, 2.0, 4.0), strict=False):
        assert most_s / 2 <= wait_s <= most_s
    assert waits[-1] >= 17.0 - 1e-9


async def test_a_call_gives_up_in_the_end_but_not_for_being_told_to_come_later() -> None:
    endpoint = Endpoint(for_ever=fault())
    lines, line = new_line(attempts=3)
    with pytest.raises(EndpointFault, match="it said no"):
        await line.call(endpoint)
    assert (len(endpoint.calls), lines.stopped) == (3, None)
    patient = Endpoint(*[fault("overloaded", 429, 0.1)] * 8)
    _, line = new_line(attempts=3)
    assert (await line.call(patient)).attempts == 9


async def test_who_wants_to_be_left_alone_for_a_day_is() -> None:
    endpoint = Endpoint(for_ever=fault("overloaded", 429, 86_400.0))
    _, line = new_line()
    with pytest.raises(EndpointFault):
        await line.call(endpoint)
    assert len(endpoint.calls) == 1


async def test_many_who_are_to_stay_away_for_hours_end_the_run() -> None:
    endpoint = Endpoint(for_ever=fault("overloaded", 429, 7200.0))
    lines, line = new_line()
    ends = await many_calls(line, endpoint, 40)
    assert {type(end) for end in ends} == {EndpointFault, Outage}
    assert "left alone for 7200 s: it said no" in str(lines.stopped)
    assert anyio.current_time() - endpoint.calls[0] < 60.0


async def test_time_that_is_up_while_calls_fail_is_not_the_caller_s_doing() -> None:
    _, line = new_line()
    started = anyio.current_time()
    with pytest.raises(EndpointFault, match="it said no"), anyio.move_on_after(5.0):
        await line.call(Endpoint(for_ever=fault("overloaded", 503)))
    assert anyio.current_time() - started == pytest.approx(5.0)

    failures = iter([fault()])

    async def fail_and_hang() -> str:
        for failure in failures:
            raise failure
        await anyio.sleep_forever()
        raise AssertionError

    with pytest.raises(EndpointFault, match="it said no"), anyio.move_on_after(5.0):
        await line.call(fail_and_hang)
    with anyio.move_on_after(5.0) as quietly:
        await line.call(fail_and_hang)  # which may be thinking
    assert quietly.cancelled_caught
    assert (await line.call(Endpoint())).value == "well"


async def test_time_that_is_up_before_a_call_finds_a_place_is_not_the_caller_s_doing() -> None:
    line = Lines(pinned=1).to("here")
    endpoint = Endpoint()

    async def long() -> str:
        await anyio.sleep(10.0)
        return "well"

    async with anyio.create_task_group() as group:
        group.start_soon(line.call, long)
        await anyio.sleep(1.0)
        with pytest.raises(EndpointFault, match="here: no place among 1 calls came free in time"):
            with anyio.move_on_after(5.0):
                await line.call(endpoint)
    assert (await line.call(endpoint)).value == "well"
    assert len(endpoint.calls) == 1


async def test_a_cancelled_call_that_failed_before_is_cancelled() -> None:
    _, line = new_line()
    async with anyio.create_task_group() as group:
        group.start_soon(line.call, Endpoint(for_ever=fault()))
        await anyio.sleep(5.0)
        group.cancel_scope.cancel()
    assert line.limiter.in_flight == 0


async def test_a_refusal_of_one_request_is_final_and_concerns_no_other() -> None:
    lines, line = new_line()
    with pytest.raises(EndpointFault):
        await line.call(Endpoint(fault("refused", 400)))
    assert lines.stopped is None
    assert (await line.call(Endpoint())).value == "well"


async def test_an_endpoint_that_only_ever_says_later_is_out_too() -> None:
    lines, line = new_line(patience_s=2.0)
    endpoint = Endpoint(for_ever=fault("overloaded", 429, 1.0))
    for end in await many_calls(line, endpoint):
        assert isinstance(end, (Outage, EndpointFault))
    assert isinstance(lines.stopped, Outage)
    assert endpoint.calls[-1] - endpoint.calls[0] < 15


async def test_one_403_may_mean_what_was_said_and_three_mean_the_caller() -> None:
    lines, line = new_line()
    endpoint = Endpoint(for_ever=fault("refused", 403))
    for number in range(3):
        assert lines.stopped is None, number
        with pytest.raises(EndpointFault):
            await line.call(endpoint)
    assert isinstance(lines.stopped, UsageError)


@pytest.mark.parametrize("status", [401, 404, None])
async def test_a_refusal_before_anything_went_well_is_wrong_use(status: int | None) -> None:
    lines, line = new_line()
    with pytest.raises(EndpointFault):
        await line.call(Endpoint(fault("refused", status)))
    assert isinstance(lines.stopped, UsageError)
    with pytest.raises(UsageError, match="it said no"):
        await line.call(Endpoint())


async def many_calls(line: Line, endpoint: Endpoint, count: int = 20) -> list[BaseException]:
    """What became of so many calls side by side that all fail."""
    ends: list[BaseException] = []

    async def call() -> None:
        try:
            await line.call(endpoint)
        except (EndpointFault, Outage, Interrupted) as error:
            ends.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(call)
    return ends


async def test_a_key_that_stops_working_ends_all_calls() -> None:
    lines, line = new_line()
    await line.call(Endpoint())
    ends = await many_calls(line, Endpoint(for_ever=fault("refused", 401)))
    assert len(ends) == 20
    assert isinstance(lines.stopped, Outage)


async def test_no_good_answer_for_too_long_is_an_outage_and_every_call_learns_of_it() -> None:
    endpoint = Endpoint(for_ever=fault("unreachable", None))
    lines, line = new_line(patience_s=30.0)
    await line.call(Endpoint())
    started = anyio.current_time()
    ends = await many_calls(line, endpoint)
    assert 30.0 <= anyio.current_time() - started < 60.0
    assert {type(end) for end in ends} <= {Outage, EndpointFault}
    assert sum(isinstance(end, Outage) for end in ends) >= 15
    assert "no good answer for" in str(lines.stopped)
    with pytest.raises(Outage):
        await line.call(Endpoint())


async def test_calls_that_hang_are_let_go_in_an_outage() -> None:
    lines, line = new_line(patience_s=5.0)
    await line.call(Endpoint())
    ends: list[BaseException | None] = []

    async def hang() -> str:
        await anyio.sleep_forever()
        raise AssertionError

    async def episode() -> None:
        with anyio.CancelScope() as scope, lines.episode(scope):
            await line.call(hang)
        assert scope.cancelled_caught
        ends.append(lines.stopped)

    async with anyio.create_task_group() as group:
        group.start_soon(episode)
        await many_calls(line, Endpoint(for_ever=fault()), 12)
    assert [type(end) for end in ends] == [Outage]


async def test_patience_does_not_run_out_while_an_endpoint_asks_to_be_left_alone() -> None:
    endpoint = Endpoint(*[fault("overloaded", 429, 45.0)] * 40)
    lines, line = new_line(patience_s=10.0)
    assert await many_calls(line, endpoint, 20) == []
    assert lines.stopped is None


async def test_when_a_person_stops_a_run_calls_under_way_are_awaited_and_waits_are_not() -> None:
    lines, line = new_line()
    told: list[str] = []

    async def slow() -> str:
        await anyio.sleep(100.0)
        return "paid for"

    async def finish() -> None:
        told.append((await line.call(slow)).value)

    async def wait(failing: Iterable[EndpointFault]) -> None:
        try:
            await line.call(Endpoint(*failing, for_ever=fault("overloaded", 429, 500.0)))
        except Interrupted:
            told.append(f"interrupted at {anyio.current_time():.0f}")

    async with anyio.create_task_group() as group:
        group.start_soon(finish)
        group.start_soon(wait, ())
        await anyio.sleep(10.0)
        lines.stop(Interrupted("stopped"))
    assert told == ["interrupted at 10", "paid for"]
