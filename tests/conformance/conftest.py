"""Data from outside systems, which lies beside the checkout and not in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def outside_data() -> Callable[[str], Path]:
    """Gives the folder of a data set; skips the test where it is absent, or fails it where it is required."""

    def find(name: str) -> Path:
        folder = Path(os.environ.get("AGENTGYM_CONFORMANCE_DATA", BESIDE_THE_CHECKOUT)) / name
        if not folder.is_dir():
            reason = f"no data set {name!r}; set AGENTGYM_CONFORMANCE_DATA to the folder that holds it"
            if os.environ.get("AGENTGYM_CONFORMANCE") == "required":
                pytest.fail(reason)
            pytest.skip(reason)
        return folder

    return find
