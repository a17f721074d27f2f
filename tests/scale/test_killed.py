"""A run that is killed ten times ends as if nothing had happened, and pays for next to nothing twice."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agentgym import ToolCall, Turn
from agentgym.testing import ChatRequest, FakeEndpoint

PLAYER = Path(__file__).with_name("player.py")
KILLS, TRIALS = 10, 10
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


def play(endpoint: FakeEndpoint, folder: Path, *, trials: int = TRIALS) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, PLAYER, endpoint.base_url, folder, str(trials)])


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


def played_whole(folder: Path, *, trials: int) -> int:
    """Play in one go, and say what it asked for."""
    with FakeEndpoint(Server()) as endpoint:
        assert play(endpoint, folder, trials=trials).wait() == 0
    return endpoint.answered


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A run in one go, and what it asked for; only to be read."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    return folder, played_whole(folder, trials=TRIALS)


Moment = Callable[["subprocess.Popen[bytes]", Server], object]
"""Waits until a player is to be killed."""


def played_in_pieces(folder: Path, moments: list[Moment], *, trials: int) -> int:
    """Play, but be killed at these moments and start again after each, and say what was asked for."""
    server = Server()
    with FakeEndpoint(server) as endpoint:
        for moment in moments:
            process = play(endpoint, folder, trials=trials)
            moment(process, server)
            process.send_signal(signal.SIGKILL)
            assert process.wait() in (0, -signal.SIGKILL)
        assert play(endpoint, folder, trials=trials).wait() == 0
    return endpoint.answered


def at_call(number: int) -> Moment:
    """When a player has made so many calls, or has no more to make."""

    def moment(process: subprocess.Popen[bytes], server: Server) -> None:
        made = server.call(server.asked + number)
        while not made.wait(0.1) and process.poll() is None:
            pass

    return moment


def after(seconds: float) -> Moment:
    """Whatever a player does by then: it may be starting, reading what is there, playing, summing up, or at its end."""

    def moment(process: subprocess.Popen[bytes], server: Server) -> None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)

    return moment


@pytest.mark.parametrize(
    ("trials", "kills"), [(3, 2), pytest.param(TRIALS, KILLS, marks=[pytest.mark.slow, pytest.mark.timeout(300)])]
)
def test_killed_while_it_calls_it_ends_as_if_nothing_had_happened(tmp_path: Path, trials: int, kills: int) -> None:
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    needed = played_whole(whole, trials=trials)
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    moments = [at_call(chance.randint(1, needed // kills)) for _ in range(kills)]
    answered = played_in_pieces(pieces, moments, trials=trials)
    assert records(pieces) == records(whole), seed
    assert len(records(pieces)) == 10 * trials
    assert summary(pieces) == summary(whole), seed
    assert needed <= answered <= needed + kills * CONCURRENCY, seed


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_whenever_it_ends_as_if_nothing_had_happened(undisturbed: tuple[Path, int], tmp_path: Path) -> None:
    whole, needed = undisturbed
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    moments = [after(chance.uniform(0.1, 1.5)) for _ in range(KILLS)]
    answered = played_in_pieces(tmp_path / "pieces", moments, trials=TRIALS)
    assert records(tmp_path / "pieces") == records(whole), seed
    assert summary(tmp_path / "pieces") == summary(whole), seed
    assert needed <= answered <= needed + KILLS * CONCURRENCY, seed


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
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_tail_that_a_crash_left_behind_is_mended(
    undisturbed: tuple[Path, int], tmp_path: Path, name: str, spoil: Callable[[bytes], bytes]
) -> None:
    whole, _ = undisturbed
    folder = tmp_path / "spoilt"
    shutil.copytree(whole, folder)
    file = folder / name
    file.write_bytes(spoil(file.read_bytes()))
    with FakeEndpoint(Server()) as endpoint:
        assert play(endpoint, folder).wait() == 0
    assert records(folder) == records(whole)
    assert summary(folder) == summary(whole)
    assert endpoint.answered == 0, "every reply is in the journal, or no longer needed"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_power_took_from_both_files_is_asked_for_again_and_nothing_else(
    undisturbed: tuple[Path, int], tmp_path: Path
) -> None:
    whole, _ = undisturbed
    folder = tmp_path / "spoilt"
    shutil.copytree(whole, folder)
    lost = 0
    for name in ("episodes.jsonl", "calls.jsonl"):
        text = (folder / name).read_bytes()
        kept = text[: len(text) * 3 // 4]
        lost = text.count(b'"kind":"call"') - kept[: kept.rfind(b"\n") + 1].count(b'"kind":"call"')
        (folder / name).write_bytes(kept + b"\0" * 4096)
    with FakeEndpoint(Server()) as endpoint:
        assert play(endpoint, folder).wait() == 0
    assert records(folder) == records(whole)
    assert summary(folder) == summary(whole)
    assert 0 < endpoint.answered <= lost
