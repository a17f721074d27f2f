"""Our client against a server of somebody else's: `transformers serve`, with a model made on the spot."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from agentgym import Job, OpenAIPolicy, Turn, read_episodes, run, run_sync
from agentgym.messages import Conversation, Message
from agentgym.policy import Context
from environments.guess import Guess
from tests.agentgym.cli.conftest import Cli, cli

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[2]
__all__ = ["cli"]


@dataclass(frozen=True)
class Server:
    base_url: str
    model: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    try:
        venv.create(folder / "venv", with_pip=True)
        wanted = ["torch", "transformers[serving]", "accelerate"]
        pip = [folder / "venv/bin/pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt"]
        subprocess.run([*pip, *wanted], check=True)
        model = folder / "tiny"
        maker = Path(__file__).with_name("tiny_model.py")
        subprocess.run([folder / "venv/bin/python", maker, model], check=True)
        with _serving(folder, model) as base_url:
            yield Server(base_url, str(model))
    finally:
        shutil.rmtree(folder)  # a gigabyte


@contextmanager
def _serving(folder: Path, model: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    cache = folder / "cache"
    cache.mkdir()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)}
    command = [folder / "venv/bin/transformers", "serve", model, "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 120
    while True:
        assert process.poll() is None, "the server has ended"
        try:
            with urlopen(url, timeout=2) as reply:
                assert reply.status == 200
                return
        except OSError:
            assert time.monotonic() < ends
            time.sleep(0.2)  # it says nowhere else that it is ready


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("tools", ["auto", "native", "text"])
def test_episodes_are_played_and_come_to_an_end(server: Server, tmp_path: Path, stream: bool, tools: str) -> None:
    policy = OpenAIPolicy(
        server.model, base_url=server.base_url, max_tokens=12, temperature=1.0, stream=stream, tools=tools
    )
    jobs = [Job(make=Guess, task=task, seed=seed) for seed, task in enumerate(Guess().tasks())]
    result = run_sync(run(jobs, policy, tmp_path / "run"))
    assert result.stopped is None
    found = list(read_episodes(tmp_path / "run"))
    assert len(found) == 10
    assert all(episode.outcome in ("solved", "failed", "truncated") for episode in found), found
    assert all(episode.usage.calls and episode.usage.completion_tokens for episode in found)


def test_what_is_asked_of_the_model_arrives(server: Server) -> None:
    async def say(**options: object) -> Turn:
        policy = OpenAIPolicy(server.model, base_url=server.base_url, temperature=0.0, **options)  # type: ignore[arg-type]
        turn = await policy.start(Context()).act(Conversation([Message("user", "Guess")]))
        await policy.aclose()
        return turn

    short, long = run_sync(say(max_tokens=3)), run_sync(say(max_tokens=30))
    assert (short.usage.completion_tokens, short.finish_reason) == (3, "length")
    assert long.usage.completion_tokens > 3
    assert run_sync(say(max_tokens=30)).text == long.text, "no chance is in it"
    streamed = run_sync(say(max_tokens=30, stream=True))
    assert (streamed.text, streamed.usage.completion_tokens) == (long.text, long.usage.completion_tokens)


def test_the_commands_work_with_it(server: Server, cli: Cli) -> None:
    where = ("--model", server.model, "--base-url", server.base_url)
    looked = cli("doctor", *where)
    assert "endpoint" in looked.out
    assert "completion      works" in looked.out
    played = cli("bench", "guess", *where, "--max-tokens", "8", "--limit", "3", "--quiet", "--out", "run")
    assert played.code == 0, played.err
    assert cli("replay", "run").out.startswith("3 same, 0 different")
