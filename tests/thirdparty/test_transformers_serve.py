"""The client against `transformers serve`, with two tiny models that were made on the spot."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentgym import Context, Conversation, Episode, Message, OpenAIPolicy, Turn, rollout
from agentgym.lines import Retries
from environments.guess import Guess
from tests.thirdparty.conftest import Cli
from tests.thirdparty.servers import serving, torch_programs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.anyio]
QWEN, LLAMA = "tiny/qwen", "tiny/llama"
"""The server finds the calls in what the one writes, and leaves them in the text of the other."""
COUNT = Conversation([Message("user", "Count from 1 to 5.")])


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("transformers")
    programs = torch_programs(spare=place)
    alone = {"HF_HOME": str(place), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    making = [programs / "python", Path(__file__).with_name("tiny_checkpoint.py"), place / "hub"]
    done = subprocess.run(making, env=os.environ | alone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    command = (programs / "transformers", "serve", "--host", "127.0.0.1", "--port", "0", "--device", "cpu")
    with serving(*command, **alone) as address:
        yield f"{address}/v1"


async def played(policy: OpenAIPolicy) -> list[Episode]:
    """Ten games at once."""
    episodes: list[Episode] = []

    async def play(task: Any) -> None:
        episodes.append(await rollout(Guess(), policy, task))

    async with anyio.create_task_group() as group:
        for task in Guess().tasks():
            group.start_soon(play, task)
    await policy.aclose()
    return episodes


async def said(base_url: str, *, seed: int = 0, **wishes: Any) -> Turn:
    policy = OpenAIPolicy(QWEN, base_url=base_url, **wishes)
    turn = await policy.start(Context(seed=seed)).act(COUNT)
    await policy.aclose()
    return turn


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("tools", ["auto", "native", "text"])
@pytest.mark.parametrize("model", [QWEN, LLAMA])
async def test_a_model_plays_whole_games(base_url: str, model: str, tools: Any, stream: bool) -> None:
    episodes = await played(OpenAIPolicy(model, base_url=base_url, temperature=0, tools=tools, stream=stream))
    assert [episode.outcome for episode in episodes] == ["solved"] * 10
    for episode in episodes:
        turns = [entry.turn for entry in episode.turns]
        assert all(len(turn.tool_calls) == 1 and not turn.text for turn in turns)
        assert episode.usage.calls == len(turns)
        assert all(turn.usage.prompt_tokens > 10 and turn.usage.completion_tokens > 10 for turn in turns)
        assert {turn.finish_reason for turn in turns} == {"stop" if model == LLAMA else "tool_calls"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_what_is_asked_of_the_model_is_heard(base_url: str, stream: bool) -> None:
    whole = await said(base_url, temperature=0, stream=stream)
    assert (whole.text, whole.finish_reason) == ("1 2 3 4 5", "stop")
    cut = await said(base_url, temperature=0, max_tokens=3, stream=stream)
    assert (cut.text.strip(), cut.finish_reason, cut.usage.completion_tokens) == ("1 2", "length", 3)
    stopped = await said(base_url, temperature=0, stop=["9", "3"], stream=stream)
    assert stopped.text.startswith("1 2")
    assert "4" not in stopped.text
    assert stopped.usage.completion_tokens < whole.usage.completion_tokens


async def test_a_seed_makes_chance_repeat_itself(base_url: str) -> None:
    wild: dict[str, Any] = {"temperature": 5.0, "max_tokens": 12, "send_seed": True}
    once, again, other = [(await said(base_url, seed=seed, **wild)).text for seed in (1, 1, 2)]
    assert once == again
    assert once != other


async def test_choices_that_the_server_does_not_give_are_told(base_url: str, caplog: pytest.LogCaptureFixture) -> None:
    turn = await said(base_url, temperature=0, n=3)
    assert turn.alternatives == ()
    assert "gives 1 of the 3 choices asked for" in caplog.text


async def test_token_ids_that_the_server_refuses_are_told(base_url: str) -> None:
    episodes = await played(OpenAIPolicy(QWEN, base_url=base_url, token_ids=True))
    for episode in episodes:
        assert episode.outcome == "not_evaluable"
        assert episode.cause is not None
        assert "status 422" in episode.cause.message
        assert "return_token_ids" in episode.cause.message


@pytest.mark.parametrize("tools", ["auto", "text"])
@pytest.mark.parametrize("wishes", [{"max_tokens": 5}, {"max_tokens": 14}, {"temperature": 2.0, "send_seed": True}])
async def test_what_a_model_writes_amiss_is_its_own_fault(base_url: str, tools: Any, wishes: dict[str, Any]) -> None:
    """Calls cut off or garbled are sent back with the rest of the conversation, and the server can read them."""
    episodes = await played(OpenAIPolicy(LLAMA, base_url=base_url, tools=tools, **wishes))
    assert len(episodes) == 10
    assert {episode.outcome for episode in episodes} <= {"solved", "failed", "truncated"}


async def test_a_server_that_breaks_on_its_models_words_is_told(base_url: str) -> None:
    """Its parser of calls raises on half a call."""
    episodes = await played(OpenAIPolicy(QWEN, base_url=base_url, max_tokens=5, retries=Retries(attempts=1)))
    for episode in episodes:
        told = "" if episode.cause is None else episode.cause.message
        assert episode.outcome in ("failed", "truncated") or "status 500" in told


def test_the_doctor_tells_what_the_server_can_do(base_url: str, cli: Cli) -> None:
    findings = {}
    for model in (QWEN, LLAMA, "tiny/qwn"):
        done = cli("doctor", "--model", model, "--base-url", base_url, "--json")
        assert done.returncode == (1 if model == "tiny/qwn" else 0), done.stdout
        listed = json.loads(done.stdout)["findings"]
        findings[model] = {finding["check"]: (finding["state"], finding["message"]) for finding in listed}
    for model in (QWEN, LLAMA):
        assert [findings[model][check][0] for check in ("model", "completion", "streaming")] == ["ok"] * 3
    assert findings[QWEN]["tools"] == ("ok", "called natively")
    assert findings[LLAMA]["tools"][0] == "warning"
    assert "leaves the call in the text" in findings[LLAMA]["tools"][1]
    assert findings["tiny/qwn"]["model"][0] == "problem"
    assert "did you mean 'tiny/qwen'?" in findings["tiny/qwn"]["model"][1]


@pytest.mark.parametrize("model", [QWEN, LLAMA])
@pytest.mark.parametrize(
    "options",
    [(), ("--stream",), ("--tools", "text"), ("--client", "sdk"), ("--client", "sdk", "--stream")],
    ids=" ".join,
)
def test_a_benchmark_is_played(base_url: str, cli: Cli, model: str, options: tuple[str, ...]) -> None:
    asked = ("bench", "guess", "--model", model, "--base-url", base_url, "--temperature", "0", "--json")
    done = cli(*asked, *options)
    assert done.returncode == 0, done.stderr
    _, score = json.loads(done.stdout)["scores"]
    assert score["outcomes"]["solved"] == 10


def test_a_model_that_is_not_there_is_told_before_anything_is_played(base_url: str, cli: Cli) -> None:
    done = cli("bench", "guess", "--model", "tiny/lama", "--base-url", base_url, "--quiet")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "did you mean 'tiny/llama'?" in done.stderr
