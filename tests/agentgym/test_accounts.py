"""Each action has an account of its own: notes, rewards and endings land where they belong, or nowhere."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import anyio.to_thread
import pytest

from agentgym import Episode, Observation, ScriptedPolicy, Task, ToolCall, ToolEnv, ToolError, Turn, rollout, tool
from agentgym.errors import EpisodeStateError
from tests.agentgym.virtual import in_virtual_time

pytestmark = pytest.mark.anyio
TASK = Task(id="t")


class Desk(ToolEnv[Task, Observation], max_turns=9):
    def __init__(self) -> None:
        self.release = threading.Event()
        self.late: list[str] = []

    async def begin(self, task: Task) -> Observation:
        self.log: list[str] = []
        self.grant(begun=0.25)
        return Observation(text="go")

    @tool(readonly=True)
    async def look(self, n: int) -> str:
        await anyio.lowlevel.checkpoint()
        self.note(n=n)
        self.grant(seen=float(n))
        return f"saw {n}"

    @tool(readonly=True)
    async def end(self) -> str:
        await anyio.lowlevel.checkpoint()
        self.finish(reward=1.0)
        return "ended"

    @tool(blocking=True, timeout_s=0.05)
    def outlast(self) -> str:
        self.release.wait(20)
        try:
            self.finish(reward=1.0)
        except EpisodeStateError as error:
            self.late.append(str(error))
        return "late"

    @tool
    async def add(self, tags: list[str]) -> str:
        tags.append("mine")
        self.log += tags
        self.note(log=self.log)
        return ",".join(tags)


async def test_calls_side_by_side_keep_their_own_notes_and_rewards() -> None:
    env = Desk()
    await env.reset(TASK)
    steps = await env.take(env.parse(Turn(tool_calls=tuple(ToolCall("look", {"n": n}) for n in range(3)))))
    assert [step.info["n"] for step in steps] == [0, 1, 2]
    assert [step.reward for step in steps] == [0.25, 1.0, 2.0], "what begin granted comes with the first step"
    assert sum(step.reward for step in steps) == env.reward


async def test_an_end_among_calls_side_by_side_stands_at_the_last_of_them() -> None:
    env = Desk()
    await env.reset(TASK)
    calls = (ToolCall("end"), ToolCall("look", {"n": 1}), ToolCall("add", {"tags": []}))
    steps = await env.take(env.parse(Turn(tool_calls=calls)))
    assert [(step.observation.text, step.terminated) for step in steps] == [("ended", False), ("saw 1", True)]


async def test_a_thread_that_was_given_up_cannot_end_a_later_episode() -> None:
    env = Desk()
    await env.reset(TASK)
    step = await env.call("outlast")
    assert isinstance(step.observation, ToolError)
    assert step.observation.kind == "timeout"
    await env.reset(TASK)
    env.release.set()
    await anyio.to_thread.run_sync(_wait_for, env.late)
    assert not env.over
    assert "too late" in env.late[0]


def _wait_for(messages: list[str]) -> None:
    deadline = threading.Event()
    for _ in range(2000):
        if messages or deadline.wait(0.005):
            return


async def test_a_tools_own_changes_do_not_reach_the_record() -> None:
    call = ToolCall("add", {"tags": ["a"]})
    episode = await rollout(Desk(), ScriptedPolicy([Turn(tool_calls=(call, call)), Turn(tool_calls=(call,))]), TASK)
    assert [step.action["arguments"] for step in episode.steps() if step.action["type"] == "tool"] == [
        {"tags": ["a"]}
    ] * 3
    assert [len(_list(step.info["log"])) for step in episode.steps() if "log" in step.info] == [2, 4, 6]
    action = Desk.add.action(["a"])
    env = Desk()
    await env.reset(TASK)
    told = [(await env.step(action)).observation.text for _ in range(2)]
    assert told == ["a,mine", "a,mine"], "an action may be taken again"


def _list(value: Any) -> list[object]:
    return list(value)


@in_virtual_time
async def test_queueing_for_a_thread_does_not_count_as_a_tools_time() -> None:
    class Busy(ToolEnv[Task, Observation]):
        async def begin(self, task: Task) -> Observation:
            return Observation(text="go")

        @tool(blocking=True, timeout_s=60.0)
        def work(self) -> str:
            self.finish(reward=1.0)
            return "done"

    limiter = anyio.to_thread.current_default_thread_limiter()
    before, limiter.total_tokens = limiter.total_tokens, 1
    somebody = object()
    await limiter.acquire_on_behalf_of(somebody)
    episodes: list[Episode] = []

    async def play() -> None:
        episodes.append(await rollout(Busy(), ScriptedPolicy([ToolCall("work")]), TASK))

    try:
        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(play)
            await anyio.sleep(600)
            assert not episodes
            limiter.release_on_behalf_of(somebody)
    finally:
        limiter.total_tokens = before
    assert [episode.outcome for episode in episodes] == ["solved"] * 12


async def test_a_tool_may_try_things_out_on_a_fork_and_in_other_environments() -> None:
    class Careful(ToolEnv[Task, Observation]):
        async def begin(self, task: Task) -> Observation:
            self.grant(begun=0.25)
            return Observation(text="go")

        @tool
        async def end(self) -> str:
            self.finish(reward=1.0)
            return "ended"

        @tool
        async def think(self) -> str:
            twin = self.fork()
            twin.finish(reward=5.0)
            other = await rollout(Desk(), ScriptedPolicy([ToolCall("end")]), Task(id="other"))
            inside = await rollout(self.fork(), ScriptedPolicy([ToolCall("end")]), Task(id="inside"))
            self.grant(thought=0.5)
            self.note(other=other.reward, inside=inside.reward)
            return other.outcome

    episode = await rollout(Careful(), ScriptedPolicy([ToolCall("think"), ToolCall("end")]), TASK)
    first, second = episode.steps()
    assert (first.reward, first.info["other"], first.info["inside"]) == (0.75, 1.25, 1.25)
    assert (second.reward, episode.reward) == (1.0, 1.75)


async def test_reset_in_the_middle_of_a_step_is_refused() -> None:
    class Waiting(Desk):
        @tool
        async def wait(self) -> str:
            await anyio.sleep_forever()
            return ""

    env = Waiting()
    await env.reset(TASK)
    async with anyio.create_task_group() as group:
        group.start_soon(env.call, "wait")
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(EpisodeStateError, match="middle of a step"):
            await env.reset(TASK)
        group.cancel_scope.cancel()


async def test_a_reward_that_grows_beyond_numbers_is_refused() -> None:
    env = Desk()
    await env.reset(TASK)
    env.grant(big=1e308)
    with pytest.raises(ValueError, match="not a finite number"):
        env.grant(big=1e308)
    assert env.reward == 1e308


async def test_a_second_end_grants_nothing() -> None:
    env = Desk()
    await env.reset(TASK)
    env.finish(reward=0.5)
    with pytest.raises(EpisodeStateError, match="finish it once"):
        env.finish(reward=0.5)
    assert env.reward == 0.75
