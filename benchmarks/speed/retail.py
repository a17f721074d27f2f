"""What an episode of customer service costs, in CPU, as ratios to a plain shop that copies its data for every episode.

Run it with `python -m benchmarks.speed.retail`; `--data DIR` takes the world of a folder instead of the bundled one.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import time
from asyncio import Handle
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from statistics import median
from typing import Any

from agentgym import OraclePolicy, make, rollout
from agentgym.tools import Say
from benchmarks.speed.measure import interleaved, ratio
from benchmarks.speed.plain_shop import PlainShop

LEAST = {"reset": 1000, "reward": 1000, "episode": 350}
"""How much cheaper than the plain shop it should be at least."""
LIVE = 10_000
MOST_MIB = 100
MOST_SLICE_MS = 5.0
_AT_ONCE = 200
_WRITES = ("cancel_pending_order", "return_delivered_order_items")
_ABOUT_NOTHING = Say("Done.")


class Subject:
    """A world, a task of it, and both shops that play it."""

    def __init__(self, data: str | None) -> None:
        self.config: dict[str, Any] = {} if data is None else {"data": data}
        self.env = self.another()
        self.env.max_turns = None
        self.tasks = [task for task in self.env.tasks() if _is_plain(task)]
        self.task = max(self.tasks[:50], key=lambda task: len(task.actions))
        self.actions = [(action.name, dict(action.kwargs)) for action in self.task.actions]
        self.write = next(action for action in self.actions if action[0] in _WRITES)
        self.order_id = self.write[1]["order_id"]
        db: Any = self.env.db
        tables = {"orders": db.orders, "products": db.products, "users": db.users}
        self.plain = PlainShop(json.loads(json.dumps(tables)))

    def another(self, **config: Any) -> Any:
        """One more environment of the same world."""
        return make("retail", **self.config, **config)

    async def reset(self) -> None:
        """Begin an episode."""
        await self.env.reset(self.task, seed=1)

    async def read(self) -> None:
        """Look an order up."""
        await self.env.call("get_order_details", {"order_id": self.order_id})

    async def change(self) -> None:
        """Change an order that is as it was."""
        self.env.state.orders.clear()
        self.env.state.users.clear()
        await self.env.call(*self.write)

    async def reward(self) -> None:
        """Judge the episode so far."""
        assert self.env.score().reward == 1.0

    async def episode(self) -> None:
        """The reference from reset to the end, through the environment."""
        await self.reset()
        for name, arguments in self.actions:
            await self.env.call(name, arguments)
        await self.env.step(_ABOUT_NOTHING)
        assert self.env.solved

    def plain_change(self) -> None:
        """Change an order of the plain shop, and make it changeable again."""
        order = self.plain.data["orders"][self.order_id]
        self.plain.call(*self.write)
        order["status"] = "pending" if self.write[0] == "cancel_pending_order" else "delivered"
        del order["payment_history"][1:]

    def plain_episode(self) -> None:
        """The same reference in the plain shop."""
        self.plain.reset()
        for name, arguments in self.actions:
            self.plain.call(name, arguments)
        assert self.plain.reward(self.actions) == 1.0


def _is_plain(task: Any) -> bool:
    """Whether the plain shop knows all that the reference does, and the reference changes something."""
    names = {action.name for action in task.actions}
    return not task.outputs and bool(names & set(_WRITES)) and names <= set(vars(PlainShop))


def cpu_of(work: Callable[[], Awaitable[None]], times: int) -> float:
    """CPU seconds of doing it once, of many times in one event loop."""

    async def timed() -> float:
        started = time.thread_time()
        for _ in range(times):
            await work()
        return time.thread_time() - started

    return asyncio.run(timed()) / times


def cpu_of_plain(work: Callable[[], object], times: int) -> float:
    """The same of a plain function."""
    started = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - started) / times


def main(rounds: int = 7, data: str | None = None, live: int = LIVE) -> None:
    """Print every figure beside the most, or least, that it should be."""
    subject = Subject(data)
    _print_calls(subject, rounds)
    _print_memory(subject, live)
    _print_slices(subject)


def _print_calls(subject: Subject, rounds: int) -> None:
    plain = subject.plain
    plain.reset()
    asyncio.run(subject.episode())
    works: dict[str, tuple[Callable[[], Coroutine[Any, Any, None]], Callable[[], object], int]] = {
        "reset": (subject.reset, plain.reset, 1),
        "read call": (subject.read, partial(plain.call, "get_order_details", {"order_id": subject.order_id}), 2000),
        "write call": (subject.change, subject.plain_change, 1000),
        "reward": (subject.reward, partial(plain.reward, subject.actions), 1),
        "episode": (subject.episode, subject.plain_episode, 1),
    }
    for name, (ours, theirs, times) in works.items():
        _prepare(subject)
        floor = f"plain {name}"
        measures = {name: partial(cpu_of, ours, 1000), floor: partial(cpu_of_plain, theirs, times)}
        taken = interleaved(measures, rounds=rounds)
        told = f"(at least {LEAST[name]})" if name in LEAST else ""
        print(
            f"{ratio(taken, floor, name):9.1f} x {told:<15} cheaper {name}: {median(taken[name]) * 1e6:8.1f} us CPU, "
            f"the plain one {median(taken[floor]) * 1e6:10.1f} us"
        )


def _prepare(subject: Subject) -> None:
    """Play the reference, without its end; the plain shop's order can be changed again."""

    async def play() -> None:
        await subject.reset()
        for name, arguments in subject.actions:
            await subject.env.call(name, arguments)

    asyncio.run(play())
    subject.plain.reset()


def _print_memory(subject: Subject, live: int) -> None:
    async def play() -> list[Any]:
        kept = []
        for number in range(live):
            env = subject.another()
            task = subject.tasks[number % len(subject.tasks)]
            await env.reset(task, seed=number)
            for action in task.actions:
                await env.call(action.name, action.kwargs)
            kept.append(env)
        return kept

    gc.collect()
    before_kib = _resident_kib()
    environments = asyncio.run(play())
    gc.collect()
    used_mib = (_resident_kib() - before_kib) / 1024
    most = MOST_MIB * live / LIVE
    print(
        f"{used_mib:9.1f} MiB (at most {most:.0f})    {live} live environments after their reference, "
        f"{used_mib * 1024 / len(environments):.1f} KiB each"
    )


def _resident_kib() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


def _print_slices(subject: Subject) -> None:
    """Play whole conversations at once, and tell the longest the loop was kept by one of them."""

    async def one(number: int) -> None:
        task = subject.tasks[number % len(subject.tasks)]
        await rollout(subject.another(user="rules"), OraclePolicy(), task, seed=number)

    async def play() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(_AT_ONCE):
                group.create_task(one(number))

    asyncio.run(one(0))  # whatever is imported when it is first needed
    longest_s = longest_slice_s(play)
    print(f"{longest_s * 1000:9.2f} ms (at most {MOST_SLICE_MS:g})      the longest slice of {_AT_ONCE} conversations")


def longest_slice_s(work: Callable[[], Coroutine[Any, Any, None]]) -> float:
    """The most CPU seconds that the event loop's thread spent in one callback, but for the first."""
    slices: list[float] = []
    run = Handle._run

    def timed(self: Handle) -> None:
        started = time.thread_time()
        run(self)
        slices.append(time.thread_time() - started)

    Handle._run = timed  # type: ignore[method-assign]  # asyncio has no other place to look
    try:
        asyncio.run(work())
    finally:
        Handle._run = run  # type: ignore[method-assign]  # as before
    return max(slices[1:])


def _parse() -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--data", help="the folder of another world")
    return parser.parse_args()


if __name__ == "__main__":
    arguments = _parse()
    main(arguments.rounds, arguments.data)
