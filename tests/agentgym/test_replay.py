"""Recorded actions carried out again: the same world gives the same, and a changed one is told apart, step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from pydantic import BaseModel

from agentgym import (
    Context,
    Conversation,
    Env,
    Episode,
    Limits,
    Message,
    Observation,
    OpenAIPolicy,
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
from agentgym.errors import DataFileError, PolicyFault, UsageError
from agentgym.jobs import Job
from agentgym.policy import Context as PolicyContext
from agentgym.registry import make
from agentgym.replay import ReplayResult, replay, replay_run
from agentgym.runner import run
from agentgym.runs import CALLS, EPISODES, read_episodes
from agentgym.suite import load_suite
from agentgym.testing import ChatRequest, FakeEndpoint

pytestmark = pytest.mark.anyio


class Lamp(ToolEnv[Task, Observation], id="lamp-for-replay", max_turns=4):
    "Switch the lamp on and leave."

    reward_of_leaving = 1.0

    async def begin(self, task: Task) -> Observation:
        self.on = False
        return Observation(text=f"A dark room, {self.rng.randrange(1000)} steps wide.")

    @tool
    async def switch(self) -> str:
        "Press the switch."
        self.on = not self.on
        self.grant(pressed=0.125)
        return "light" if self.on else "dark"

    @tool
    async def leave(self) -> str:
        "Leave the room."
        self.finish(left=self.reward_of_leaving * self.on)
        return "outside"


SWITCH, LEAVE = ToolCall("switch"), ToolCall("leave")
WRONG = ToolCall("dance", {"how": "wildly"})


async def recorded(*turns: Turn | ToolCall | str, env: Env[Any, Any, Any] | None = None, **more: Any) -> Episode:
    """A record as it is read from a file."""
    episode = await rollout(env or Lamp(), ScriptedPolicy(turns), Task(id="t"), seed=5, **more)
    return Episode.from_json(episode.to_json())


def whats(result: ReplayResult) -> list[str]:
    return [found.what for found in result.discrepancies]


@pytest.mark.parametrize(
    "turns",
    [
        (SWITCH, LEAVE),
        (LEAVE,),
        (Turn(tool_calls=(SWITCH, LEAVE, SWITCH)),),
        (WRONG, "just words"),
        (SWITCH,) * 9,
        (Turn(tool_calls=(SWITCH, WRONG, SWITCH)), SWITCH, SWITCH, SWITCH),
    ],
)
async def test_the_same_world_gives_the_same(turns: tuple[Turn | ToolCall | str, ...]) -> None:
    episode = await recorded(*turns)
    result = await replay(episode, Lamp)
    assert (result.status, result.discrepancies) == ("same", ())
    assert result.rescored == episode


@pytest.mark.parametrize("limits", [Limits(turns=1), Limits(turns=4), Limits(turns=2)])
async def test_an_episode_that_was_cut_is_the_same_up_to_where_it_was(limits: Limits) -> None:
    episode = await recorded(*[SWITCH] * 9, limits=limits)
    assert (episode.outcome, episode.limit) == ("truncated", "turns")
    result = await replay(episode, Lamp)
    assert (result.status, result.rescored) == ("same", episode)


async def test_a_step_that_shows_something_else_is_told_with_both_values() -> None:
    class Bright(Lamp, id="lamp-for-replay"):
        "Switch the lamp on and leave."

        @tool
        async def switch(self) -> str:
            "Press the switch."
            self.on = not self.on
            self.grant(pressed=0.125)
            return "LIGHT" if self.on else "dark"

    result = await replay(await recorded(WRONG, Turn(tool_calls=(SWITCH, SWITCH)), SWITCH, LEAVE), Bright)
    assert result.status == "different"
    (found,) = result.discrepancies
    assert (found.what, found.turn, found.step) == ("observation", 1, 0)
    assert (found.recorded, found.replayed) == ({"text": "light"}, {"text": "LIGHT"})


@pytest.mark.parametrize("turns", [(SWITCH, LEAVE), (WRONG, LEAVE), ("hm", LEAVE), (Turn(tool_calls=(LEAVE, SWITCH)),)])
async def test_what_the_agent_was_told_is_compared_too(turns: tuple[Any, ...]) -> None:
    episode = await recorded(*turns)
    assert (await replay(episode, Lamp)).status == "same"
    for replies in (
        (),
        tuple(replace(reply, content="altered") for reply in episode.turns[0].replies),
    ):
        altered = replace(episode, turns=(replace(episode.turns[0], replies=replies), *episode.turns[1:]))
        (found,) = (await replay(altered, Lamp)).discrepancies
        assert (found.what, found.turn, found.step) == ("replies", 0, None)


@pytest.mark.parametrize("limits", [Limits(tokens=50), Limits(cost_usd=0.5)])
async def test_a_limit_that_the_record_does_not_reach_is_made_up(limits: Limits) -> None:
    usage = Usage(100, 0, cost_usd=1.0, calls=1)
    episode = await recorded(*[Turn(tool_calls=(SWITCH,), usage=usage)] * 3, limits=limits)
    assert (await replay(episode, Lamp)).status == "same"
    for altered in (replace(episode, limits=Limits()), replace(episode, usage=Usage(calls=1))):
        (found,) = (await replay(altered, Lamp)).discrepancies
        assert found.what == "outcome"


async def test_another_reward_is_told_and_the_record_is_scored_anew() -> None:
    class Stingy(Lamp, id="lamp-for-replay", version="2"):
        "Switch the lamp on and leave."

        reward_of_leaving = 0.5

    episode = await recorded(SWITCH, LEAVE)
    result = await replay(episode, Stingy)
    assert whats(result) == ["reward", "outcome", "terms"]
    first, scored = result.discrepancies[0], result.rescored
    assert (first.turn, first.step, first.recorded, first.replayed) == (1, 0, 1.0, 0.5)
    assert (episode.outcome, scored.outcome, scored.reward) == ("solved", "failed", 0.625)
    assert (scored.turns[1].steps[0].reward, scored.environment.version) == (0.5, "2")
    assert result.recorded == episode
    assert Episode.from_json(scored.to_json()) == scored


async def test_another_beginning_is_told() -> None:
    class Told(Lamp, id="lamp-for-replay"):
        "Switch the lamp on, please, and leave."

    result = await replay(await recorded(SWITCH, LEAVE), Told)
    assert whats(result) == ["opening"]
    assert result.rescored.outcome == "solved"


async def test_a_world_that_ends_earlier_or_no_more_is_told() -> None:
    class Brief(Lamp, id="lamp-for-replay", max_turns=1):
        "Switch the lamp on and leave."

    class Endless(Lamp, id="lamp-for-replay"):
        "Switch the lamp on and leave."

        @tool
        async def leave(self) -> str:
            "Leave the room."
            return "outside"

    episode = await recorded(SWITCH, LEAVE)
    brief = await replay(episode, Brief)
    assert whats(brief)[:2] == ["truncated", "outcome"]
    assert (brief.rescored.outcome, brief.rescored.limit) == ("truncated", "turns")
    endless = await replay(episode, Endless)
    assert "outcome" in whats(endless)
    assert endless.rescored.outcome == "not_evaluable"


async def test_an_action_that_is_none_any_more_is_told() -> None:
    class Other(ToolEnv[Task, Observation], id="lamp-for-replay", max_turns=4):
        "Switch the lamp on and leave."

        async def begin(self, task: Task) -> Observation:
            return Observation(text=f"A dark room, {self.rng.randrange(1000)} steps wide.")

        @tool
        async def leave(self) -> str:
            "Leave the room."
            return "outside"

    result = await replay(await recorded(SWITCH, LEAVE), Other)
    assert whats(result)[0] == "action"
    assert "switch" in str(result.discrepancies[0].replayed)


class Word(BaseModel):
    word: str


class Echo(Env[Task, Observation, Word], id="echo-for-replay", max_turns=3):
    "Answer in JSON."

    async def begin(self, task: Task) -> Observation:
        return Observation(text="Say a word.")

    async def apply(self, action: Word) -> Observation:
        if action.word == "stop":
            self.finish(1.0)
        return Observation(text=action.word * 2)

    def parse(self, turn: Turn) -> list[Word]:
        return [] if turn.text == "silence" else [self.load_action(turn.text)]


async def test_a_turn_that_could_not_be_read_is_nothing_and_one_of_no_action_is_a_turn() -> None:
    episode = await recorded("not JSON", '{"word": "a"}', '{"word": "stop"}', env=Echo())
    assert [len(turn.steps) for turn in episode.turns] == [0, 1, 1]
    assert (await replay(episode, Echo)).rescored == episode
    silent = await recorded("silence", "silence", "silence", env=Echo())
    assert (silent.limit, (await replay(silent, Echo)).rescored) == ("turns", silent)


async def test_what_broke_is_replayed_up_to_there_and_what_never_began_is_not() -> None:
    class Gone(Policy):
        def start(self, context: PolicyContext) -> Session:
            return _Gone()

    class _Gone(Session):
        def __init__(self) -> None:
            self._turns = iter([Turn(tool_calls=(SWITCH,))] * 2)

        async def act(self, conversation: Conversation) -> Turn:
            turn = next(self._turns, None)
            if turn is None:
                raise PolicyFault("gone")
            return turn

    episode = await rollout(Lamp(), Gone(), Task(id="t"), seed=1)
    result = await replay(episode, Lamp)
    assert (episode.outcome, result.status, result.rescored) == ("not_evaluable", "same", episode)

    class Broken(Lamp, id="lamp-for-replay"):
        async def begin(self, task: Task) -> Observation:
            raise RuntimeError("no room")

    never = await rollout(Broken(), Gone(), Task(id="t"), seed=1)
    result = await replay(never, Lamp)
    assert (result.status, result.problem and result.problem.error) == ("not_replayable", "NothingPlayed")
    result = await replay(episode, Broken)
    assert (result.status, result.problem and result.problem.error) == ("not_replayable", "RuntimeError")
    assert result.rescored == episode


async def test_an_environment_that_cannot_be_made_or_hangs_or_takes_no_such_task_is_a_problem() -> None:
    class Hanging(Lamp, id="lamp-for-replay"):
        @tool
        async def switch(self) -> str:
            "Press the switch."
            await anyio.sleep_forever()
            return ""

    class Tasked(Task):
        more: int

    class Picky(ToolEnv[Tasked, Observation], id="lamp-for-replay"):
        "Switch the lamp on and leave."

    def unmade() -> Lamp:
        raise OSError("no lamps left")

    episode = await recorded(SWITCH, LEAVE, limits=Limits(seconds=0.05))
    makers: list[tuple[Callable[[], Env[Any, Any, Any]], str]] = [
        (Hanging, "took longer than 0.05 s"),
        (Picky, "takes no such task any more: more: Field required"),
        (unmade, "no lamps left"),
    ]
    for make_env, told in makers:
        result = await replay(episode, make_env)
        assert result.problem is not None
        assert told in result.problem.message
    with pytest.raises(UsageError, match="no environment 'nowhere'"):
        await replay(episode, lambda: make("nowhere"))


async def test_the_records_of_a_run_are_replayed_in_their_order_with_few_at_a_time(tmp_path: Path) -> None:
    suite = load_suite("guess")
    await run(suite, RandomPolicy(), tmp_path, trials=20)
    making = 0

    def made(episode: Episode) -> Env[Any, Any, Any]:
        nonlocal making
        making += 1
        return suite.make()

    results: list[ReplayResult] = []
    await replay_run(tmp_path, made, on_result=results.append, concurrency=7)
    assert [result.recorded.to_json() for result in results] == [
        episode.to_json() for episode in read_episodes(tmp_path)
    ]
    assert {result.status for result in results} == {"same"}
    results.clear()
    await replay_run(tmp_path, made, on_result=results.append, limit=5)
    assert len(results) == 5
    assert making <= 200 + 5 + 16


async def test_what_makes_it_senseless_to_go_on_is_raised_as_it_is(tmp_path: Path) -> None:
    await run(load_suite("guess"), RandomPolicy(), tmp_path)

    def full(result: ReplayResult) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        await replay_run(tmp_path, lambda episode: load_suite("guess").make(), on_result=full)
    with (tmp_path / EPISODES).open("ab") as file:
        file.write(b'{"outcome": 1}\n')
    with pytest.raises(DataFileError, match="not an episode record"):
        await replay_run(tmp_path, lambda episode: load_suite("guess").make(), on_result=lambda result: None)


class Asked(ToolEnv[Task, Observation], id="asked-for-replay", max_turns=3):
    "Talk with a user, who is a model."

    def __init__(self, base_url: str) -> None:
        self._user = OpenAIPolicy("user", base_url=base_url, api_key="none")

    async def begin(self, task: Task) -> Observation:
        self._session = self._user.start(Context())
        self._said = Conversation()
        return Observation(text="The user waits.")

    @tool
    async def ask(self, question: str) -> str:
        "Ask the user."
        self._said.append(Message("user", question))
        turn = await self._session.act(self._said)
        self._said.append(turn.message())
        return turn.text

    async def aclose(self) -> None:
        await self._user.aclose()


async def test_a_simulated_user_answers_from_the_journal_and_is_not_asked_again(tmp_path: Path) -> None:
    def answer(request: ChatRequest) -> Turn:
        return Turn(f"answer {endpoint.count}")

    async with FakeEndpoint(answer) as endpoint:
        url = endpoint.base_url
        planned = [Job(make=lambda: Asked(url), task=Task(id=str(number)), seed=number) for number in range(6)]
        await run(planned, ScriptedPolicy([ToolCall("ask", {"question": "Why?"})] * 3), tmp_path, preflight=False)
        assert endpoint.count == 18
        results: list[ReplayResult] = []
        await replay_run(tmp_path, lambda episode: Asked(url), on_result=results.append)
        assert [result.status for result in results] == ["same"] * 6
        assert endpoint.count == 18
        records = (tmp_path / EPISODES).read_bytes().replace(b"Why?", b"How?")
        (tmp_path / EPISODES).write_bytes(records)
        before = (tmp_path / CALLS).read_bytes()
        results.clear()
        await replay_run(tmp_path, lambda episode: Asked(url), on_result=results.append)
        assert {result.problem and result.problem.boundary for result in results} == {"run"}
        assert (endpoint.count, (tmp_path / CALLS).read_bytes()) == (18, before)
    assert orjson.loads(records.splitlines()[0])["turns"]
