"""A run that is killed ten times ends as if nothing had happened, and pays for next to nothing twice."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentgym import ToolCall, Turn
from agentgym.testing import ChatRequest, FakeEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PLAYER = Path(__file__).with_name("player.py")
KILLS = 10
CONCURRENCY = 16
"""The player's: so many calls may be under way when it is killed."""


class Server:
    """Answers by the request alone, and says when it has been asked so many times."""

    def __init__(self) -> None:
        self.asked = 0
        self._waiting: dict[int, threading.Event] = {}

    async def __call__(self, request: ChatRequest) -> Turn:
        self.asked += 1
        if self.asked in self._waiting:
            self._waiting[self.asked].set()
        await asyncio.sleep(0.02)
        return Turn(tool_calls=(ToolCall("guess", {"n": len(request.messages) // 2}),))

    def call(self, number: int) -> threading.Event:
        """Is set when that many calls have come."""
        return self._waiting.setdefault(number, threading.Event())


def play(endpoint: FakeEndpoint, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, PLAYER, endpoint.base_url, folder])


def records(folder: Path) -> dict[tuple[str, int], Any]:
    """What was recorded, without what differs between equal runs."""
    found = {}
    for line in (folder / "episodes.jsonl").read_bytes().splitlines():
        record = json.loads(line)
        del record["timings"]
        for turn in record["turns"]:
            del turn["elapsed_s"], turn["turn"]["latency_s"]
            for step in turn["steps"]:
                step["info"].pop("elapsed_s", None)
        text = json.dumps(record)
        for turn in record["turns"]:  # the endpoint numbers its calls as they come
            for call in turn["turn"]["tool_calls"]:
                text = text.replace(f'"{call["id"]}"', '"call"')
        key = record["task_id"], record["trial"]
        assert key not in found
        found[key] = json.loads(text)
    return found


def summary(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "summary.json").read_bytes())
    del told["timings"]
    return told


@pytest.fixture
def undisturbed(tmp_path: Path) -> tuple[Path, int]:
    """A run in one go, and what it asked for."""
    folder = tmp_path / "undisturbed"
    with FakeEndpoint(Server()) as endpoint:
        assert play(endpoint, folder).wait() == 0
    return folder, endpoint.answered


def test_killed_ten_times_it_ends_as_if_nothing_had_happened(undisturbed: tuple[Path, int], tmp_path: Path) -> None:
    whole, needed = undisturbed
    folder, server = tmp_path / "killed", Server()
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    with FakeEndpoint(server) as endpoint:
        for _ in range(KILLS):
            process = play(endpoint, folder)
            assert server.call(server.asked + chance.randint(1, needed // KILLS)).wait(60), seed
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert play(endpoint, folder).wait() == 0
    assert records(folder) == records(whole), seed
    assert len(records(folder)) == 200
    assert summary(folder) == summary(whole), seed
    assert needed <= endpoint.answered <= needed + KILLS * CONCURRENCY, seed


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-40],
        lambda text: text + b'{"task_id":"digit-1","tri',
        lambda text: text + b"\0" * 3000,
        lambda text: text + b"\0" * 3000 + b"\n",
        lambda text: text[: len(text) // 2],
    ],
    ids=["cut", "begun", "blank", "a blank line", "half"],
)
@pytest.mark.parametrize("name", ["episodes.jsonl", "calls.jsonl"])
def test_a_tail_that_a_crash_left_behind_is_mended(
    undisturbed: tuple[Path, int], name: str, spoil: Callable[[bytes], bytes]
) -> None:
    folder, _ = undisturbed
    before, told = records(folder), summary(folder)
    file = folder / name
    file.write_bytes(spoil(file.read_bytes()))
    with FakeEndpoint(Server()) as endpoint:
        assert play(endpoint, folder).wait() == 0
    assert records(folder) == before
    assert summary(folder) == told
    assert endpoint.answered == 0, "every reply is in the journal, or no longer needed"
