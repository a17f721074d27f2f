"""The sandbox the tests of this room share, with namespaces where the machine has them, and without."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest

from agentgym.sandbox.local import LocalSandbox


@pytest.fixture(scope="package", params=[None, False], ids=["all-layers", "no-namespaces"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[LocalSandbox]:
    """Used from one event loop after the other."""
    sandbox = LocalSandbox(workers=2, namespaces=request.param)
    yield sandbox
    anyio.run(sandbox.aclose)


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Programs notice nothing of the event loop that asks: each world is asked from one of the two."""
    settings = getattr(request.node, "callspec", None)
    return "trio" if settings is not None and settings.params.get("sandbox", None) is False else "asyncio"
