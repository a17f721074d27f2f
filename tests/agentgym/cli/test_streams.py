"""Streams that are closed, full or odd: no traceback, and no hang."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

AGENTGYM = str(Path(sys.executable).parent / "agentgym")


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"{AGENTGYM} envs >&-", 0),
        (f"{AGENTGYM} play guess --policy oracle >&-", 0),
        (f"{AGENTGYM} nope 2>&-", 2),
        (f"{AGENTGYM} play guess --seed 1 <&-", 0),
        (f"{AGENTGYM} schema episode | head -1; exit ${{PIPESTATUS[0]}}", 0),
    ],
)
def test_a_closed_stream_is_no_reason_to_fail(line: str, code: int) -> None:
    done = shell(line)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_told_in_one_line() -> None:
    done = shell(f"{AGENTGYM} envs >/dev/full")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr


def test_an_asker_that_breaks_ends_the_episode_at_once(tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    odd.write_bytes(b"\xff\xfe\n")
    done = shell(f"LC_ALL=C.UTF-8 PYTHONIOENCODING=utf-8:strict {AGENTGYM} play guess --seed 1 --seconds 30 < {odd}")
    assert done.returncode == 1
    assert "UnicodeDecodeError" in done.stdout
