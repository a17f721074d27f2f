"""What an episode may use up, and the clock that times it."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, cast

import anyio

from agentgym.errors import UsageError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

Clock = Callable[[], float]
"""Gives seconds."""

LimitName = Literal["turns", "tokens", "time", "cost", "environment", "context"]
"""What cut an episode short; `environment` is a limit of the environment's own, `context` one of the model's."""


CLEANUP_S = 10.0


def running_clock() -> Clock:
    """The clock of the running event loop, which a test can make virtual; asked once, it is cheap to read often."""
    loop = running_asyncio_loop()
    if loop is None:
        return anyio.current_time
    is_plain = getattr(loop.time, "__func__", None) is sys.modules["asyncio"].BaseEventLoop.time
    return time.monotonic if is_plain else loop.time  # the same, and asked ten times in a turn


def running_asyncio_loop() -> AbstractEventLoop | None:
    """The running loop, where it is asyncio's; nothing is imported to find out."""
    asyncio = sys.modules.get("asyncio")
    try:
        return cast("AbstractEventLoop", asyncio.get_running_loop()) if asyncio else None
    except RuntimeError:
        return None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most one episode may use; `None` sets no bound. The environment's `max_turns` holds beside them."""

    turns: int | None = None
    tokens: int | None = None
    seconds: float | None = 3600.0
    """A call under way then counts as slow thinking, unless it had failed before: give calls a shorter deadline where a
    server may hang."""
    cost_usd: float | None = None
    cleanup_s: float = CLEANUP_S
    """How long letting go of the environment and the policy may take once the episode is over."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            kinds = (int,) if field.name in ("turns", "tokens") else (int, float)
            if value is None and field.name != "cleanup_s":
                continue
            if type(value) not in kinds or not 0 < value < math.inf:
                kind = "whole" if kinds == (int,) else "finite"
                raise UsageError(f"Limits({field.name}={value!r}): a limit is a positive {kind} number, or None")
