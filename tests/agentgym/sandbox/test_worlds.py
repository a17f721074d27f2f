"""The hostile and the honest suite once more, as an ordinary user.

In all layers what is fast; without namespaces what that world has, which is one program of each family that meets the
interpreter alone, and all others. Who asks makes no difference to a limit that was reached, or to a way of grading.
"""

from __future__ import annotations

import pytest

from tests.agentgym.sandbox.worlds import as_ordinary_user


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("suite", "chosen"),
    [("hostile", ("-m", "not slow")), ("hostile", ("-k", "no-namespaces")), ("honest", ("-m", "not slow"))],
    ids=["hostile", "hostile-no-namespaces", "honest"],
)
def test_an_ordinary_user_is_as_safe_and_as_well_served(suite: str, chosen: tuple[str, str]) -> None:
    result = as_ordinary_user(f"tests/agentgym/sandbox/{suite}", *chosen, timeout_s=840)

    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    assert " passed" in result.stdout
