"""The server as a process: many clients at once, clients that leave, keys, new weights, and its end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentgym import Context, Conversation, Episode, Message, OpenAIPolicy, rollout
from agentgym.errors import ContextOverflow, EndpointFault, UsageError
from environments.guess import Guess
from tests.trainers.engine.tiny import fresh, player, save
from trainers.engine.checkpoint import load_checkpoint

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytestmark = [pytest.mark.anyio, pytest.mark.slow]
COMMAND = """
import sys
from agentgym.cli import Parser
from trainers.serving import cli
parser = Parser()
cli.configure(parser)
sys.exit(cli.run(parser.parse_args(sys.argv[1:])))
"""
COUNT = Conversation([Message("user", "Count from 1 to 5.")])


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`agentgym model serve`, and where it says that it serves."""
    command = [sys.executable, "-c", COMMAND, "serve", str(folder), "--port", "0", "--threads", "1", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines = list[str]()
            for line in process.stderr:
                lines.append(line)
                if (found := re.search(r"is served at (\S+);", line)) is not None:
                    break
            else:
                pytest.fail("".join(lines))
            yield process, found[1]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with serving(player(), "--name", "player") as (_, address):
        yield address


def ask(base_url: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection(base_url.split("/")[2], timeout=60)
    try:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request("GET" if body is None else "POST", path, data, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


async def until_idle(base_url: str) -> None:
    with anyio.fail_after(30):
        while True:
            told = await anyio.to_thread.run_sync(ask, base_url, "/health")
            if told[1]["running"] == told[1]["waiting"] == 0:
                return


async def played(policy: OpenAIPolicy, times: int = 1) -> list[Episode]:
    episodes: list[Episode] = []

    async def play(task: Any) -> None:
        episodes.append(await rollout(Guess(), policy, task, seed=len(episodes)))

    try:
        async with anyio.create_task_group() as group:
            for task in [*Guess().tasks()] * times:
                group.start_soon(play, task)
    finally:
        await policy.aclose()
    return episodes


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_episodes_are_played_and_keep_their_spans(base_url: str, stream: bool) -> None:
    policy = OpenAIPolicy("player", base_url=base_url, temperature=0.5, token_ids=True, stream=stream, send_seed=True)
    await policy.preflight()
    words = load_checkpoint(player()).tokenizer
    for episode in await played(policy):
        assert episode.outcome in ("solved", "failed", "truncated")
        held: tuple[int, ...] = ()
        for entry in episode.turns:
            span = entry.turn.span
            assert span is not None
            assert span.logprobs is not None
            assert len(span.logprobs) == len(span.completion_ids) == entry.turn.usage.completion_tokens
            assert len(span.prompt_ids) == entry.turn.usage.prompt_tokens
            assert "<|im_start|>" in words.decode(span.prompt_ids)
            assert len(span.prompt_ids) > len(held)
            held = span.prompt_ids


async def test_a_hundred_episodes_at_once_are_solved(base_url: str) -> None:
    policy = OpenAIPolicy("player", base_url=base_url, temperature=0)
    assert [episode.outcome for episode in await played(policy, times=10)] == ["solved"] * 100


async def test_sixty_four_at_once_share_the_models_steps(base_url: str) -> None:
    policy = OpenAIPolicy("player", base_url=base_url, temperature=0)
    session = policy.start(Context())

    async def timed(clients: int) -> float:
        begun = time.perf_counter()
        async with anyio.create_task_group() as group:
            for _ in range(clients):
                group.start_soon(session.act, COUNT)
        return time.perf_counter() - begun

    await timed(1)
    alone = min([await timed(1) for _ in range(5)])
    assert min([await timed(64) for _ in range(3)]) < 32 * alone
    await policy.aclose()


async def test_a_client_that_leaves_is_not_waited_for(base_url: str) -> None:
    for stream in (False, True):
        body = {"model": "player", "prompt": "Say", "temperature": 3, "n": 100, "stream": stream, "max_tokens": 900}
        asked = json.dumps(body).encode()
        with socket.create_connection(base_url.split("/")[2].split(":")) as client:  # type: ignore[arg-type]
            head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(asked)}\r\n\r\n"
            client.sendall(head.encode() + asked)
            with anyio.fail_after(30):
                while not (await anyio.to_thread.run_sync(ask, base_url, "/health"))[1]["running"]:
                    pass
        await until_idle(base_url)


async def test_refusals_are_those_of_openai(base_url: str) -> None:
    async def act(**wishes: Any) -> None:
        policy = OpenAIPolicy(wishes.pop("model", "player"), base_url=base_url, **wishes)
        try:
            await policy.start(Context()).act(Conversation([Message("user", wishes.pop("text", "hi") * 2000)]))
        finally:
            await policy.aclose()

    with pytest.raises(ContextOverflow, match="maximum context length is 1024 tokens"):
        await act()
    with pytest.raises(EndpointFault, match="does not exist"):
        await act(model="another")
    with pytest.raises(EndpointFault, match="Unrecognized request argument supplied: best"):
        await act(extra_body={"best": 1})
    policy = OpenAIPolicy("plaier", base_url=base_url)
    with pytest.raises(UsageError, match="did you mean 'player'"):
        await policy.preflight()
    await policy.aclose()
    assert ask(base_url, "/nowhere")[0] == 404
    assert ask(base_url, "/v1/completions")[0] == 405
    assert ask(base_url, "/v1/completions", b"{")[0] == 400


def test_the_list_of_models_and_the_health_are_told(base_url: str) -> None:
    status, models = ask(base_url, "/v1/models")
    assert status == 200
    assert [(entry["id"], entry["max_model_len"]) for entry in models["data"]] == [("player", 1024)]
    assert ask(base_url, "/v1/models/player")[1] == models["data"][0]
    assert ask(base_url, "/v1/models/another/one")[1]["error"]["code"] == "model_not_found"
    assert ask(base_url, "/health")[1]["status"] == "ok"


def test_the_doctor_finds_nothing_amiss(tmp_path: Path) -> None:
    with serving(certain(tmp_path), "--name", "player") as (_, address):
        command = [sys.executable, "-m", "agentgym", "doctor", "--model", "player", "--base-url", address, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    findings = {entry["check"]: (entry["state"], entry["message"]) for entry in json.loads(done.stdout)["findings"]}
    for check in ("model", "completion", "streaming"):
        assert findings[check][0] == "ok"
    assert findings["tools"] == ("ok", "called natively")


def certain(folder: Path) -> Path:
    """The player, as if it were always asked at a tenth of the temperature: the doctor leaves that to the model."""
    import torch

    loaded = load_checkpoint(player())
    with torch.no_grad():
        loaded.model.model.norm.weight *= 10
    return save(folder, loaded.model, loaded.tokenizer)


def test_the_openai_client_is_answered(base_url: str) -> None:
    from openai import NotFoundError, OpenAI

    guess: Any = {"type": "function", "function": {"name": "guess", "parameters": {"type": "object"}}}
    asked: Any = [{"role": "user", "content": "Guess a digit with the tool."}]
    told: dict[str, Any] = {"model": "player", "messages": asked, "tools": [guess], "temperature": 0}
    with OpenAI(base_url=base_url, api_key="EMPTY", max_retries=0) as client:
        listed = [model.id for model in client.models.list()]
        whole = client.chat.completions.create(**told, n=2, logprobs=True, top_logprobs=1)
        with client.chat.completions.create(**told, stream=True) as pieces:
            streamed = [call for piece in pieces for call in piece.choices[0].delta.tool_calls or ()]
        with pytest.raises(NotFoundError):
            client.chat.completions.create(**told | {"model": "another"})
    assert listed == ["player"]
    calls = whole.choices[1].message.tool_calls
    assert [call.function.arguments for call in calls] == [call.function.arguments for call in streamed] == ['{"n": 4}']


def test_a_key_is_asked_for_everywhere_but_at_health() -> None:
    with serving(player(), "--api-key", "sk-right") as (_, address):
        for path, body in (("/v1/models", None), ("/v1/completions", {}), ("/reload", {})):
            for header in ({}, {"Authorization": "Bearer sk-wrong"}, {"Authorization": "Bearer sk-right\xe9"}):
                status, told = ask(address, path, body, **header)
                assert (status, told["error"]["code"]) == (401, "invalid_api_key")
        assert ask(address, "/v1/models", Authorization="Bearer sk-right")[0] == 200
        assert ask(address, "/health")[0] == 200


def test_new_weights_are_taken_from_disk(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(player(), tmp_path / "model"))
    read = load_checkpoint(folder)
    asked = {"model": "model", "prompt": "Say", "temperature": 0, "max_tokens": 12}
    with serving(folder) as (_, address):
        before = ask(address, "/v1/completions", asked)[1]
        save(folder, fresh(read.tokenizer, seed=5), read.tokenizer)
        status, told = ask(address, "/reload", {})
        after = ask(address, "/v1/completions", asked)[1]
        assert status == 200
        assert told["model_version"] == after["system_fingerprint"] != before["system_fingerprint"] == read.version
        assert after["choices"][0]["text"] != before["choices"][0]["text"]
        assert ask(address, "/reload", {"path": str(player()), "version": "step 7"})[1]["model_version"] == "step 7"
        assert ask(address, "/v1/completions", asked)[1]["choices"] == before["choices"]
        for wrong in ({"path": str(tmp_path)}, {"way": "x"}, {"path": 1}):
            assert ask(address, "/reload", wrong)[0] == 400


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_it_ends_at_once_and_cleanly(how: signal.Signals, busy: bool) -> None:
    with serving(player(), "--name", "player") as (process, address):
        connection = HTTPConnection(address.split("/")[2], timeout=60)
        if busy:
            body = {"model": "player", "prompt": "Say", "temperature": 3, "n": 100, "max_tokens": 900}
            connection.request("POST", "/v1/completions", json.dumps(body).encode())
            while not ask(address, "/health")[1]["running"]:
                pass
        begun = time.monotonic()
        process.send_signal(how)
        assert process.wait(60) == 0
        assert time.monotonic() - begun < 20
        if busy:
            response = connection.getresponse()
            assert response.status == 503
            assert "being stopped" in json.loads(response.read())["error"]["message"]
        connection.close()
        assert process.stderr is not None
        assert process.stderr.read() == "player is no longer served\n"


def test_a_port_that_is_taken_is_told_before_anything_is_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-c", COMMAND, "serve", str(player()), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=60)
    assert done.returncode != 0
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
