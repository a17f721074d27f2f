"""Where the suites run: with namespaces and without, as the user at hand and, of root, as an ordinary one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentgym.errors import UsageError
from agentgym.sandbox.local import LocalSandbox

ROOT = Path(__file__).parents[3]
WORLDS = [pytest.param(None, id="all-layers"), pytest.param(False, id="no-namespaces", marks=pytest.mark.slow)]
"""The `namespaces` of a LocalSandbox."""
GRADED = [
    pytest.param(None, "shared_then_isolated", id="all-layers-shared_then_isolated"),
    pytest.param(None, "isolated", id="all-layers-isolated", marks=pytest.mark.slow),
    pytest.param(False, "shared_then_isolated", id="no-namespaces-shared_then_isolated", marks=pytest.mark.slow),
]
"""`namespaces` and way of grading: the layers know nothing of grading, so that the fourth pair would show nothing."""
NOBODY = 61_234
"""A user id that nobody has."""


def local_sandbox(**settings: Any) -> Iterator[LocalSandbox]:
    """A started sandbox, or a skipped test that says which layer the machine lacks."""
    sandbox = LocalSandbox(**settings)
    try:
        anyio.run(sandbox.start)
    except UsageError as error:
        pytest.skip(str(error))
    yield sandbox
    anyio.run(sandbox.aclose)


def as_ordinary_user(*arguments: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run pytest as a user who owns nothing; skipped where this process may not become one."""
    if os.geteuid() != 0:
        pytest.skip("only root can become an ordinary user; these tests run as one already")
    return subprocess.run(
        [_python(), "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env=_environment(),
        user=NOBODY,
        group=NOBODY,
        extra_groups=(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


def _environment() -> dict[str, str]:
    paths = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    return {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/"}


def _python() -> str:
    """An interpreter of this version that an ordinary user can start, and that finds the packages."""
    version = ".".join(map(str, sys.version_info[:2]))
    for path in (sys.executable, f"/usr/local/bin/python{version}", f"/usr/bin/python{version}"):
        if _serves(path):
            return path
    pytest.skip(f"no Python {version} that an ordinary user can start, with the packages installed")


def _serves(path: str) -> bool:
    try:
        probe = subprocess.run(
            [path, "-c", "import agentgym, anyio, pytest, trio"],
            cwd=ROOT,
            env=_environment(),
            user=NOBODY,
            group=NOBODY,
            extra_groups=(),
            capture_output=True,
        )
    except OSError:
        return False
    return probe.returncode == 0
