"""Ctrl-C, once and twice: what is paid for is kept, and the command that goes on is printed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agentgym import ToolCall, Turn
from agentgym.testing import ChatRequest, FakeEndpoint

CONCURRENCY = 6


class Server:
    """Answers a few calls, the others once it is let go, and says when so many wait that no more will come."""

    def __init__(self) -> None:
        self.full, self.go = threading.Event(), threading.Event()
        self.hold()

    def hold(self) -> None:
        self.full.clear()
        self.go.clear()
        self._asked = 0

    async def __call__(self, request: ChatRequest) -> Turn:
        self._asked += 1
        if self._asked == 3 + CONCURRENCY:
            self.full.set()
        if self._asked > 3 and not self.go.is_set():
            await asyncio.to_thread(self.go.wait, 110)
        return Turn(tool_calls=(ToolCall("guess", {"n": len(request.messages) // 2}),))


def start(*words: object, cwd: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "agentgym", *map(str, words)]
    return subprocess.Popen(command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def bench(endpoint: FakeEndpoint, tmp_path: Path) -> subprocess.Popen[str]:
    url = ("--base-url", endpoint.base_url, "--model", "fake")
    return start("bench", "guess", *url, "--concurrency", CONCURRENCY, "--out", "my run", "--quiet", cwd=tmp_path)


def resumed(told: str, endpoint: FakeEndpoint, tmp_path: Path) -> int:
    """Run the printed command, and count what it asked for."""
    printed = re.search(r"resume with: agentgym (.*)", told)
    assert printed is not None, told
    before = endpoint.count
    process = start(*shlex.split(printed[1]), "--quiet", cwd=tmp_path)
    out, err = process.communicate(timeout=110)
    assert process.returncode == 0, err
    assert re.search(r"openai:fake +10 +8 ", out), out
    return endpoint.count - before


def records(tmp_path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (tmp_path / "my run" / "episodes.jsonl").read_bytes().splitlines()]


NEEDED = sum(range(1, 9)) + 8 + 8
"""Named from one on, the digits up to eight take as many calls; for zero and nine eight calls are too few."""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_once_lets_calls_under_way_come_to_their_end_and_begins_none(tmp_path: Path, sent: signal.Signals) -> None:
    server = Server()
    with FakeEndpoint(server) as endpoint:
        process = bench(endpoint, tmp_path)
        assert server.full.wait(90)
        process.send_signal(sent)
        assert process.stderr is not None
        assert process.stderr.readline() == "stopping: waiting for 6 calls under way; Ctrl-C again to stop now\n"
        server.go.set()
        out, err = process.communicate(timeout=90)
        assert process.returncode == 130
        assert out.startswith("suite"), "what there is is shown"
        assert err == "resume with: agentgym resume 'my run'\n"
        assert endpoint.count == endpoint.answered, "every call came to its end"
        assert all(record["outcome"] != "not_evaluable" for record in records(tmp_path))
        asked = endpoint.answered
        assert resumed(err, endpoint, tmp_path) == NEEDED - asked, "and none is paid twice"
    assert len(records(tmp_path)) == 10


def test_twice_stops_at_once(tmp_path: Path) -> None:
    server = Server()
    with FakeEndpoint(server) as endpoint:
        process = bench(endpoint, tmp_path)
        assert server.full.wait(90)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("stopping: ")
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=90)
        assert time.monotonic() - started < 60, "though no call is answered"
        assert process.returncode == 130
        assert err == "resume with: agentgym resume 'my run'\n"
        server.go.set()
        kept = (tmp_path / "my run" / "calls.jsonl").read_bytes().count(b'"kind":"call"')
        assert resumed(err, endpoint, tmp_path) == NEEDED - kept
    assert len(records(tmp_path)) == 10


@pytest.mark.parametrize("gone", [("stdout",), ("stderr",), ("stdout", "stderr")])
def test_a_reader_that_ctrl_c_ended_first_changes_nothing(tmp_path: Path, gone: tuple[str, ...]) -> None:
    server = Server()
    reader, writer = os.pipe()
    out, err = (writer if name in gone else subprocess.DEVNULL for name in ("stdout", "stderr"))
    with FakeEndpoint(server) as endpoint:
        url = ("--base-url", endpoint.base_url, "--model", "fake", "--concurrency", str(CONCURRENCY))
        program = [sys.executable, "-m", "agentgym", "bench", "guess", *url, "--out", "my run"]
        process = subprocess.Popen(program, cwd=tmp_path, stdout=out, stderr=err)
        os.close(writer)
        assert server.full.wait(90)
        os.close(reader)
        process.send_signal(signal.SIGINT)
        server.go.set()
        assert process.wait(90) == 130
        assert endpoint.count == endpoint.answered < NEEDED, "every call came to its end"
        left = NEEDED - endpoint.answered
        assert resumed("resume with: agentgym resume 'my run'", endpoint, tmp_path) == left
    assert len(records(tmp_path)) == 10


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_leave_the_run_as_it_is(tmp_path: Path, closed: str) -> None:
    line = f"{sys.executable} -m agentgym bench guess --policy random --out 'my run' --seed 1 {closed}"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert len(records(tmp_path)) == 10


def test_a_resume_can_be_interrupted_too(tmp_path: Path) -> None:
    server, err = Server(), ""
    with FakeEndpoint(server) as endpoint:
        for words in (None, ("resume", "my run", "--quiet", "--concurrency", CONCURRENCY)):
            process = bench(endpoint, tmp_path) if words is None else start(*words, cwd=tmp_path)
            assert server.full.wait(90)
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert process.stderr.readline().startswith("stopping: ")
            server.go.set()
            _, err = process.communicate(timeout=90)
            assert process.returncode == 130
            assert "resume with: agentgym resume 'my run'" in err
            server.hold()
        server.go.set()
        resumed(err, endpoint, tmp_path)
    assert len(records(tmp_path)) == 10


def test_a_server_that_keeps_the_preflight_waiting_does_not_keep_the_person(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        process = start("bench", "guess", "--model", "fake", "--base-url", url, "--out", "run", cwd=tmp_path)
        client, _ = server.accept()
        with client:
            assert client.recv(4) == b"GET "
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=90)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()  # nor did it ask again, as one does after waiting in vain
    assert (process.returncode, "within" in err) == (130, False), err
