"""A fork goes its own way, and neither it nor the original notices the other."""

from __future__ import annotations

from collections.abc import Sequence

from agentgym.errors import UsageError, describe
from agentgym.messages import Turn
from agentgym.testing.checks.report import Skip, Violation
from agentgym.testing.checks.subject import Subject
from agentgym.testing.checks.traces import AnyEnv, Script, begin, first_difference, play_turns


async def fork(subject: Subject) -> str:
    """Fork in the middle of every script."""
    scripts = subject.repeatable()
    for script, other in zip(scripts, [*scripts[1:], scripts[0]], strict=True):
        async with subject.make() as env:
            await _fork_midway(env, script, _elsewhere(script, other))
    return f"{len(scripts)} episodes forked midway go on unchanged, and so do their forks"


async def _fork_midway(env: AnyEnv, script: Script, elsewhere: Sequence[Turn]) -> None:
    middle = len(script.turns) // 2
    played = [*await begin(env, script), *await play_turns(env, script.turns[:middle])]
    rest = script.turns[middle:]
    astray, twin = _forked(env), _forked(env)
    async with astray:
        await play_turns(astray, elsewhere)
    async with twin:
        for told, player in (("the original of a fork", env), ("a fork", twin)):
            trace = (*played, *await play_turns(player, rest))
            difference = first_difference(script.trace, trace)
            if difference is not None:
                raise Violation(f"{told} plays differently than it would alone: {script}: {difference}")


def _forked(env: AnyEnv) -> AnyEnv:
    try:
        return env.fork()
    except (UsageError, NotImplementedError) as error:
        raise Skip(f"fork() refuses: {error}") from None
    except Exception as error:  # an arbitrary environment's: it becomes a finding
        told = f"fork() raised {describe(error)}; override it, or raise UsageError in it to say why it cannot be had"
        raise Violation(told) from None


def _elsewhere(script: Script, other: Script) -> Sequence[Turn]:
    """Turns unlike those that follow in the script, where any are known."""
    return other.turns if other.turns != script.turns else script.turns[::-1]
