"""A server on the loopback in a thread of its own, so that it serves tests of any event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

from aiohttp import web
from anyio.from_thread import start_blocking_portal

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Served:
    """Routes that are served while it is entered; `url` is where."""

    def __init__(self, routes: dict[tuple[str, str], Handler]) -> None:
        self._routes = routes
        self._running = ExitStack()
        self.url = ""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal("asyncio"))
            self.url = stack.enter_context(portal.wrap_async_context_manager(self._serve()))
            self._running = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()

    @asynccontextmanager
    async def _serve(self) -> AsyncGenerator[str]:
        app = web.Application(client_max_size=64 << 20)
        for (method, path), handler in self._routes.items():
            app.router.add_route(method, path, handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
