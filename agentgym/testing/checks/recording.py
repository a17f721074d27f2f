"""Agents of three kinds play; what they did is kept, to be played again by the rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import anyio
from pydantic import BaseModel

from agentgym.env import Env
from agentgym.episode import Episode
from agentgym.errors import UsageError
from agentgym.limits import Limits
from agentgym.play import rollout
from agentgym.policies.idle import IdlePolicy
from agentgym.policies.oracle import OraclePolicy
from agentgym.policies.random import RandomPolicy
from agentgym.policy import Policy
from agentgym.steps import task_id
from agentgym.testing.checks.report import Score
from agentgym.testing.checks.subject import Subject
from agentgym.testing.checks.traces import Script, replay

_MOST_TURNS = 500
_MOST_TASKS = 20
_SHARE_OF_TIME = 0.25
"""Scoring stops after this part of a rule's time, and says how many episodes it counts."""


async def record(subject: Subject) -> None:
    """Let the random agent, the oracle and the idle agent play; keep scripts of the first two."""
    for seed in range(subject.seeds):
        task = subject.tasks[seed % len(subject.tasks)]
        episode = await _play(subject, RandomPolicy(), task, seed)
        await _keep(subject, task, episode)
    await _record_oracle(subject)
    subject.idle = _score(await _play_tasks(subject, IdlePolicy()))


async def _record_oracle(subject: Subject) -> None:
    if type(subject.make()).reference is Env.reference:
        return
    try:
        episodes = await _play_tasks(subject, OraclePolicy())
    except UsageError as error:
        subject.no_oracle = str(error)
        return
    for task, episode in episodes[: subject.seeds]:
        await _keep(subject, task, episode)
    subject.oracle = _score(episodes)
    subject.oracle_misses = [_missed(*played) for played in episodes if not played[1].solved]


async def _play(subject: Subject, policy: Policy, task: BaseModel, seed: int = 0) -> Episode:
    env = subject.make()
    limits = Limits(turns=_MOST_TURNS if env.max_turns is None else None, seconds=None)
    episode = await rollout(env, policy, task, seed=seed, limits=limits)
    told = (f"{policy.name} agent, task {task_id(task)}: {fault}" for fault in _faults(episode, env.max_turns))
    subject.faults += [fault for fault in told if fault not in subject.faults]
    return episode


def _faults(episode: Episode, max_turns: int | None) -> Iterator[str]:
    """What the environment is to blame for in a rollout; a policy that broke is not its fault."""
    if episode.cause is not None and episode.cause.boundary != "policy":
        yield episode.cause.message
    if episode.cleanup is not None:
        yield f"letting go broke: {episode.cleanup.message}"
    if episode.limit == "turns" and max_turns is None:
        yield f"no end within {_MOST_TURNS} turns; set max_turns"


async def _play_tasks(subject: Subject, policy: Policy) -> list[tuple[BaseModel, Episode]]:
    """An episode for each of up to twenty tasks, as far apart in the list as can be."""
    until = anyio.current_time() + subject.timeout_s * _SHARE_OF_TIME
    count = min(len(subject.tasks), _MOST_TASKS)
    played: list[tuple[BaseModel, Episode]] = []
    for number in range(count):
        task = subject.tasks[number * len(subject.tasks) // count]
        played.append((task, await _play(subject, policy, task)))
        if anyio.current_time() > until:
            break
    return played


def _score(episodes: Sequence[tuple[BaseModel, Episode]]) -> Score:
    rewards = [episode.reward for _, episode in episodes]
    solved = sum(episode.solved for _, episode in episodes)
    return Score(len(rewards), sum(rewards) / len(rewards), solved / len(rewards))


def _missed(task: BaseModel, episode: Episode) -> str:
    why = f", {episode.cause.message}" if episode.cause else ""
    return f"task {task_id(task)}: {episode.outcome}, reward {episode.reward:g}{why}"


async def _keep(subject: Subject, task: BaseModel, episode: Episode) -> None:
    """Make a script of an episode that began, without the turn that broke it."""
    if not episode.opening or episode.limit == "time":
        return
    broken = episode.cause is not None and episode.cause.boundary != "policy"
    records = episode.turns[:-1] if broken else episode.turns
    script = Script(task, episode.seed, episode.policy, tuple(record.turn for record in records))
    subject.scripts.append(replace(script, trace=await replay(subject.make(), script)))
