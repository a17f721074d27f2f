"""The server itself: its socket, its signals, and how it ends."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import anyio
import anyio.lowlevel
from anyio.abc import TaskStatus

from agentgym.errors import UsageError
from agentgym.extras import require
from trainers.serving.app import App

_BACKLOG = 2048
"""Clients that come all at once are let in."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on; port 0 is any free one."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        told = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot listen on {host}:{port}: {told}; name another with --host and --port") from None


def address_of(listening: socket.socket) -> str:
    """Where clients find it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: App, listening: socket.socket, *, on_ready: Callable[[], object]) -> None:
    """Serve until Ctrl-C or SIGTERM; what is under way then is cut off, and ends at once."""
    uvicorn = require("uvicorn")
    config = uvicorn.Config(app.asgi, log_level="warning", access_log=False, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    # Its own handlers would wait for clients, and send the signal a second time in the end.
    server.capture_signals = nullcontext
    anyio.run(_run, server, app, listening, on_ready)


async def _run(server: Any, app: App, listening: socket.socket, on_ready: Callable[[], object]) -> None:
    async with anyio.create_task_group() as group:
        await group.start(_end_on_signal, server, app)
        on_ready()
        await server.serve(sockets=[listening])
        group.cancel_scope.cancel()


async def _end_on_signal(server: Any, app: App, *, task_status: TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            app.stop()
            server.should_exit = True
            await anyio.lowlevel.checkpoint()  # those that are cut off are answered first
            server.force_exit = True
