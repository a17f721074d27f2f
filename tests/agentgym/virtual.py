"""Tests whose clock is virtual: a limit of theirs is met by those that wait for it, and by no slow machine."""

from __future__ import annotations

import pytest

from agentgym.testing import virtual_backend

_LOOPS = ("asyncio", "trio")
in_virtual_time = pytest.mark.parametrize("anyio_backend", [virtual_backend(loop) for loop in _LOOPS], ids=_LOOPS)
