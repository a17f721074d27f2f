"""The client against the proxy of litellm, behind which an endpoint does what the test says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import pytest

from agentgym import Episode, OpenAIPolicy, ToolCall, Turn, Usage, rollout
from agentgym.lines import Retries
from agentgym.testing import ChatRequest, FakeEndpoint, FakeReply, Trouble, context_too_long, too_many_requests
from agentgym.testing.chat import Answer
from environments.guess import Guess, Secret
from tests.thirdparty.conftest import Cli
from tests.thirdparty.servers import installed, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.anyio]
FRONT, BEHIND = "sk-front-0123456789", "sk-behind-0123456789"
SEVEN = Secret(id="seven", digit=7)


def bisect(request: ChatRequest) -> Turn:
    low, high = 0, 9
    for asked, heard in zip(request.messages[2::2], request.messages[3::2], strict=True):
        n = json.loads(asked["tool_calls"][0]["function"]["arguments"])["n"]  # type: ignore[index,call-overload,arg-type]
        low, high = (n + 1, high) if heard["content"] == "higher" else (low, n - 1)
    return Turn(tool_calls=(ToolCall("guess", {"n": (low + high) // 2}),), usage=Usage(10, 5))


@dataclass
class Proxy:
    """Where it listens, and what stands behind it."""

    base_url: str
    endpoint: FakeEndpoint
    amiss: list[Answer]
    """Answers to give before good ones."""

    def policy(self, **options: Any) -> OpenAIPolicy:
        return OpenAIPolicy("fake", base_url=self.base_url, **{"api_key": FRONT, **options})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    place = tmp_path_factory.mktemp("litellm")
    programs = installed("litellm-proxy", "litellm[proxy]>=1.106", spare=place)
    amiss: list[Answer] = []
    with FakeEndpoint(lambda request: amiss.pop() if amiss else bisect(request), api_key=BEHIND) as endpoint:
        model = {"model": "openai/any", "api_base": endpoint.base_url, "api_key": BEHIND}
        settings = {
            "model_list": [{"model_name": "fake", "litellm_params": model}],
            "litellm_settings": {"num_retries": 0},
            "router_settings": {"num_retries": 0, "disable_cooldowns": True},
            "general_settings": {"master_key": FRONT},
        }
        (place / "proxy.yaml").write_text(json.dumps(settings))
        alone = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "no_proxy": "*"}
        command = (programs / "litellm", "--config", place / "proxy.yaml", "--host", "127.0.0.1", "--port", "0")
        with serving(*command, "--telemetry", "False", **alone) as address:
            yield Proxy(f"{address}/v1", endpoint, amiss)


@pytest.fixture
def proxy(running: Proxy) -> Proxy:
    running.amiss.clear()
    running.endpoint.requests.clear()
    return running


async def played(policy: OpenAIPolicy) -> Episode:
    async with aclosing(policy):
        return await rollout(Guess(), policy, SEVEN)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_model_behind_it_plays(proxy: Proxy, stream: bool) -> None:
    episode = await played(proxy.policy(n=2, stream=stream))
    assert episode.outcome == "solved"
    assert [len(entry.turn.alternatives) for entry in episode.turns] == [1, 1]
    assert episode.usage.calls == 2
    assert episode.usage.prompt_tokens >= 20


async def test_what_is_asked_of_the_model_reaches_it(proxy: Proxy) -> None:
    wishes = {"temperature": 0.5, "max_tokens": 7, "stop": ["x"], "extra_body": {"top_k": 3}}
    episode = await played(proxy.policy(**wishes, send_seed=True))
    assert episode.outcome == "solved"
    for request in proxy.endpoint.requests:
        sent = {name: request.body.get(name) for name in ("temperature", "max_tokens", "stop", "top_k")}
        assert sent == {"temperature": 0.5, "max_tokens": 7, "stop": ["x"], "top_k": 3}
        assert isinstance(request.body["seed"], int)
        assert [tool["function"]["name"] for tool in request.tools] == ["guess"]  # type: ignore[index,call-overload]


async def test_token_ids_that_are_passed_over_are_told(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    episode = await played(proxy.policy(token_ids=True))
    assert episode.outcome == "solved"
    assert caplog.text.count("gives none of the token ids asked for") == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "trouble",
    [
        too_many_requests(0.01),
        FakeReply(status=500, body="broken"),
        FakeReply(status=503, body="not now"),
        FakeReply(body={"choices": []}),
        Trouble.DISCONNECT,
        Trouble.CUT,
        Trouble.NOT_JSON,
    ],
    ids=["429", "500", "503", "no choices", "hangs up", "cut", "no JSON"],
)
async def test_faults_behind_it_pass(proxy: Proxy, trouble: Answer, stream: bool) -> None:
    proxy.amiss.append(trouble)
    retries = Retries(first_wait_s=0.01)
    episode = await played(proxy.policy(stream=stream, retries=retries))
    assert episode.outcome == "solved", episode.cause
    assert episode.usage.calls == 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("server", ["openai", "vllm"])
async def test_a_conversation_that_is_too_long_is_truncated(proxy: Proxy, server: Any, stream: bool) -> None:
    proxy.amiss.append(context_too_long(server=server))
    episode = await played(proxy.policy(stream=stream))
    assert episode.outcome == "truncated", episode.cause
    assert proxy.endpoint.requests[1:] == []


@pytest.mark.parametrize(
    ("options", "says"), [(("--model", "fake"), "status 4"), (("--model", "fame"), "did you mean 'fake'?")]
)
def test_a_wrong_key_and_a_wrong_model_are_told_at_once(
    proxy: Proxy, cli: Cli, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], says: str
) -> None:
    wrong = "sk-wrong-0123456789"
    monkeypatch.setenv("OPENAI_API_KEY", FRONT if "fame" in options else wrong)
    done = cli("bench", "guess", "--base-url", proxy.base_url, "--quiet", *options)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
    assert wrong not in done.stdout + done.stderr
    assert proxy.endpoint.requests == []


def test_a_benchmark_is_played(proxy: Proxy, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", FRONT)
    done = cli("bench", "guess", "--base-url", proxy.base_url, "--model", "fake", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scores"][1]["outcomes"]["solved"] == 10
