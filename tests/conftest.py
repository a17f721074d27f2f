"""Shared by all tests: core async tests run on asyncio and on trio."""

from __future__ import annotations

from contextlib import suppress

import pytest

with suppress(ImportError):  # an environment may hold what a few tests need, and no more
    from hypothesis import HealthCheck, settings

    # How long an example takes depends on what else the machine does; which there are, on nothing.
    any_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
    settings.register_profile("same everywhere", any_machine, derandomize=True)
    settings.register_profile("explore", any_machine, max_examples=1000)  # --hypothesis-profile=explore
    settings.load_profile("same everywhere")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The event loop of an async test; tests marked `asyncio` run under pytest-asyncio alone."""
    return str(request.param)
