"""Ctrl-C while tasks are made: once, calls under way come to their end; twice, they do not."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Awaitable, Callable

import anyio

from agentgym.errors import AgentGymError, Interrupted
from agentgym.lines import Lines


async def interruptible(work: Callable[[], Awaitable[None]], lines: Lines) -> None:
    """Do work that ends with Interrupted, or with what else went wrong; signals reach only the main thread."""
    if threading.current_thread() is not threading.main_thread():
        await work()
        return
    broken: AgentGymError | None = None
    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()
        await group.start(_listen, lines, scope)
        try:
            with scope:
                await work()
        except AgentGymError as error:
            broken = error  # raised below, without a group around it
        if scope.cancelled_caught:
            broken = lines.stopped
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
            lines.stop(Interrupted("interrupted"))
            waits = f"waiting for {lines.in_flight} calls under way; " if lines.in_flight else ""
            sys.stderr.write(f"stopping: {waits}Ctrl-C again to stop now\n")
            sys.stderr.flush()
