"""A rollout that is cancelled, wherever that is, leaves nothing running and lets the next one play."""

from __future__ import annotations

import anyio
import anyio.lowlevel

from agentgym.errors import InvalidActionError, describe
from agentgym.messages import Turn
from agentgym.testing.checks.containment import Contained, contain
from agentgym.testing.checks.loops import Running
from agentgym.testing.checks.report import Verdict, Violation
from agentgym.testing.checks.stepping import Stepped
from agentgym.testing.checks.subject import Subject
from agentgym.testing.checks.traces import AnyEnv, Script, close, first_difference, replay

_MOST_AWAITS = 60
_SHARE_OF_TIME = 0.5
"""The rest of the rule's time is for the last rollout to end in."""


async def cancellation(subject: Subject) -> str:
    """Cancel the first episode of each agent at every await it passes, or at as many as time allows."""
    until = anyio.current_time() + subject.timeout_s * _SHARE_OF_TIME
    tried = passed = 0
    for script in subject.one_per_agent():
        awaits = await _play(subject, script)
        passed += awaits
        for cancel_at in range(1, awaits + 1, 1 + awaits // _MOST_AWAITS):
            if anyio.current_time() < until:
                await _play(subject, script, cancel_at)
                tried += 1
        if not subject.differences and first_difference(script.trace, await replay(subject.make(), script)):
            raise Violation(f"{script}: it plays differently after rollouts were cancelled")
    return f"cancelled at {tried} of {passed} awaits, rollouts leave nothing running"


async def _play(subject: Subject, script: Script, cancel_at: int | None = None) -> int:
    """Play a script, cancelled at its n-th await or not at all; gives how many awaits it passed."""
    before = Running.now()
    stepped = _watched(subject.make(), script)
    contained = await contain(stepped, seconds=subject.timeout_s * _SHARE_OF_TIME, cancel_at=cancel_at)
    where = "played to the end" if cancel_at is None else f"cancelled {_in(contained.place)}"
    _judge_ending(contained, where, cancel_at)
    left = await before.left_since()
    if left:
        before.cancel_since()
        raise Violation(f"{where}, it leaves running: {', '.join(left)}; end that in aclose at the latest")
    return stepped.awaits


def _judge_ending(contained: Contained[None], where: str, cancel_at: int | None) -> None:
    if contained.stuck:
        raise Violation(f"{where}, it does not end; catch Exception, never BaseException, and shield nothing long")
    if contained.late and cancel_at is None:
        raise Violation(f"a recorded episode did not end again, waiting in {contained.place or 'no hook'}")
    if isinstance(contained.error, Verdict):
        raise Violation(f"{where}, {contained.error}")
    if contained.error is not None:
        raise Violation(f"{where}, it raised {describe(contained.error)}")


def _watched(env: AnyEnv, script: Script) -> Stepped[None]:
    """The play of a script that complains where the environment goes on in spite of being cancelled."""

    async def play() -> None:
        try:
            await env.reset(script.task, seed=script.seed)
            refuse_to_go_on()
            for turn in script.turns:
                await anyio.lowlevel.checkpoint()
                await _take(env, turn)
                refuse_to_go_on()
        finally:
            await close(env)

    def refuse_to_go_on() -> None:
        if stepped.cancelled:
            raise Violation("it goes on as if nothing were; catch Exception, never BaseException")

    stepped = Stepped(play())
    return stepped


def _in(place: str) -> str:
    return f"in {place}" if place else "between turns"


async def _take(env: AnyEnv, turn: Turn) -> None:
    try:
        actions = env.parse(turn)
    except InvalidActionError:
        return
    await env.take(actions)
