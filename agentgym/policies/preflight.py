"""One look at an endpoint before many calls: whether the key, the model, the port and the kind of answer are right."""

from __future__ import annotations

import anyio

from agentgym.errors import EndpointFault, UsageError
from agentgym.limits import running_clock
from agentgym.policies.endpoint import Endpoint, without_query

PREFLIGHT_S = 7.0
_ATTEMPT_S = 5.0
"""One attempt leaves time for another, for a server may fail once by chance."""
_PAUSE_S = 0.3
_UNREACHABLE = 3
"""As often as that a port that takes no connection is tried."""


async def check_endpoint(endpoint: Endpoint, model: str) -> None:
    """Ask for the list of models; a server with none, or an empty one, is taken at its word; else UsageError."""
    listed = await _models(endpoint)
    missing = endpoint.missing(model, listed) if listed else None
    if missing is not None:
        raise UsageError(f"{without_query(endpoint.base_url)} {missing} (--no-preflight plays it nevertheless)")


async def _models(endpoint: Endpoint) -> list[str] | None:
    clock = running_clock()
    ends = clock() + PREFLIGHT_S
    tried = 0
    told: EndpointFault | None = None
    while True:
        tried += 1
        try:
            return await endpoint.models(timeout_s=min(_ATTEMPT_S, max(ends - clock(), _PAUSE_S)))
        except EndpointFault as fault:
            if told is None or fault.kind != "timeout":
                told = fault  # the last attempt has little time, which is no news
            hopeless = not fault.passing or (fault.kind == "unreachable" and tried >= _UNREACHABLE)
            if hopeless or clock() + 2 * _PAUSE_S > ends:
                raise UsageError(f"{told} (--no-preflight goes on nevertheless)") from None
        await anyio.sleep(_PAUSE_S)
