"""Equal runs are equal: played again, in another order, by a used instance, or beside many others."""

from __future__ import annotations

import anyio

from agentgym.testing.checks.report import Violation
from agentgym.testing.checks.subject import Subject
from agentgym.testing.checks.traces import Difference, Script, Trace, begin, first_difference, play_turns, replay


async def determinism(subject: Subject) -> str:
    """Play every script again, in the opposite order, and then with one instance in the middle of something else."""
    scripts = subject.playable()
    instances = [subject.make() for _ in scripts]
    for script, env in reversed(list(zip(scripts, instances, strict=True))):
        _compare(subject, script, await replay(env, script))
    _refuse(subject.differences, "equal runs differ")
    used = subject.make()
    for before, script in zip(scripts, [*scripts[1:], scripts[0]], strict=True):
        await begin(used, before)
        await play_turns(used, before.turns[: len(before.turns) // 2])
        _compare(subject, script, await replay(used, script))
    _refuse(subject.differences, "an instance that played before plays differently")
    return f"{len(scripts)} episodes played again are equal, in any order and by a used instance"


async def observations(subject: Subject) -> str:
    """Nothing that the agent is shown varies between equal runs."""
    subject.playable()
    shown = [(script, difference) for script, difference in subject.differences if difference.observed]
    if shown:
        fields = ", ".join(dict.fromkeys(difference.field for _, difference in shown))
        script, difference = shown[0]
        raise Violation(
            f"{fields} varies between equal runs: {script}: {difference}; draw chances from self.rng, "
            "and tell durations and paths by self.note"
        )
    return "hold nothing that varies between equal runs"


async def isolation(subject: Subject) -> str:
    """Instances that play at the same time, step by step, do not notice one another."""
    scripts = subject.repeatable()
    cast = [scripts[number % len(scripts)] for number in range(subject.instances)]
    instances = [subject.make() for _ in cast]
    traces: list[Trace] = [()] * len(cast)

    async def play(number: int) -> None:
        traces[number] = await replay(instances[number], cast[number])

    async with anyio.create_task_group() as group:
        for number in range(len(cast)):
            group.start_soon(play, number)
    apart = [
        (script, difference)
        for script, trace in zip(cast, traces, strict=True)
        if (difference := first_difference(script.trace, trace))
    ]
    _refuse(apart, f"beside {len(cast) - 1} others it plays differently than alone; keep state on self")
    return f"{len(cast)} instances at once play as they do alone"


def _compare(subject: Subject, script: Script, trace: Trace) -> None:
    difference = first_difference(script.trace, trace)
    if difference is not None:
        subject.differences.append((script, difference))


def _refuse(differences: list[tuple[Script, Difference]], told: str) -> None:
    if differences:
        script, difference = differences[0]
        raise Violation(f"{told}: {script}: {difference}")
