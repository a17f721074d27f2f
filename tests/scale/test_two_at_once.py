"""All who call an endpoint at the same time share its places: agents and users of a run, and runs that share lines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import anyio
import pytest

from agentgym import (
    Budget,
    Context,
    Conversation,
    Job,
    Message,
    Observation,
    OpenAIPolicy,
    Policy,
    Session,
    Task,
    ToolCall,
    ToolEnv,
    Turn,
    Usage,
    run,
    tool,
)
from agentgym.errors import BudgetSpent
from agentgym.lines import Lines
from agentgym.testing import ChatRequest, FakeEndpoint

pytestmark = pytest.mark.anyio
TURNS, USERS = 3, 4
PINNED = 6


class Interview(ToolEnv[Task, Observation], id="interview", max_turns=TURNS):
    """Ask several people at a time, each played by a model."""

    def __init__(self, user: Policy) -> None:
        self._user = user

    async def begin(self, task: Task) -> Observation:
        return Observation(text=f"interview {task.id}")

    @tool
    async def ask(self) -> str:
        "Ask all of them."
        heard: list[str] = []
        async with anyio.create_task_group() as group:
            for number in range(USERS):
                group.start_soon(self._hear, number, heard)
        return ", ".join(sorted(heard))

    async def _hear(self, number: int, heard: list[str]) -> None:
        turn = await self._user.start(Context()).act(Conversation([Message("user", f"person {number}?")]))
        heard.append(turn.text)


def reply(request: ChatRequest) -> Turn:
    if "tools" in request.body:
        return Turn(tool_calls=(ToolCall("ask", {}),))
    return Turn(f"I am {request.messages[-1]['content']}")


def interviews(count: int, user: Policy) -> list[Job]:
    return [Job(make=partial(Interview, user), task=Task(id=f"t{number}"), seed=number) for number in range(count)]


async def test_agents_and_their_users_share_the_places_of_an_endpoint() -> None:
    count = 40
    with FakeEndpoint(reply, latency=0.01, remember=False) as endpoint:
        agent = OpenAIPolicy("fake", base_url=endpoint.base_url)
        user = OpenAIPolicy("fake", base_url=endpoint.base_url)
        lines = Lines(pinned=PINNED)
        result = await run(interviews(count, user), agent, lines=lines)
        await agent.aclose()
        await user.aclose()
    assert result.summary["outcomes"] == {"solved": 0, "failed": 0, "truncated": count, "not_evaluable": 0}
    assert endpoint.answered == count * TURNS * (1 + USERS)
    assert list(lines.limits.values()) == [PINNED]
    assert endpoint.most_in_flight == PINNED


async def test_a_busy_user_slows_its_agents_down_and_no_call_fails() -> None:
    with FakeEndpoint(reply, latency=0.02, capacity=16, remember=False) as endpoint:
        agent = OpenAIPolicy("fake", base_url=endpoint.base_url)
        user = OpenAIPolicy("fake", base_url=endpoint.base_url)
        result = await run(interviews(60, user), agent)
        await agent.aclose()
        await user.aclose()
    assert result.summary["outcomes"] == {"solved": 0, "failed": 0, "truncated": 60, "not_evaluable": 0}
    assert endpoint.answered == 60 * TURNS * (1 + USERS)


class Gate:
    """Lets nobody through until it is opened, and tells when so many stand before it."""

    def __init__(self, count: int) -> None:
        self.crowd, self._opened = anyio.Event(), anyio.Event()
        self._count = count

    async def __call__(self) -> Turn:
        self._count -= 1
        if self._count == 0:
            self.crowd.set()
        await self._opened.wait()
        return Turn("through")

    def open(self) -> None:
        self._opened.set()


class Through(Policy):
    """Goes through a gate, by a call or by itself."""

    def __init__(self, go: Callable[[], Awaitable[Turn]]) -> None:
        self._go = go

    def start(self, context: Context) -> Session:
        return _Through(self._go)


class _Through(Session):
    def __init__(self, go: Callable[[], Awaitable[Turn]]) -> None:
        self._go = go

    async def act(self, conversation: Conversation) -> Turn:
        return await self._go()


class Once(ToolEnv[Task, Observation], id="once", max_turns=1):
    "Say something."

    async def begin(self, task: Task) -> Observation:
        return Observation(text="go")

    @tool
    def go(self) -> str:
        "Go."
        return "gone"


def jobs(count: int) -> Iterator[Job]:
    return (Job(make=Once, task=Task(id=f"t{number}"), seed=number) for number in range(count))


async def test_of_two_runs_that_share_lines_each_is_told_when_there_is_room_again() -> None:
    lines, played = Lines(), dict[str, object]()
    quiet, busy = Gate(64), Gate(8)

    async def calling() -> Turn:
        return (await lines.to("somewhere").call(busy)).value

    async def play(name: str, count: int, policy: Policy) -> None:
        played[name] = (await run(jobs(count), policy, lines=lines)).summary["episodes"]

    with anyio.fail_after(100):
        async with anyio.create_task_group() as group:
            group.start_soon(play, "quiet", 100, Through(quiet))
            await quiet.crowd.wait()  # more are not begun at a time
            group.start_soon(play, "busy", 20, Through(calling))
            await busy.crowd.wait()
            await anyio.wait_all_tasks_blocked()
            assert lines.crowded
            quiet.open()
            await anyio.wait_all_tasks_blocked()
            busy.open()
    assert played == {"quiet": 100, "busy": 20}


async def test_a_budget_is_kept_whatever_other_run_came_later() -> None:
    lines, stopped = Lines(), list[object]()
    told = Turn("so", usage=Usage(100, 10, calls=1))
    with FakeEndpoint(told, latency=0.01) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        ended = anyio.Event()

        async def play(budget: Budget | None) -> None:
            result = await run(jobs(50), policy, lines=lines, budget=budget, on_episode=lambda episode: ended.set())
            stopped.append(result.stopped)

        async with anyio.create_task_group() as group:
            group.start_soon(play, Budget(tokens=2_000))
            await ended.wait()
            group.start_soon(play, None)
        await policy.aclose()
    assert [type(reason) for reason in stopped] == [BudgetSpent, BudgetSpent]
    assert endpoint.answered < 50
