"""How long the event loop stands still while the environment plays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

from agentgym.errors import InvalidActionError
from agentgym.messages import Turn
from agentgym.testing.checks.report import Violation
from agentgym.testing.checks.stepping import Stepped
from agentgym.testing.checks.subject import Subject
from agentgym.testing.checks.traces import AnyEnv, Script, event_of

T = TypeVar("T")
_ROUNDS = 3
_MOST_ROUNDS = 10
"""On a busy machine only the shortest of several rounds tells what the code itself takes."""


async def blocking(subject: Subject) -> str:
    """Time the code between two awaits; the shortest of several rounds counts at each place of an episode."""
    shortest: dict[str, float] = {}
    for script in subject.one_per_agent():
        for hook, took_ms in (await _shortest_ms(subject, script)).items():
            shortest[hook] = max(took_ms, shortest.get(hook, 0.0))
    subject.longest_block_ms = max(shortest.values())
    slow = [f"{hook} for {took_ms:.1f} ms" for hook, took_ms in shortest.items() if took_ms > subject.max_block_ms]
    if slow:
        raise Violation(
            f"blocks the event loop in {', '.join(slow)} (at most {subject.max_block_ms:g} ms): "
            "make a tool @tool(blocking=True), or use anyio.to_thread.run_sync"
        )
    slowest = max(shortest, key=shortest.__getitem__)
    return f"the event loop stands still for {subject.longest_block_ms:.2f} ms at most, in {slowest}"


async def _shortest_ms(subject: Subject, script: Script) -> dict[str, float]:
    """The longest block of each hook, of the shortest times at each place of the script."""
    shortest: dict[tuple[str, int], float] = {}
    for played in range(1, _MOST_ROUNDS + 1):
        watch = _Stopwatch()
        await _play(subject.make(), script, watch)
        for place, took_s in watch.taken_s.items():
            shortest[place] = min(took_s, shortest.get(place, took_s))
        if played >= _ROUNDS and max(shortest.values()) * 1000 <= subject.max_block_ms:
            break
    hooks = dict.fromkeys(hook for hook, _ in shortest)
    return {hook: 1000 * max(took_s for (name, _), took_s in shortest.items() if name == hook) for hook in hooks}


class _Stopwatch:
    """The longest stretch without an await of every call, by hook and how often it was called before."""

    def __init__(self) -> None:
        self.taken_s: dict[tuple[str, int], float] = {}
        self._calls: Counter[str] = Counter()

    async def awaited(self, hook: str, work: Coroutine[Any, Any, T]) -> T:
        stepped = Stepped(work)
        value = await stepped
        self._note(hook, stepped.longest_s)
        return value

    def called(self, hook: str, work: Callable[[], T]) -> T:
        started = perf_counter()
        value = work()
        self._note(hook, perf_counter() - started)
        return value

    def _note(self, hook: str, took_s: float) -> None:
        self.taken_s[hook, self._calls[hook]] = took_s
        self._calls[hook] += 1


async def _play(env: AnyEnv, script: Script, watch: _Stopwatch) -> None:
    try:
        opened = await watch.awaited("begin", env.reset(script.task, seed=script.seed))
        watch.called("show", partial(env.show, opened.observation))
        for turn in script.turns:
            await _play_turn(env, turn, watch)
    finally:
        await watch.awaited("aclose", env.aclose())


async def _play_turn(env: AnyEnv, turn: Turn, watch: _Stopwatch) -> None:
    try:
        actions = watch.called("parse", partial(env.parse, turn))
    except InvalidActionError:
        return
    names = dict.fromkeys(event_of(action) for action in actions)
    for step in await watch.awaited(", ".join(names), env.take(actions)):
        watch.called("show", partial(env.show, step.observation))
