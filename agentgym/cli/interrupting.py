"""Ctrl-C: once, calls under way come to their end; twice, they do not."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from agentgym.errors import AgentGymError, Interrupted
from agentgym.lines import Lines


async def carry_out(work: Callable[[], Awaitable[object]], lines: Lines) -> None:
    """Do work that ends with Interrupted where a person cuts it short."""
    async with interruptible(lines) as scope:
        with scope:
            await work()
        if scope.cancelled_caught:
            raise Interrupted("stopped at once")


@asynccontextmanager
async def interruptible(lines: Lines) -> AsyncIterator[anyio.CancelScope]:
    """A scope that a second Ctrl-C cancels; signals reach only the main thread."""
    scope = anyio.CancelScope()
    if threading.current_thread() is not threading.main_thread():
        yield scope
        return
    broken: AgentGymError | None = None
    async with anyio.create_task_group() as group:
        await group.start(_listen, lines, scope)
        try:
            yield scope
        except AgentGymError as error:
            broken = error  # raised below, without a group around it
        group.cancel_scope.cancel()
    if broken is not None:
        raise broken


async def _listen(
    lines: Lines, scope: anyio.CancelScope, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            if isinstance(lines.stopped, Interrupted):
                scope.cancel()
                continue
            lines.stop(Interrupted("stopped by a signal"))
            waits = f"waiting for {lines.in_flight} calls under way; " if lines.in_flight else ""
            sys.stderr.write(f"stopping: {waits}Ctrl-C again to stop now\n")
            sys.stderr.flush()
