"""Whatever is wrong with an endpoint, or with where a run is kept: one line, exit code 2, in seconds, and no key."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from agentgym import ToolCall, Turn
from agentgym.testing import ChatRequest, FakeEndpoint, FakeReply
from tests.agentgym.cli.conftest import Cli

CANARY = "sk-canary-7f3a9c1e5b2d4860"
ANSWER = Turn(tool_calls=(ToolCall("guess", {"n": 3}),))
MOST_S = 60.0


def bench(*words: object, env: Mapping[str, str] | None = None, cwd: Path) -> subprocess.CompletedProcess[str]:
    """One command line in a process of its own, with a key that must show nowhere."""
    program = [sys.executable, "-m", "agentgym", "bench", "guess", *map(str, words)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "AGENTGYM_"))}
    environment = {**inherited, "OPENAI_API_KEY": CANARY, **(env or {})}
    return subprocess.run(program, cwd=cwd, env=environment, capture_output=True, text=True, timeout=110)


@contextmanager
def hanging() -> Iterator[str]:
    """A server that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def page() -> Iterator[str]:
    """A web server that answers everything with a page for people, and the key that it was sent."""
    body = f"<html><body>Sign in, {CANARY}</body></html>"
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def answer() -> None:
            while not over.is_set():
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(65536)
                    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
                    client.sendall((head + body).encode())

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def told(ran: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that could not begin."""
    assert ran.returncode == 2, ran.stderr
    assert ran.stdout == ""
    assert CANARY not in ran.stderr
    (line,) = ran.stderr.splitlines()
    assert line.startswith("agentgym bench: ")
    return line


def test_a_wrong_key_and_a_wrong_model(tmp_path: Path) -> None:
    with FakeEndpoint(ANSWER, api_key="right") as endpoint:
        line = told(bench("--model", "fake", "--base-url", endpoint.base_url, cwd=tmp_path))
        assert "status 401" in line
        assert "check OPENAI_API_KEY" in line
    with FakeEndpoint(ANSWER) as endpoint:
        line = told(bench("--model", "fbke", "--base-url", endpoint.base_url, cwd=tmp_path))
        assert "'fbke'" in line
        assert "'fake'" in line
        assert endpoint.count == 0


def test_a_dead_port_and_a_page(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        dead = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
    assert "cannot connect" in told(bench("--model", "fake", "--base-url", dead, cwd=tmp_path))
    with page() as url:
        assert "Sign in" in told(bench("--model", "fake", "--base-url", url, cwd=tmp_path))


def test_a_server_and_a_proxy_that_hang(tmp_path: Path) -> None:
    with hanging() as url, ThreadPoolExecutor() as threads:
        started = time.monotonic()
        env = {"HTTP_PROXY": url, "http_proxy": url, "NO_PROXY": "", "no_proxy": ""}
        server = threads.submit(bench, "--model", "fake", "--base-url", f"{url}/v1", cwd=tmp_path)
        far = "http://models.example/v1"
        proxy = threads.submit(bench, "--model", "fake", "--base-url", far, env=env, cwd=tmp_path)
        for ran in (server, proxy):
            assert "no answer within" in told(ran.result())
        assert time.monotonic() - started < MOST_S


def test_what_was_played_before_a_wrong_model_is_shown(tmp_path: Path) -> None:
    with FakeEndpoint(ANSWER) as endpoint:
        ran = bench("--policy", "openai:fake", "--policy", "openai:fbke", "--base-url", endpoint.base_url, cwd=tmp_path)
        assert endpoint.count == 9 * 8 + 1
    assert ran.returncode == 2
    assert [row.split()[:2] for row in ran.stdout.splitlines()[1:]] == [["guess", "idle"], ["guess", "openai:fake"]]
    assert "lists no model 'fbke'" in ran.stderr.splitlines()[-1]


def test_a_server_that_keeps_no_list_of_models_is_fine(tmp_path: Path) -> None:
    with FakeEndpoint(ANSWER, lists_models=False) as endpoint:
        ran = bench("--model", "whatever", "--base-url", endpoint.base_url, "--limit", 2, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr


def test_the_key_is_in_no_file_and_no_output_even_if_the_server_says_it(tmp_path: Path) -> None:
    def answer(request: ChatRequest) -> Turn | FakeReply:
        if endpoint.count % 5 == 0:
            return FakeReply(status=500, body={"error": {"message": f"bad: {request.headers['Authorization']}"}})
        return Turn(f"you sent {CANARY}", (ToolCall("guess", {"n": 3}),), reasoning=f"they sent {CANARY}")

    with FakeEndpoint(answer) as endpoint, ThreadPoolExecutor() as threads:
        url = ("--base-url", endpoint.base_url, "--model", "fake", "--log-level", "debug", "--limit", 4)
        play = partial(bench, *url, cwd=tmp_path)
        runs = [
            threads.submit(play, "--out", tmp_path / "a"),
            threads.submit(play, "--out", tmp_path / "b", "--api-key", CANARY, env={"OPENAI_API_KEY": ""}),
            threads.submit(play, "--out", tmp_path / "c", "--client", "sdk"),
            threads.submit(play, "--out", tmp_path / "d", "--stream", "--json"),
        ]
    for ran in (future.result() for future in runs):
        assert ran.returncode == 0, ran.stderr
        assert CANARY not in ran.stdout + ran.stderr
        assert "you sent" not in ran.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 4 * 6
    for path in files:
        assert CANARY.encode() not in path.read_bytes(), path
    assert "[key]" in (tmp_path / "a" / "episodes.jsonl").read_text()


def test_a_second_process_on_the_same_run_is_refused(tmp_path: Path) -> None:
    begun, over = threading.Event(), threading.Event()

    def answer(request: ChatRequest) -> Turn:
        begun.set()
        over.wait(90)
        return ANSWER

    with FakeEndpoint(answer) as endpoint:
        words = ("--model", "fake", "--base-url", endpoint.base_url, "--limit", 1, "--out", tmp_path / "run")
        first: list[subprocess.CompletedProcess[str]] = []
        thread = threading.Thread(target=lambda: first.append(bench(*words, cwd=tmp_path)))
        thread.start()
        assert begun.wait(90)
        second = bench(*words, "--no-preflight", cwd=tmp_path)
        over.set()
        thread.join()
    assert second.returncode == 2
    assert "is being written by process" in second.stderr
    assert second.stderr.count("\n") == 1
    assert first[0].returncode == 0, first[0].stderr


@pytest.mark.parametrize("place", ["/proc/run", "/dev/null/run"])
def test_a_place_that_cannot_be_written_is_named(cli: Cli, place: str) -> None:
    ran = cli("bench", "guess", "--policy", "oracle", "--out", place)
    assert ran.code == 2
    assert f"cannot write {place}" in ran.err
    assert "--out" in ran.err


def test_a_full_disk_ends_the_run_in_one_line_and_leaves_whole_records(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write, left = os.write, [6000]

    def write_while_there_is_room(file: int, data: bytes) -> int:
        if not os.readlink(f"/proc/self/fd/{file}").endswith(".jsonl"):
            return write(file, data)
        if not left[0]:
            raise OSError(28, "No space left on device")
        taken = write(file, data[: left[0]])
        left[0] -= taken
        return taken

    folder = tmp_path / "run"
    monkeypatch.setattr(os, "write", write_while_there_is_room)
    ran = cli("bench", "guess", "--policy", "oracle", "--out", str(folder), "--quiet")
    monkeypatch.undo()
    assert ran.code == 1
    last = ran.err.splitlines()[-1]
    assert f"episodes.jsonl: No space left on device; mend that, then go on with: agentgym resume {folder}" in last
    kept = (folder / "episodes.jsonl").read_bytes().splitlines()
    assert kept
    assert all(json.loads(line)["outcome"] == "solved" for line in kept)
    assert cli("bench", "guess", "--policy", "oracle", "--out", str(folder), "--quiet").code == 0
    assert len((folder / "episodes.jsonl").read_bytes().splitlines()) == 10
