"""Rollouts end; reset, step and aclose work or refuse when they should; and what the plainest agents score."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from agentgym.errors import EpisodeStateError, describe
from agentgym.testing.checks.recording import record
from agentgym.testing.checks.report import Doubt, Skip, Violation, refuse_faults
from agentgym.testing.checks.subject import Subject
from agentgym.testing.checks.traces import AnyEnv, Script, play_turns


async def contract(subject: Subject) -> str:
    """Record episodes, which must end, and try the calls around one."""
    await record(subject)
    faults = [*subject.faults]
    if subject.scripts:
        faults += await _try_calls(subject.make(), subject.make(), subject.scripts[0])
    refuse_faults(faults)
    return f"{len(subject.scripts)} episodes recorded; reset, step and aclose keep their places"


async def idle(subject: Subject) -> str:
    """What doing nothing scores; no violation, but worth a look where it solves."""
    if subject.idle is None:
        raise Skip("no idle agent was played; see contract")
    if subject.idle.solved_rate > 0:
        raise Doubt(f"{subject.idle}: some tasks are solved by doing nothing")
    return str(subject.idle)


async def oracle(subject: Subject) -> str:
    """The author's own solution solves every task."""
    if subject.oracle is None:
        raise Skip(subject.no_oracle)
    if subject.oracle_misses:
        raise Violation(f"{subject.oracle}; {subject.oracle_misses[0]}")
    return str(subject.oracle)


async def _try_calls(fresh: AnyEnv, env: AnyEnv, script: Script) -> list[str]:
    """Call everything once where it must work and once where it must refuse."""
    faults = await _works("aclose before any reset", env.aclose())
    seed = script.seed
    opened = await env.reset(script.task, seed=seed)
    if opened.info.get("seed") != seed:
        faults.append(f"reset(seed={seed}) tells info {opened.info!r}, without the seed")
    actions = _first_actions(env, script)
    faults += await _refuses("a step before reset", fresh, actions)
    await play_turns(env, script.turns)
    if env.over:
        faults += await _refuses("a step after the end", env, actions)
    faults += await _works("aclose after an episode", env.aclose())
    faults += await _works("a second aclose", env.aclose())
    faults += await _works("reset after aclose", env.reset(script.task, seed=seed))
    return faults + await _works("aclose after another reset", env.aclose())


def _first_actions(env: AnyEnv, script: Script) -> Sequence[Any]:
    return env.parse(script.turns[0]) if script.turns else ()


async def _works(what: str, call: Awaitable[object]) -> list[str]:
    try:
        await call
    except Exception as error:  # an arbitrary environment's: it becomes a finding
        return [f"{what} raised {describe(error)}"]
    return []


async def _refuses(what: str, env: AnyEnv, actions: Sequence[Any]) -> list[str]:
    try:
        await env.take(actions)
    except EpisodeStateError:
        return []
    except Exception as error:  # an arbitrary environment's: it becomes a finding
        return [f"{what} raised {describe(error)}, not EpisodeStateError"]
    return [f"{what} was taken; it must raise EpisodeStateError"]
