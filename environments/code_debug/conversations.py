"""Conversations in which programs are debugged, with the real answers of the tools, to learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import cast

from pydantic import JsonValue

from agentgym.jsontext import parse_json
from agentgym.messages import JsonObject, Message, ToolCall, Turn
from agentgym.seeds import checked_seed, derive_seed
from environments.code_debug.env import CodeDebugEnv
from environments.code_debug.observations import RunReport
from environments.code_debug.scripts import MOST_WRONG, Script, Version, scripts
from environments.code_debug.task import CodeTask
from environments.code_debug.wording import ending, opening, step
from environments.programs.bugs.classes import BUG_CLASSES
from environments.programs.bugs.inject import Bug, inject
from environments.programs.inorder import in_order
from environments.programs.observing import Observe
from environments.programs.problem import Problem

BUGS_TO_CHOOSE_FROM = 5
MOST_SCRIPTS = 12
"""How many scripts are tried before a conversation without any bug is made."""
MakeEnv = Callable[[], CodeDebugEnv]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What came of a problem: a row, or why there is none."""

    query_id: str
    row: JsonObject | None = None
    problem: str = ""


async def prepare(
    problems: Iterable[Problem],
    *,
    make_env: MakeEnv,
    observe: Observe,
    tell: Callable[[Prepared], None],
    seed: int = 0,
    cpu_s: float = 1.0,
    concurrency: int = 2,
) -> None:
    """Make a conversation for each problem, told in order; equal arguments make equal conversations.

    A row is `{query_id, messages, tools, metadata}`. Assistant messages with a program that is wrong have
    `loss: false`: only diagnoses with their fixes, and final answers, are to be learned.
    """
    checked_seed(seed)

    async def converse(problem: Problem) -> Prepared:
        return await _prepared(problem, make_env, observe, seed, cpu_s)

    await in_order(problems, converse, tell, concurrency=concurrency)


async def _prepared(problem: Problem, make_env: MakeEnv, observe: Observe, seed: int, cpu_s: float) -> Prepared:
    rng = Random(derive_seed(seed, problem.query_id, "conversation"))
    wrong = rng.randint(0, MOST_WRONG)
    own_seed = derive_seed(seed, problem.query_id, "bugs")
    classes = rng.sample(BUG_CLASSES, len(BUG_CLASSES))
    injected = await inject([problem], observe=observe, count=BUGS_TO_CHOOSE_FROM, seed=own_seed, classes=classes)
    if injected.unfit:
        return Prepared(problem.query_id, problem=injected.unfit[problem.query_id])
    bugs = injected.bugs if wrong else []
    task = CodeTask.of(problem).model_copy(update={"cpu_s": cpu_s})
    tried = 0
    for script in scripts(problem.solution or "", bugs, wrong, rng):
        tried += 1
        if tried > MOST_SCRIPTS and script.bugs:
            continue
        async with make_env() as env:
            if len(script.versions) > env.most_attempts:
                continue
            row = await _played(env, task, script, Random(rng.getrandbits(53)))
        if row is not None:
            row["metadata"] = {**_metadata(script), "seed": seed}
            return Prepared(problem.query_id, row)
    return Prepared(problem.query_id, problem="its solution does not do in the environment what it does alone")


async def _played(env: CodeDebugEnv, task: CodeTask, script: Script, rng: Random) -> JsonObject | None:
    """The conversation, or None where a program does not do what the script says."""
    reset = await env.reset(task, seed=0)
    messages = [_wire(Message("system", env.instructions)), *map(_wire, env.show(reset.observation))]
    said = opening(rng)
    for number, version in enumerate(script.versions):
        last = number == len(script.versions) - 1
        turn = _calling(env, said, version, number)
        messages.append({**_wire(turn.message()), "loss": last})
        seen = (await env.take(env.parse(turn)))[0].observation
        if not isinstance(seen, RunReport) or seen.passed != last or not _fails_as_meant(seen, version.fails_as):
            return None
        messages += map(_wire, env.show(seen, call=turn.tool_calls[0]))
        if not last:
            said = step(version, script.versions[number + 1], seen, rng)
    messages.append({**_wire(Message("assistant", ending(script.versions[-1], rng))), "loss": True})
    tools: list[JsonValue] = [spec.wire() for spec in env.tool_specs()]
    return {"query_id": task.id, "messages": cast(JsonValue, messages), "tools": tools}


def _calling(env: CodeDebugEnv, said: str, version: Version, number: int) -> Turn:
    """A turn as a model would write it: with the code alone, and the tool by the name it was told."""
    (call,) = env.compose(CodeDebugEnv.run_code.action(version.code)).tool_calls
    return Turn(said, (ToolCall(call.name, {"code": version.code}),)).with_call_ids(number)


def _fails_as_meant(seen: RunReport, bug: Bug | None) -> bool:
    """Whether what is seen first is the failure that is going to be explained."""
    if bug is None:
        return True
    outcome = seen.error_type if seen.status == "runtime_error" else seen.status
    return outcome == bug.bug_class and seen.line == bug.error_line


def _metadata(script: Script) -> JsonObject:
    return {
        "bug_classes": [bug.bug_class for bug in script.bugs],
        "attempts": len(script.versions),
        "pattern": script.pattern,
    }


def _wire(message: Message) -> JsonObject:
    return cast(JsonObject, parse_json(message.wire().decode()))
