"""What a model gets wrong is answered, never raised, and the episode goes on as if it had not been said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentgym.env import Env
from agentgym.errors import describe
from agentgym.jsontext import parse_json
from agentgym.messages import ToolCall, Turn
from agentgym.testing.checks.bad_calls import bad_calls, bad_texts, shown
from agentgym.testing.checks.report import Doubt, Skip, Violation
from agentgym.testing.checks.subject import Subject
from agentgym.testing.checks.traces import AnyEnv, Difference, Moment, Script, begin, first_difference, play_turns
from agentgym.tools import ToolError

_ANSWERS = ("unknown_tool", "invalid_json", "invalid_arguments")


async def bad_arguments(subject: Subject) -> str:
    """Say every wrong thing in the middle of recorded episodes."""
    scripts = subject.repeatable()
    specs = subject.make().tool_specs()
    if not specs:
        return await _say_bad_texts(subject, scripts[0])
    calls = [call for spec in specs for call in bad_calls(spec)]
    script = next((script for script in scripts if any(turn.tool_calls for turn in script.turns)), None)
    if script is None:
        raise Skip("no recorded episode calls a tool")
    ending = await _each_is_answered(subject.make(), script, calls)
    harmless = [call for call in calls if call not in ending]
    difference = await _interrupted(subject.make(), script, harmless)
    if difference is not None:
        culprit = await _culprit(subject, script, harmless)
        raise Violation(f"after {culprit} the episode plays differently: {script}: {difference}")
    told = f"{len(calls)} bad calls to {len(specs)} tools are answered, and change nothing"
    if ending:
        raise Doubt(f"{told}, but {len(ending)} of them end the episode, such as {shown(ending[0])}")
    return told


async def _each_is_answered(env: AnyEnv, script: Script, calls: Sequence[ToolCall]) -> list[ToolCall]:
    """A bad call gives a ToolError that says what is wrong; those are returned that end the episode all the same."""
    ending: list[ToolCall] = []
    async with env:
        for call in calls:
            await env.reset(script.task, seed=script.seed)
            try:
                [step] = await env.take(env.parse(Turn(tool_calls=(call,))))
            except Exception as error:  # an arbitrary environment's: it becomes a finding
                raise Violation(f"{shown(call)} raised {describe(error)}; it must give a ToolError") from None
            observation = step.observation
            if not isinstance(observation, ToolError) or observation.kind not in _ANSWERS:
                raise Violation(f"{shown(call)} gave {observation!r:.100}; it must give a ToolError")
            if env.terminated:
                ending.append(call)
    return ending


async def _interrupted(env: AnyEnv, script: Script, calls: Sequence[ToolCall]) -> Difference | None:
    """Where the script parts from itself when bad calls come before the calls of some of its turns.

    They stand in the same turn, so that they do not use up turns of their own.
    """
    calling = [position for position, turn in enumerate(script.turns) if turn.tool_calls]
    chosen = {calling[0], calling[len(calling) // 2], calling[-1]}
    async with env:
        trace = await begin(env, script)
        for position, turn in enumerate(script.turns):
            before = calls if position in chosen else ()
            said = await play_turns(env, [replace(turn, tool_calls=(*before, *turn.tool_calls))])
            trace += said[len(before) :] or said[-1:]
    return first_difference(script.trace, tuple(trace))


async def _culprit(subject: Subject, script: Script, calls: Sequence[ToolCall]) -> str:
    """The first bad call that alone makes a difference, or else all of them."""
    for call in calls:
        if await _interrupted(subject.make(), script, [call]):
            return shown(call)
    return f"{len(calls)} bad calls"


async def _say_bad_texts(subject: Subject, script: Script) -> str:
    """Where actions are JSON text, what is none is refused, and changes nothing."""
    texts = list(bad_texts(subject.make().answer_schema() or {}))
    for text in texts:
        async with subject.make() as env:
            opened = await begin(env, script)
            [said, *_] = await play_turns(env, [Turn(text)])
            if said.event != "refusal":
                _judge_reaction(env, text, said)
                continue
            difference = first_difference(script.trace, (*opened, *await play_turns(env, script.turns)))
        if difference is not None:
            raise Violation(f"after the text {text[:40]!r} the episode plays differently: {script}: {difference}")
    return f"{len(texts)} texts that are no action are refused, and change nothing"


def _judge_reaction(env: AnyEnv, text: str, said: Moment) -> None:
    """A text that is not refused may be an action only where the author reads turns in a way of his own."""
    if said.error:
        raise Violation(f"the text {text[:40]!r} raised {said.error}; `parse` must raise InvalidActionError")
    if type(env).parse is Env.parse and not _is_json(text):
        raise Violation(f"the text {text[:40]!r} was taken as an action")


def _is_json(text: str) -> bool:
    try:
        parse_json(text)
    except ValueError:
        return False
    return True
