"""Who is to blame: every ending is recorded at the boundary where it broke, with all that went before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from agentgym import (
    Context,
    Conversation,
    Episode,
    IdlePolicy,
    Limits,
    Observation,
    OraclePolicy,
    Policy,
    RandomPolicy,
    ScriptedPolicy,
    Session,
    Task,
    ToolAction,
    ToolCall,
    ToolEnv,
    Turn,
    rollout,
    tool,
)
from agentgym.errors import SandboxFault, UsageError
from tests.agentgym.virtual import in_virtual_time

pytestmark = pytest.mark.anyio
TASK = Task(id="t")


class Room(ToolEnv[Task, Observation]):
    closed = False

    async def begin(self, task: Task) -> Observation:
        return Observation(text="go")

    @tool
    async def gain(self) -> str:
        self.grant(gained=0.5)
        return "ok"

    @tool
    async def bug(self) -> str:
        return str(1 / 0)

    @tool
    async def hang(self) -> str:
        await anyio.sleep_forever()
        return ""

    @tool
    async def grouped(self) -> str:
        async with anyio.create_task_group() as group:
            group.start_soon(self._break)
        return ""

    async def _break(self) -> None:
        raise SandboxFault("the sandbox died")

    async def aclose(self) -> None:
        self.closed = True


class Custom(Policy):
    def __init__(
        self,
        act: Callable[[], Any] = lambda: Turn("bye"),
        start: Callable[[], object] = lambda: None,
        close: Callable[[], object] = lambda: None,
    ) -> None:
        self.act, self.begin, self.close = act, start, close

    def start(self, context: Context) -> Session:
        self.begin()
        return _CustomSession(self)


class _CustomSession(Session):
    def __init__(self, policy: Custom) -> None:
        self.policy = policy

    async def act(self, conversation: Conversation) -> Turn:
        turn: Turn = self.policy.act()
        return turn

    async def close(self, outcome: str) -> None:
        self.policy.close()


def raising(error: BaseException) -> Callable[[], Any]:
    def act() -> None:
        raise error

    return act


def calls(*names: str) -> Turn:
    return Turn(tool_calls=tuple(ToolCall(name) for name in names))


def blamed(episode: Episode) -> tuple[str, str]:
    assert episode.outcome == "not_evaluable"
    assert episode.cause is not None
    assert Episode.from_json(episode.to_json()) == episode
    return episode.cause.boundary, episode.cause.error


async def test_a_fault_in_a_task_group_keeps_its_boundary_and_its_words() -> None:
    episode = await rollout(Room(), ScriptedPolicy([calls("grouped")]), TASK)
    assert blamed(episode) == ("sandbox", "SandboxFault")
    assert "the sandbox died" in str(episode.cause)


@in_virtual_time
@pytest.mark.parametrize("last", ["bug", "hang"])
async def test_steps_made_before_a_turn_broke_are_kept(last: str) -> None:
    env = Room()
    episode = await rollout(env, ScriptedPolicy([calls("gain", last, "gain")]), TASK, limits=Limits(seconds=10))
    assert [step.reward for step in episode.steps()] == [0.5]
    assert episode.reward == sum(step.reward for step in episode.steps())
    assert [message.content for message in episode.turns[0].replies] == ["ok"]
    assert env.closed


async def test_a_failed_begin_keeps_the_task_given_or_drawn() -> None:
    class Broken(Room):
        async def begin(self, task: Task) -> Observation:
            raise OSError("no disk")

        def tasks(self, split: str | None = None) -> list[Task]:
            return [Task(id="drawn")]

    given = await rollout(Broken(), IdlePolicy(), TASK)
    drawn = await rollout(Broken(), IdlePolicy())
    assert (given.task_id, given.task) == ("t", {"id": "t"})
    assert (drawn.task_id, drawn.task) == ("drawn", {"id": "drawn"})


async def test_a_begin_without_end_is_the_environments_fault_not_the_agents_limit() -> None:
    class Slow(Room):
        async def begin(self, task: Task) -> Observation:
            await anyio.sleep_forever()
            return Observation(text="")

    episode = await rollout(Slow(), IdlePolicy(), TASK, limits=Limits(seconds=0.01))
    assert blamed(episode)[0] == "environment"
    assert "reset took longer than 0.01 s" in str(episode.cause)


async def test_an_episode_that_begin_ends_or_cuts_has_that_ending() -> None:
    class Done(Room):
        async def begin(self, task: Task) -> Observation:
            self.finish(reward=1.0)
            return Observation(text="nothing to do")

    class Cut(Room):
        async def begin(self, task: Task) -> Observation:
            self.truncate()
            return Observation(text="no")

    assert (await rollout(Done(), IdlePolicy(), TASK)).outcome == "solved"
    cut = await rollout(Cut(), IdlePolicy(), TASK)
    assert (cut.outcome, cut.limit, cut.turns) == ("truncated", "environment", ())


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        (Custom(start=raising(ValueError("no session"))), "ValueError"),
        (Custom(act=lambda: None), "TypeError"),
        (Custom(act=lambda: Turn("x", usage=None)), "TypeError"),  # type: ignore[arg-type]
        (Custom(act=lambda: Turn(tool_calls=(ToolCall("gain", "{}"),))), "TypeError"),  # type: ignore[arg-type]
        (Custom(act=lambda: Turn(tool_calls=("gain",))), "TypeError"),  # type: ignore[arg-type]
    ],
)
async def test_what_a_policy_does_wrong_is_the_policys_fault(policy: Policy, error: str) -> None:
    assert blamed(await rollout(Room(), policy, TASK)) == ("policy", error)


async def test_a_turn_without_text_is_a_turn() -> None:
    turn = Turn(None, [ToolCall("gain")])  # type: ignore[arg-type]
    episode = await rollout(Room(), Custom(act=lambda: turn), TASK, limits=Limits(turns=1))
    assert (episode.turns[0].turn.text, episode.reward) == ("", 0.5)
    assert Episode.from_json(episode.to_json()) == episode


async def test_a_broken_reference_is_the_environments_fault() -> None:
    class Lost(Room):
        def reference(self) -> Iterator[ToolAction]:
            yield Room.gain.action()
            raise LookupError("the way is lost")

    assert blamed(await rollout(Lost(), OraclePolicy(), TASK)) == ("environment", "LookupError")


async def test_a_close_that_breaks_in_any_way_lets_the_environment_go() -> None:
    for error in (UsageError("late"), ValueError("late")):
        env = Room()
        episode = await rollout(env, Custom(close=raising(error)), TASK)
        assert env.closed
        assert episode.outcome == "failed", "the outcome stands"
        assert episode.cleanup is not None
        assert "late" in episode.cleanup.message


@pytest.mark.asyncio
async def test_an_awaitable_somebody_cancelled_is_no_cancellation_of_the_episode() -> None:
    class Stray(_CustomSession):
        async def act(self, conversation: Conversation) -> Turn:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future
            return Turn("never")

    class Strays(Custom):
        def start(self, context: Context) -> Session:
            return Stray(self)

    assert blamed(await rollout(Room(), Strays(), TASK)) == ("policy", "CancelledError")


async def test_inline_play_leaves_room_for_deadlines() -> None:
    class Endless(ToolEnv[Task, Observation], max_turns=None):
        async def begin(self, task: Task) -> Observation:
            return Observation(text="go")

        @tool
        def turn(self) -> str:
            return "round and round"

    episode = await rollout(Endless(), RandomPolicy(), TASK, limits=Limits(seconds=0.5))
    assert (episode.outcome, episode.limit) == ("truncated", "time")


async def test_inline_play_leaves_room_for_others() -> None:
    class Watching(ToolEnv[Task, Observation], max_turns=10_000):
        async def begin(self, task: Task) -> Observation:
            return Observation(text="go")

        @tool
        def turn(self) -> str:
            if ticks > 5:
                self.finish(reward=1.0)
            return "round and round"

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        episode = await rollout(Watching(), RandomPolicy(), TASK)
        group.cancel_scope.cancel()
    assert episode.outcome == "solved"


async def test_one_instance_is_played_by_one_rollout_at_a_time() -> None:
    env = Room()
    refused: list[str] = []

    async def play() -> None:
        try:
            await rollout(env, ScriptedPolicy([calls("hang")]), TASK, limits=Limits(seconds=0.05))
        except UsageError as error:
            refused.append(str(error))

    async with anyio.create_task_group() as group:
        group.start_soon(play)
        group.start_soon(play)
    assert len(refused) == 1
    assert "an instance of its own" in refused[0]
    again = await rollout(env, ScriptedPolicy([calls("gain")]), TASK, limits=Limits(turns=1))
    assert again.reward == 0.5, "one after the other is fine"


@pytest.mark.parametrize("seed", [-1, 1.5, "7", True, 2**64])
async def test_a_seed_is_a_whole_number(seed: Any) -> None:
    with pytest.raises(UsageError, match="whole number"):
        await rollout(Room(), IdlePolicy(), TASK, seed=seed)
    with pytest.raises(UsageError, match="whole number"):
        await Room().reset(TASK, seed=seed)


@pytest.mark.parametrize("limits", [{"turns": 1.5}, {"turns": "3"}, {"seconds": float("inf")}, {"cleanup_s": None}])
def test_limits_are_numbers_that_records_can_hold(limits: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="a limit is a positive"):
        Limits(**limits)


async def test_a_class_is_no_environment_to_play() -> None:
    with pytest.raises(UsageError, match="an instance of Env"):
        await rollout(Room, IdlePolicy(), TASK)  # type: ignore[arg-type]


async def test_a_recorded_episode_plays_again_from_its_turns() -> None:
    once = await rollout(Room(), RandomPolicy(), TASK, seed=3, limits=Limits(turns=4, seconds=5))
    again = await rollout(
        Room(),
        ScriptedPolicy([record.turn for record in once.turns]),
        TASK,
        seed=once.seed,
        limits=Limits(turns=len(once.turns)),
    )
    assert [step.observation for step in again.steps()] == [step.observation for step in once.steps()]
    assert again.reward == once.reward
