"""Work done side by side whose results are told in the order of what it was done on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

from agentgym.errors import AgentGymError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
_AHEAD = 4
"""Times as many results may wait for a slow one before them."""


async def in_order(
    items: Iterable[ItemT],
    work: Callable[[ItemT], Awaitable[ResultT]],
    tell: Callable[[ResultT], None],
    *,
    concurrency: int,
) -> None:
    """Work on so many items at a time, and tell each result once all before it are told; items are read as needed."""
    places, ahead = anyio.Semaphore(concurrency), anyio.Semaphore(concurrency * _AHEAD)
    held: dict[int, ResultT] = {}
    told = 0
    broken: list[Exception] = []

    async def do(number: int, item: ItemT) -> None:
        nonlocal told
        try:
            held[number] = await work(item)
            places.release()
            while told in held:
                tell(held.pop(told))
                told += 1
                ahead.release()
        except (AgentGymError, OSError) as error:
            give_up(error)

    def give_up(error: Exception) -> None:
        broken.append(error)
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        try:
            for number, item in enumerate(items):
                await ahead.acquire()
                await places.acquire()
                group.start_soon(do, number, item)
        except (AgentGymError, OSError) as error:
            give_up(error)
    if broken:
        raise broken[0]  # without a group around it
