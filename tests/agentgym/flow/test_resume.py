"""A run of the agent that is killed and started again pays for no call twice, and ends as if nothing had happened."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from agentgym import ToolCall, Turn
from agentgym.testing import ChatRequest, FakeEndpoint
from tests.moment import Moment

PLAYER = Path(__file__).with_name("player.py")
CONCURRENCY = 8
"""The player's: so many calls may be under way when it is killed."""
KILLS = 3


class Server:
    """Plays every role by the request alone, and stands still at a moment that is awaited."""

    def __init__(self) -> None:
        self.asked = 0
        self._moment: Moment | None = None

    async def __call__(self, request: ChatRequest) -> Turn:
        self.asked += 1
        if self._moment is not None:
            self._moment.pass_by(self.asked)
        await asyncio.sleep(0.01)
        prompt = str(request.messages)
        if "You check the work" in prompt:
            return Turn('{"status": "continue"}')
        number = prompt.count("-> higher") + prompt.count("Result: higher")
        return Turn(tool_calls=(ToolCall("guess", {"n": number}),))

    def after(self, calls: int) -> Moment:
        """When so many more have come."""
        self._moment = Moment(self.asked + calls)
        return self._moment


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
            moment = server.after(needed // (KILLS + 1))
            process = play(endpoint, tmp_path / "pieces")
            with moment.awaited():
                process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        assert play(endpoint, tmp_path / "pieces").wait() == 0
    assert records(tmp_path / "pieces") == records(tmp_path / "whole")
    assert len(records(tmp_path / "whole")) == 20
    assert needed <= endpoint.answered <= needed + KILLS * CONCURRENCY
