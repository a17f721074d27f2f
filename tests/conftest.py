"""Shared by all tests: core async tests run on asyncio and on trio."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The event loop of an async test; tests marked `asyncio` run under pytest-asyncio alone."""
    return str(request.param)
