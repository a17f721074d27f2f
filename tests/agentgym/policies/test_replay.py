"""The agent of a run, played again: by its seed, or by how the episode began, and with nothing made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from agentgym import (
    Context,
    Conversation,
    Episode,
    Limits,
    Message,
    Observation,
    Policy,
    RandomPolicy,
    Session,
    Task,
    ToolCall,
    ToolEnv,
    Turn,
    Usage,
    make_policy,
    rollout,
    tool,
)
from agentgym.errors import PolicyFault, UnknownNameError
from agentgym.jobs import Job
from agentgym.policies.replay import ReplayPolicy
from agentgym.policies.scripted import ScriptedPolicy
from agentgym.runner import run
from agentgym.runs import EPISODES, read_episodes
from agentgym.suite import load_suite
from environments.guess import Guess, Secret

pytestmark = pytest.mark.anyio
SUITE = load_suite("guess")
SEVEN = Secret(id="seven", digit=7)


def said(episodes: Sequence[Episode]) -> dict[tuple[str, int], list[Turn]]:
    return {(episode.task_id, episode.trial): [record.turn for record in episode.turns] for episode in episodes}


async def test_the_same_episodes_are_played_word_by_word(tmp_path: Path) -> None:
    await run(SUITE, RandomPolicy(), tmp_path / "first", trials=3)
    policy = make_policy(f"replay:{tmp_path / 'first'}")
    assert policy.name == "replay:first"
    again = await run(SUITE, policy, tmp_path / "second", trials=3)
    first, second = (list(read_episodes(tmp_path / name)) for name in ("first", "second"))
    assert said(first) == said(second)
    assert again.summary["evaluable"] == 30


async def test_what_a_turn_took_is_kept_and_costs_nothing(tmp_path: Path) -> None:
    turn = Turn(tool_calls=(ToolCall("guess", {"n": 7}),), usage=Usage(10, 5, 2, 0.5, 1), latency_s=1.5, reasoning="7")
    await run([Job(make=Guess, task=SEVEN, seed=3)], ScriptedPolicy([turn]), tmp_path)
    episode = await rollout(Guess(), ReplayPolicy(tmp_path), SEVEN, seed=3)
    kept = episode.turns[0].turn
    assert (kept.usage, kept.latency_s, kept.reasoning) == (Usage(10, 5, 2, 0.0, 1), 1.5, "7")
    assert episode.solved


async def test_with_another_seed_the_beginning_tells_which_episode_it_is(tmp_path: Path) -> None:
    await run([Job(make=Guess, task=SEVEN, seed=3)], ScriptedPolicy([ToolCall("guess", {"n": 7})]), tmp_path)
    episode = await rollout(Guess(), ReplayPolicy(tmp_path), SEVEN, seed=4)
    assert episode.solved
    session = ReplayPolicy(tmp_path).start(Context(seed=5))
    with pytest.raises(PolicyFault, match="no episode with this seed or this beginning"):
        await session.act(Conversation([Message("user", "something else")]))


class Word(Task):
    """What to say."""

    word: str


class Repeat(ToolEnv[Word, Observation], id="repeat-for-replay", max_turns=3):
    "Say the word."

    async def begin(self, task: Word) -> Observation:
        return Observation(text=f"Say {task.word}.")

    @tool
    async def say(self, word: str) -> str:
        "Say a word."
        self.finish(reward=float(word == self.task.word))
        return "heard"


class Changed(Repeat, id="repeat-for-replay-changed"):
    "Say the word, asked otherwise."

    async def begin(self, task: Word) -> Observation:
        return Observation(text=f"Please say {task.word}!")


class Echo(Policy):
    """Says the word it is asked for."""

    def start(self, context: Context) -> Session:
        return _Echo()


class _Echo(Session):
    async def act(self, conversation: Conversation) -> Turn:
        word = conversation[-1].content.removeprefix("Say ").removesuffix(".")
        return Turn(tool_calls=(ToolCall("say", {"word": word}),))


WORDS = [Word(id=word, word=word) for word in ("one", "two", "three")]


def repeats(make: type[Repeat] = Repeat, *, trials: int = 2) -> list[Job]:
    """Jobs whose tasks share the seeds."""
    return [Job(make=make, task=task, seed=trial, trial=trial) for trial in range(trials) for task in WORDS]


async def test_tasks_that_share_seeds_are_told_apart_by_how_they_begin(tmp_path: Path) -> None:
    await run(repeats(), Echo(), tmp_path / "first")
    again = await run(repeats(), ReplayPolicy(tmp_path / "first"), tmp_path / "second")
    assert again.summary["solved_rate"] == 1.0
    first, second = (list(read_episodes(tmp_path / name)) for name in ("first", "second"))
    assert said(first) == said(second)


async def test_in_changed_words_an_episode_is_found_by_a_seed_that_is_its_own(tmp_path: Path) -> None:
    own = [Job(make=Repeat, task=task, seed=seed) for seed, task in enumerate(WORDS)]
    await run(own, Echo(), tmp_path / "own")
    await run(repeats(), Echo(), tmp_path / "shared")
    for seed, task in enumerate(WORDS):
        assert (await rollout(Changed(), ReplayPolicy(tmp_path / "own"), task, seed=seed)).solved
    lost = await rollout(Changed(), ReplayPolicy(tmp_path / "shared"), WORDS[0], seed=0)
    assert (lost.outcome, lost.cause and lost.cause.boundary) == ("not_evaluable", "policy")
    assert (await rollout(Repeat(), ReplayPolicy(tmp_path / "shared"), WORDS[1], seed=99)).solved


async def test_of_tasks_that_nothing_tells_apart_none_is_played_for_another(tmp_path: Path) -> None:
    three = Secret(id="three", digit=3)
    await run([Job(make=Guess, task=task, seed=1) for task in (SEVEN, three)], RandomPolicy(), tmp_path)
    episode = await rollout(Guess(), ReplayPolicy(tmp_path), SEVEN, seed=1)
    assert episode.outcome == "not_evaluable"
    assert "several tasks with this seed and this beginning" in (episode.cause.message if episode.cause else "")


async def test_an_episode_played_again_replaces_its_record_where_seeds_are_shared(tmp_path: Path) -> None:
    await run(repeats(), Echo(), tmp_path)
    path = tmp_path / EPISODES
    good = path.read_bytes()
    broken = good.replace(b'"outcome":"solved"', b'"outcome":"not_evaluable"').replace(b'"word":"', b'"word":"not ')
    path.write_bytes(broken + good)
    for job in repeats():
        assert (await rollout(Repeat(), ReplayPolicy(tmp_path), job.task, seed=job.seed, trial=job.trial)).solved


async def test_when_the_recorded_turns_are_over_it_says_nothing_more(tmp_path: Path) -> None:
    await run([Job(make=Guess, task=SEVEN, seed=3)], ScriptedPolicy([ToolCall("guess", {"n": 7})]), tmp_path)
    other = await rollout(Guess(), ReplayPolicy(tmp_path), Secret(id="three", digit=3), seed=3)
    assert [record.turn.text for record in other.turns] == ["", "I have nothing more to say."]
    assert other.outcome == "failed"


async def test_of_an_episode_that_was_played_again_the_last_record_is_replayed(tmp_path: Path) -> None:
    await run([Job(make=Guess, task=SEVEN, seed=3)], ScriptedPolicy([ToolCall("guess", {"n": 7})]), tmp_path)
    path = tmp_path / EPISODES
    good = path.read_bytes()
    broken = good.replace(b'"outcome":"solved"', b'"outcome":"not_evaluable"').replace(b'"n":7', b'"n":1')
    path.write_bytes(broken + good + good[:50])
    for seed in (3, 4):
        assert (await rollout(Guess(), ReplayPolicy(tmp_path), SEVEN, seed=seed)).solved


async def test_what_was_not_evaluable_is_no_failure_of_the_agent_the_second_time(tmp_path: Path) -> None:
    job = Job(make=Guess, task=SEVEN, seed=3, limits=Limits(turns=1))
    await run([job], ScriptedPolicy([ToolCall("guess", {"n": 1})]), tmp_path)
    path = tmp_path / EPISODES
    path.write_bytes(path.read_bytes().replace(b'"outcome":"truncated"', b'"outcome":"not_evaluable"'))
    episode = await rollout(Guess(), ReplayPolicy(tmp_path), Secret(id="three", digit=3), seed=3)
    assert (episode.outcome, episode.cause and episode.cause.boundary) == ("not_evaluable", "policy")


async def test_a_folder_without_a_run_is_wrong_use_at_once(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no run in"):
        make_policy(f"replay:{tmp_path}")
