"""Shared by all tests: core async tests run on asyncio and on trio."""

from __future__ import annotations

from contextlib import suppress

import pytest

with suppress(ImportError):  # an environment may hold what a few tests need, and no more
    from hypothesis import HealthCheck, settings

    # How long an example takes depends on what else the machine does.
    slow_is_fine = [HealthCheck.too_slow]
    settings.register_profile("any machine", deadline=None, suppress_health_check=slow_is_fine, max_examples=60)
    settings.load_profile("any machine")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The event loop of an async test; tests marked `asyncio` run under pytest-asyncio alone."""
    return str(request.param)
