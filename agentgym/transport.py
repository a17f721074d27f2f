"""The one seam every model call goes through: bytes out, bytes back, within a deadline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agentgym.quickinit import quick_init

CONNECT_S = 10.0
IDLE_S = 4.0
"""How long an unused connection is kept: less than the 5 s after which uvicorn, under most engines, hangs up."""


@quick_init
@dataclass(frozen=True)
class Reply:
    """What a server answered, whatever its status."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Asked by lower-case names, such as `retry-after`."""


OnChunk = Callable[[bytes], None]
"""Is told of each piece of an answer as it comes."""


class Transport(ABC):
    """Carries requests to servers; one object serves any number of calls at once.

    `post` and `get` wait for the whole answer, and follow no redirect, for the headers hold a key. They raise
    EndpointFault when no whole answer came, with its kind and one line that says why.
    """

    takes_listed_names = True
    """Whether calls take the names of the models that the server lists; with Azure they take those of deployments."""

    @abstractmethod
    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, on_chunk: OnChunk | None = None
    ) -> Reply:
        """Send a body; a stream is an answer of which `on_chunk` hears while it comes."""

    async def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float) -> Reply:
        """Ask for what is there; a transport that cannot look says that nothing is."""
        return Reply(404, b"")

    async def open(self) -> Transport:
        """What carries calls in the event loop that runs; asked once, it spares every call from finding out."""
        return self

    def secrets(self) -> tuple[str, ...]:
        """Keys the transport itself sends, which must appear in no record and no message."""
        return ()

    async def aclose(self) -> None:
        """Let go of the connections."""
