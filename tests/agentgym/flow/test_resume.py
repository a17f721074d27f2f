"""A run of the agent that is killed and started again pays for no call twice, and ends as if nothing had happened."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from agentgym import ToolCall, Turn
from agentgym.testing import ChatRequest, FakeEndpoint

PLAYER = Path(__file__).with_name("player.py")
CONCURRENCY = 8
"""The player's: so many calls may be under way when it is killed."""
KILLS = 3


class Server:
    """Plays every role by the request alone, and says when it has been asked so many times."""

    def __init__(self) -> None:
        self.asked = 0
        self.waits_for = 0
        self.there = threading.Event()

    async def __call__(self, request: ChatRequest) -> Turn:
        self.asked += 1
        if self.asked == self.waits_for:
            self.there.set()
        await asyncio.sleep(0.01)
        prompt = str(request.messages)
        if "You check the work" in prompt:
            return Turn('{"status": "continue"}')
        number = prompt.count("-> higher") + prompt.count("Result: higher")
        return Turn(tool_calls=(ToolCall("guess", {"n": number}),))

    def wait(self, calls: int) -> threading.Event:
        """Is set after so many more calls."""
        self.waits_for, self.there = self.asked + calls, threading.Event()
        return self.there


def play(endpoint: FakeEndpoint, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, PLAYER, endpoint.base_url, folder, "2"])


def records(folder: Path) -> dict[Any, Any]:
    """What was recorded, without times and the numbers that the endpoint gives its calls."""
    found = {}
    for line in (folder / "episodes.jsonl").read_bytes().splitlines():
        record = json.loads(line)
        del record["timings"]
        key = record["task_id"], record["trial"]
        assert key not in found
        found[key] = _without(record, ("latency_s", "elapsed_s", "id", "tool_call_id"))
    return found


def _without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {name: _without(inner, names) for name, inner in value.items() if name not in names}
    return [_without(inner, names) for inner in value] if isinstance(value, list) else value


def test_killed_and_resumed_it_pays_nothing_twice(tmp_path: Path) -> None:
    with FakeEndpoint(Server()) as endpoint:
        assert play(endpoint, tmp_path / "whole").wait() == 0
    needed = endpoint.answered
    server = Server()
    with FakeEndpoint(server) as endpoint:
        for _ in range(KILLS):
            there = server.wait(needed // (KILLS + 1))
            process = play(endpoint, tmp_path / "pieces")
            while not there.wait(0.1) and process.poll() is None:
                pass
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        assert play(endpoint, tmp_path / "pieces").wait() == 0
    assert records(tmp_path / "pieces") == records(tmp_path / "whole")
    assert len(records(tmp_path / "whole")) == 20
    assert needed <= endpoint.answered <= needed + KILLS * CONCURRENCY
