"""Asking a service again where it was the service that failed, with growing pauses and an end."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from agentgym.errors import EndpointFault
from agentgym.limits import running_clock

T = TypeVar("T")
PATIENCE_S = 60.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0


async def patiently(ask: Callable[[], Awaitable[T]], *, patience_s: float) -> T:
    """What is answered in the end; the last EndpointFault, where asking again helps no more or patience is over."""
    clock = running_clock()
    give_up_at: float | None = None
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            return await ask()
        except EndpointFault as fault:
            wait_s = max(random.uniform(pause_s / 2, pause_s), fault.retry_after_s or 0.0)
            give_up_at = clock() + patience_s if give_up_at is None else give_up_at
            if not fault.passing or clock() + wait_s > give_up_at:
                raise
        await anyio.sleep(wait_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
