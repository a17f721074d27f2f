"""The hostile and the honest suite once more, as an ordinary user."""

from __future__ import annotations

import pytest

from tests.agentgym.sandbox.worlds import as_ordinary_user


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("suite", ["hostile", "honest"])
def test_an_ordinary_user_is_as_safe_and_as_well_served(suite: str) -> None:
    result = as_ordinary_user(f"tests/agentgym/sandbox/{suite}", timeout_s=360)

    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    assert " passed" in result.stdout
