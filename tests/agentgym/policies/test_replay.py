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
    RandomPolicy,
    ToolCall,
    Turn,
    Usage,
    make_policy,
    rollout,
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
