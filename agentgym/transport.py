"""The one seam every model call goes through: bytes out, bytes back, within a deadline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

CONNECT_S = 10.0
IDLE_S = 4.0
"""How long an unused connection is kept: less than the 5 s after which uvicorn, under most engines, hangs up."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered, whatever its status."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Asked by lower-case names, such as `retry-after`."""


class Transport(ABC):
    """Carries requests to servers; one object serves any number of calls at once."""

    @abstractmethod
    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> Reply:
        """Send and wait for the whole answer; redirects are not followed, for the headers hold a key.

        Raises EndpointFault when no whole answer came, with one line that says why.
        """

    async def aclose(self) -> None:
        """Let go of the connections."""
