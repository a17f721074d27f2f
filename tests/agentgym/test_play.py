"""One episode, every ending: what rollout plays, records, lets through and lets go."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import anyio
import anyio.lowlevel
import pytest
from pydantic import BaseModel

from agentgym import (
    Context,
    Conversation,
    Env,
    Episode,
    IdlePolicy,
    Limits,
    Message,
    Observation,
    OraclePolicy,
    Policy,
    RandomPolicy,
    ScriptedPolicy,
    Session,
    Task,
    ToolCall,
    ToolEnv,
    Turn,
    Usage,
    rollout,
    tool,
)
from agentgym.errors import SandboxFault, UsageError, UserFault
from environments.guess import Guess, Secret
from tests.agentgym.virtual import in_virtual_time

pytestmark = pytest.mark.anyio
SEVEN = Secret(id="seven", digit=7)
HIT, MISS = ToolCall("guess", {"n": 7}), ToolCall("guess", {"n": 1})


class Thinker(Policy):
    """Acts as it is told by a function, and remembers how its sessions were closed."""

    def __init__(self, act: Callable[[Conversation], Turn], *, wait: Callable[[], object] | None = None) -> None:
        self.act = act
        self.wait = wait
        self.closed: list[str] = []
        self.contexts: list[Context] = []

    def start(self, context: Context) -> Session:
        self.contexts.append(context)
        return _Thinking(self)


class _Thinking(Session):
    def __init__(self, policy: Thinker) -> None:
        self.policy = policy

    async def act(self, conversation: Conversation) -> Turn:
        await anyio.lowlevel.checkpoint()
        return self.policy.act(conversation)

    async def close(self, outcome: str) -> None:
        self.policy.closed.append(outcome)


class Room(ToolEnv[Task, Observation]):
    "Do as you like."

    closed = False

    async def begin(self, task: Task) -> Observation:
        return Observation(text="go")

    @tool
    async def work(self) -> str:
        return "ok"

    @tool
    async def sandbox(self) -> str:
        raise SandboxFault("the sandbox died")

    @tool
    async def user(self) -> str:
        raise UserFault("the user model is away")

    @tool
    async def bug(self) -> str:
        return str(1 / 0)

    @tool
    async def hang(self) -> str:
        await anyio.sleep_forever()
        return ""

    async def aclose(self) -> None:
        self.closed = True


async def play(name: str, env: ToolEnv[Task, Observation] | None = None, **limits: float) -> Episode:
    policy = ScriptedPolicy([ToolCall("work"), ToolCall(name), ToolCall("work")])
    return await rollout(env or Room(), policy, Task(id="t"), seed=1, limits=Limits(**limits))  # type: ignore[arg-type]


async def test_the_oracle_solves_and_the_idle_agent_does_not() -> None:
    solved = await rollout(Guess(), OraclePolicy(), SEVEN)
    assert (solved.outcome, solved.reward, len(solved.turns), solved.policy) == ("solved", 1.0, 1, "oracle")
    idle = await rollout(Guess(), IdlePolicy(), SEVEN)
    assert (idle.outcome, idle.reward, len(idle.turns), idle.tool_errors) == ("failed", 0.0, 1, 0)


async def test_an_agent_that_thinks_finds_the_digit_by_what_it_is_shown() -> None:
    def bisect(conversation: Conversation) -> Turn:
        low, high = 0, 9
        for asked, told in zip(conversation[2::2], conversation[3::2], strict=True):
            n = int(str(asked.tool_calls[0].arguments["n"]))
            low, high = (n + 1, high) if told.content == "higher" else (low, n - 1)
        return Turn(tool_calls=(ToolCall("guess", {"n": (low + high) // 2}),))

    for task in Guess().tasks():
        episode = await rollout(Guess(), Thinker(bisect), task)
        assert episode.solved
        assert len(episode.turns) <= 4


async def test_the_record_is_complete_and_survives_the_disk() -> None:
    policy = ScriptedPolicy(
        [
            Turn("Let me see.", (MISS,), reasoning="a low one first", usage=Usage(10, 5, calls=1, cost_usd=0.5)),
            ToolCall.from_text("guess", '{"n": "x"}'),
            Turn(tool_calls=(ToolCall("nope"), HIT, MISS), usage=Usage(20, 5, calls=1)),
        ]
    )
    episode = await rollout(Guess(), policy, SEVEN, seed=4, trial=2)
    assert Episode.from_json(episode.to_json()) == episode
    assert (episode.seed, episode.trial, episode.task_id, episode.task) == (4, 2, "seven", {"id": "seven", "digit": 7})
    assert (episode.outcome, episode.reward, episode.tool_errors) == ("solved", 1.0, 2)
    assert episode.usage == Usage(30, 10, 0, 0.5, 2)
    assert episode.terms["reward"].value == 1.0
    assert [step.tool_error for step in episode.steps()] == [None, "invalid_arguments", "unknown_tool", None]
    assert [step.action["type"] for step in episode.steps()] == ["tool", "bad_call", "bad_call", "tool"]
    assert [message.role for message in episode.messages()] == [
        *("system", "user", "assistant", "tool", "assistant", "tool", "assistant", "tool", "tool", "tool")
    ]
    assert episode.messages()[-1].content == "This call was not carried out."
    assert episode.environment.id == "guess"
    assert episode.tools[0].name == "guess"
    assert set(episode.versions) == {"agentgym", "python"}
    ids = [call.id for record in episode.turns for call in record.turn.tool_calls]
    assert len(set(ids)) == 5
    assert all(ids)


async def test_equal_runs_make_equal_records_up_to_times() -> None:
    def timeless(episode: Episode) -> object:
        return [(record.turn, [(s.action, s.observation, s.reward) for s in record.steps]) for record in episode.turns]

    one, two, other = [await rollout(Guess(), RandomPolicy(), SEVEN, seed=seed) for seed in (1, 1, 2)]
    assert timeless(one) == timeless(two) != timeless(other)


async def test_without_a_seed_a_fresh_one_is_taken_and_recorded() -> None:
    episode = await rollout(Guess(), RandomPolicy())
    again = await rollout(Guess(), RandomPolicy(), seed=episode.seed)
    assert again.task == episode.task
    assert [record.turn for record in again.turns] == [record.turn for record in episode.turns]


@pytest.mark.parametrize(
    ("limits", "limit", "turns"),
    [({"turns": 3}, "turns", 3), ({"tokens": 25}, "tokens", 2), ({"cost_usd": 0.35}, "cost", 4), ({}, "turns", 8)],
)
async def test_what_is_used_up_truncates(limits: dict[str, float], limit: str, turns: int) -> None:
    turn = Turn(tool_calls=(MISS,), usage=Usage(10, 5, cost_usd=0.1, calls=1))
    policy = Thinker(lambda _: turn)
    episode = await rollout(Guess(), policy, SEVEN, limits=Limits(**limits))  # type: ignore[arg-type]
    assert (episode.outcome, episode.limit, len(episode.turns)) == ("truncated", limit, turns)
    assert policy.closed == ["truncated"]


@in_virtual_time
async def test_time_truncates_and_keeps_the_turns_so_far() -> None:
    env = Room()
    episode = await play("hang", env, seconds=10)
    assert (episode.outcome, episode.limit, episode.cause) == ("truncated", "time", None)
    assert [len(record.steps) for record in episode.turns] == [1, 0]
    assert env.closed


async def test_an_environment_may_cut_itself_short() -> None:
    class Short(Room):
        @tool
        async def stop(self) -> str:
            self.truncate(progress=0.5)
            return "enough"

    episode = await play("stop", Short())
    assert (episode.outcome, episode.limit, episode.reward) == ("truncated", "environment", 0.5)
    assert [step.truncated for step in episode.steps()] == [False, True]


@pytest.mark.parametrize(
    ("name", "boundary", "error"),
    [
        ("sandbox", "sandbox", "SandboxFault"),
        ("user", "user", "UserFault"),
        ("bug", "tool", "ZeroDivisionError"),
    ],
)
async def test_what_breaks_is_not_evaluable_by_its_boundary(name: str, boundary: str, error: str) -> None:
    env = Room()
    episode = await play(name, env)
    assert episode.outcome == "not_evaluable"
    assert episode.cause is not None
    assert (episode.cause.boundary, episode.cause.error) == (boundary, error)
    assert len(episode.turns) == 2, "what was played until then is kept"
    assert env.closed
    assert Episode.from_json(episode.to_json()) == episode


async def test_a_policy_that_breaks_is_not_the_environments_fault() -> None:
    def broken(_: Conversation) -> Turn:
        raise ConnectionError("refused")

    policy = Thinker(broken)
    episode = await rollout(Guess(), policy, SEVEN)
    assert episode.cause is not None
    assert (episode.outcome, episode.cause.boundary) == ("not_evaluable", "policy")
    assert "ConnectionError: refused" in episode.cause.message
    assert policy.closed == ["not_evaluable"]


async def test_a_begin_that_breaks_is_recorded_before_any_turn() -> None:
    class Broken(Room):
        async def begin(self, task: Task) -> Observation:
            raise OSError("no disk")

    env = Broken()
    episode = await play("work", env)
    assert (episode.outcome, episode.turns, episode.reward) == ("not_evaluable", (), 0.0)
    assert episode.cause is not None
    assert (episode.cause.boundary, episode.cause.error) == ("environment", "OSError")
    assert env.closed


async def test_an_observation_that_is_none_is_the_environments_fault() -> None:
    class Mute(Room):
        async def begin(self, task: Task) -> Observation:
            return "go"  # type: ignore[return-value]

    episode = await play("work", Mute())
    assert episode.cause is not None
    assert "begin gave str" in episode.cause.message


async def test_wrong_use_is_raised_not_recorded() -> None:
    with pytest.raises(UsageError, match="plays tasks of type Secret"):
        await rollout(Guess(), IdlePolicy(), Task(id="t"))
    with pytest.raises(UsageError, match="no reference solution"):
        await rollout(Room(), OraclePolicy(), Task(id="t"))
    with pytest.raises(UsageError, match="positive"):
        Limits(turns=0)


async def test_cancellation_passes_and_everything_is_let_go() -> None:
    env, policy = Room(), Thinker(lambda _: Turn(tool_calls=(ToolCall("hang"),)))
    finished: list[Episode] = []

    async def run() -> None:
        finished.append(await rollout(env, policy, Task(id="t")))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert finished == []
    assert env.closed
    assert policy.closed == ["not_evaluable"]


async def test_what_was_cancelled_before_it_began_is_let_go_too() -> None:
    env = Room()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await rollout(env, IdlePolicy(), Task(id="t"))
    assert env.closed


async def test_a_cleanup_that_hangs_or_breaks_is_given_up_and_recorded() -> None:
    class Stuck(Room):
        async def aclose(self) -> None:
            await anyio.sleep_forever()

    class Broken(Room):
        async def aclose(self) -> None:
            raise OSError("busy")

    stuck = await play("work", Stuck(), cleanup_s=0.01, turns=1)
    broken = await play("work", Broken(), turns=1)
    assert stuck.outcome == broken.outcome == "truncated", "the outcome stands"
    assert stuck.cleanup is not None
    assert "0.01 s" in stuck.cleanup.message
    assert broken.cleanup is not None
    assert broken.cleanup.error == "OSError"


async def test_the_policy_never_sees_the_task_and_only_the_oracle_the_reference() -> None:
    policy = Thinker(lambda _: Turn("bye"))
    await rollout(Guess(), policy, SEVEN, seed=9)
    (context,) = policy.contexts
    assert context.reference is None
    assert "7" not in repr((context.tools, context.instructions, context.answer_schema))
    assert context.seed != 9, "or the policy could foretell the environment's chances"


async def test_random_play_does_not_follow_the_environments_chances() -> None:
    hits = 0
    for seed in range(200):
        episode = await rollout(Guess(), RandomPolicy(), seed=seed, limits=Limits(turns=1))
        hits += episode.solved
    assert 5 <= hits <= 40, "one in ten, as chance has it"


class Move(BaseModel, frozen=True, extra="forbid"):
    by: int


class Counter(Env[Task, Observation, Move], max_turns=6):
    "Reach three."

    async def begin(self, task: Task) -> Observation:
        self.at = 0
        return Observation(text="at 0")

    async def apply(self, action: Move) -> Observation:
        self.at += action.by
        if self.at == 3:
            self.finish(reward=1.0)
        return Observation(text=f"at {self.at}")

    def reference(self) -> Iterator[Move]:
        while self.at < 3:
            yield Move(by=1)


async def test_a_low_level_environment_speaks_json() -> None:
    solved = await rollout(Counter(), OraclePolicy(), Task(id="t"))
    assert solved.solved
    assert [message.content for message in solved.messages()[2:4]] == ['{"by":1}', "at 1"]
    assert Episode.from_json(solved.to_json()) == solved


async def test_plain_values_are_actions_too() -> None:
    class Pick(Env[Task, Observation, int], max_turns=2):
        async def begin(self, task: Task) -> Observation:
            return Observation(text="pick three")

        async def apply(self, action: int) -> Observation:
            self.finish(reward=float(action == 3))
            return Observation(text="done")

        def reference(self) -> Iterator[int]:
            yield 3

    solved = await rollout(Pick(), OraclePolicy(), Task(id="t"))
    assert solved.solved
    (step,) = solved.steps()
    assert step.action == {"value": 3}
    assert Pick().load_action(step.action) == Pick().load_action("3") == 3


async def test_text_that_is_no_action_is_told_so_and_counts_as_a_turn() -> None:
    policy = ScriptedPolicy(["go three", '{"by": 1}', '{"by": 1, "by": 2}', '{"by": 2}'])
    episode = await rollout(Counter(), policy, Task(id="t"))
    assert "not an action of counter" in episode.messages()[3].content
    idle = await rollout(Counter(), IdlePolicy(), Task(id="t"))
    assert (idle.outcome, idle.limit, len(idle.turns)) == ("truncated", "turns", 6)


async def test_random_play_of_a_low_level_environment_is_valid() -> None:
    episode = await rollout(Counter(), RandomPolicy(), Task(id="t"), seed=1)
    assert len(list(episode.steps())) == len(episode.turns) == 6


async def test_odd_text_and_numbers_do_not_break_the_record() -> None:
    class Odd(Room):
        @tool
        async def echo(self, n: int) -> str:
            return f"\ud800 {n}"

    policy = ScriptedPolicy([Turn("\udfff"), ToolCall("echo", {"n": 10**30})])
    episode = await rollout(Odd(), policy, Task(id="t"))
    assert episode.outcome == "failed"
    policy = ScriptedPolicy([ToolCall("echo", {"n": 10**30}), Turn("bye \udfff")])
    episode = await rollout(Odd(), policy, Task(id="t"))
    again = Episode.from_json(episode.to_json())
    assert again.turns[0].steps[0].action["arguments"] == {"n": 10**30}
    assert again.turns[0].steps[0].observation["text"] == f"\ufffd {10**30}"
    assert again.turns[1].turn.text == "bye \ufffd"


async def test_arguments_nested_without_end_are_a_wrong_call() -> None:
    raw = '{"a":' * 700 + "1" + "}" * 700
    episode = await rollout(Guess(), ScriptedPolicy([ToolCall.from_text("guess", raw), HIT]), SEVEN)
    assert [step.tool_error for step in episode.steps()] == ["invalid_json", None]
    assert Episode.from_json(episode.to_json()) == episode


def test_messages_speak_chat_completions() -> None:
    conversation = Conversation([Message("system", "be kind")])
    first = conversation.wire()
    turn = Turn(tool_calls=(ToolCall.from_text("guess", '{ "n": 3 }', id="c1"),), reasoning="hidden")
    conversation.append(turn.message())
    conversation.append(Message("tool", "higher", tool_call_id="c1"))
    assert conversation.wire().startswith(first[:-1])
    assert b'"arguments":"{ \\"n\\": 3 }"' in conversation.wire(), "byte for byte as the model wrote it"
    assert b"hidden" not in conversation.wire()
    assert len(conversation) == 3
