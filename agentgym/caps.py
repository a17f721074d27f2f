"""Caps on what there is only so much of: `async with capped("sandbox"): ...` inside an environment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio

from agentgym.ambient import CAPS
from agentgym.errors import UsageError


class Caps:
    """How many users of each named resource a run allows at a time; what is not named is free."""

    def __init__(self, most: Mapping[str, int]) -> None:
        for name, number in most.items():
            if type(number) is not int or number < 1:
                raise UsageError(f"the cap {name}={number!r} must be a whole number of at least 1")
        self._places = {name: anyio.Semaphore(number, fast_acquire=True) for name, number in most.items()}

    @asynccontextmanager
    async def use(self, name: str) -> AsyncIterator[None]:
        """Hold one, once it is free."""
        places = self._places.get(name)
        if places is None:
            yield
            return
        async with places:
            yield


@asynccontextmanager
async def capped(resource: str) -> AsyncIterator[None]:
    """Hold one of a resource, of which the run that is going on may allow only so many at a time."""
    caps = CAPS.get()
    if caps is None:
        yield
        return
    async with caps.use(resource):
        yield
