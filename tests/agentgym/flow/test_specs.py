"""The agent by its spec: who plays which role, with which settings, and what is looked after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentgym import Conversation, Message, OpenAIPolicy, Policy, Turn, make_policy
from agentgym.cli import main
from agentgym.errors import AgentGymError, UsageError
from agentgym.flow.policy import AgentFlowPolicy
from agentgym.policies.specs import asks_a_model
from agentgym.policy import Context, Session
from agentgym.testing import ChatRequest, FakeEndpoint

HERE = "http://127.0.0.1:9/v1"


def agent(spec: str, **settings: Any) -> AgentFlowPolicy:
    made = make_policy(spec, **settings)
    assert isinstance(made, AgentFlowPolicy)
    return made


def model(policy: Policy) -> OpenAIPolicy:
    assert isinstance(policy, OpenAIPolicy)
    return policy


def test_roles_that_are_not_named_are_the_planners() -> None:
    made = agent("agentflow:openai:m", base_url=HERE, temperature=0.5)
    assert made.name == "agentflow:openai:m"
    assert made.base_url == HERE
    assert made.settings == {"temperature": 0.5}
    assert made.roles == {"verifier": made.planner, "generator": made.planner}


def test_a_role_has_a_policy_and_settings_of_its_own() -> None:
    told = {
        "verifier": "openai:small",
        "generator": {"policy": "openai:big", "base_url": "http://127.0.0.1:8/v1", "temperature": 1},
    }
    made = agent("agentflow:openai:m", base_url=HERE, temperature=0.5, max_time_s=9, roles=told)
    verifier, generator = model(made.roles["verifier"]), model(made.roles["generator"])
    assert (verifier.model, verifier.base_url, verifier.settings) == ("small", HERE, {"temperature": 0.5})
    assert (generator.model, generator.base_url) == ("big", "http://127.0.0.1:8/v1")
    assert made.settings == {
        "temperature": 0.5,
        "max_time_s": 9,
        "roles": {
            "verifier": {"policy": "openai:small", "temperature": 0.5},
            "generator": {"policy": "openai:big", "base_url": "http://127.0.0.1:8/v1", "temperature": 1},
        },
    }


def test_made_of_its_settings_it_is_the_same() -> None:
    told = {"verifier": "openai:small", "executor": "mock:{}"}
    made = agent("agentflow:openai:m", base_url=HERE, api_key="secret", max_turns=3, executor="llm", roles=told)
    again = agent("agentflow:openai:m", base_url=HERE, **json.loads(json.dumps(made.settings)))
    assert again.settings == made.settings
    assert "secret" not in str(made.settings)


@pytest.mark.anyio
async def test_a_key_goes_to_no_other_endpoint() -> None:
    async with FakeEndpoint(Turn("true")) as mine, FakeEndpoint(Turn("true")) as others:
        elsewhere = {"verifier": {"policy": "openai:small", "base_url": others.base_url}, "generator": "openai:big"}
        made = agent("agentflow:openai:m", base_url=mine.base_url, api_key="for-mine-alone", roles=elsewhere)
        for policy in (made.planner, *made.roles.values()):
            await policy.start(Context()).act(Conversation([Message("user", "Hello.")]))
        await made.aclose()
    assert [request.headers["authorization"] for request in mine.requests] == ["Bearer for-mine-alone"] * 2
    assert "for-mine-alone" not in str([request.headers for request in others.requests])


def test_a_planner_that_is_no_model_lends_itself_to_nobody() -> None:
    for spec in ("oracle", "random", "mock:Hello"):
        assert agent(f"agentflow:{spec}").roles == {}
    assert agent("agentflow:oracle").reads_reference
    assert list(agent("agentflow:oracle", roles={"verifier": "mock:true"}).roles) == ["verifier"]


@pytest.mark.parametrize(
    ("spec", "settings", "told"),
    [
        ("agentflow:", {}, "write agentflow:POLICY"),
        ("agentflow:agentflow:idle", {}, "cannot be such an agent itself"),
        ("agentflow:nobody", {}, "no policy 'nobody'"),
        ("agentflow:idle", {"roles": {"verifer": "idle"}}, "did you mean 'verifier'"),
        ("agentflow:idle", {"roles": {"planner": "idle"}}, "the planner is"),
        ("agentflow:idle", {"roles": {"verifier": "oracle"}}, "must not see the reference"),
        ("agentflow:idle", {"roles": {"verifier": 3}}, "write a policy"),
        ("agentflow:idle", {"roles": "verifier"}, "roles='verifier'"),
        ("agentflow:idle", {"roles": {"verifier": {"policy": "idle", "temperature": 1}}}, "takes no settings"),
        ("agentflow:openai:m", {"temprature": 1}, "temprature"),
        ("agentflow:openai:m", {"max_turns": 0}, "max_turns=0"),
        ("mock:", {}, "write mock:TEXT"),
    ],
)
def test_wrong_specs_are_refused(spec: str, settings: Any, told: str) -> None:
    with pytest.raises(AgentGymError, match=told):
        make_policy(spec, **settings)


def test_whether_it_asks_a_model() -> None:
    assert asks_a_model("agentflow:openai:m")
    assert not asks_a_model("agentflow:oracle")


@pytest.mark.anyio
async def test_the_mock_always_says_the_same() -> None:
    session = make_policy("mock:a: b").start(Context())
    said = [(await session.act(Conversation([Message("user", "?")]))).text for _ in range(2)]
    assert said == ["a: b", "a: b"]


class Watched(Policy):
    """Counts what is done with it."""

    def __init__(self, *, broken: bool = False) -> None:
        self.looked = self.closed = 0
        self._broken = broken

    def start(self, context: Context) -> Session:
        raise NotImplementedError

    async def preflight(self) -> None:
        self.looked += 1
        if self._broken:
            raise UsageError("the verifier's port is closed")

    async def aclose(self) -> None:
        self.closed += 1


@pytest.mark.anyio
async def test_every_policy_is_looked_at_once_and_let_go_once() -> None:
    planner, verifier = Watched(), Watched()
    made = AgentFlowPolicy(planner, roles={"verifier": verifier})
    await made.preflight()
    await made.aclose()
    assert [(each.looked, each.closed) for each in (planner, verifier)] == [(1, 1), (1, 1)]
    with pytest.raises(UsageError, match="port is closed"):
        await AgentFlowPolicy(planner, roles={"verifier": Watched(broken=True)}).preflight()


def code_of(arguments: list[str]) -> object:
    """What a command exits with; argparse exits by itself."""
    try:
        return main(arguments)
    except SystemExit as left:
        return left.code


def test_the_command_line_names_roles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run")
    asked = ["bench", "guess", "--policy", "agentflow:oracle", "--role", 'verifier=mock:{"status": "continue"}']
    assert main([*asked, "--limit", "3", "--out", out, "--quiet", "--json"]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["policy"]["settings"]["roles"] == {
        "verifier": {"policy": 'mock:{"status": "continue"}'}
    }
    assert main(["resume", out, "--quiet", "--json"]) == 0
    assert main(["play", "guess", "--policy", "agentflow:oracle", "--role", "generator=mock:x"]) == 0
    capsys.readouterr()
    for wrong in (
        ["bench", "guess", "--policy", "oracle", "--role", "verifier=idle"],
        ["bench", "guess", "--policy", "agentflow:oracle", "--role", "verifier"],
        ["play", "guess", "--policy", "idle", "--role", "verifier=idle"],
        ["play", "guess", "--policy", "agentflow:oracle", "--role", "judge=idle"],
        ["bench", "guess", "--policy", "agentflow:human"],
    ):
        assert code_of(wrong) == 2, wrong


def test_roles_and_settings_come_from_a_file_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def answer(request: ChatRequest) -> Turn:
        asked.append(request.model)
        if request.model == "judge":
            return Turn('{"status": "stop"}')
        if [tool["function"]["name"] for tool in request.tools] == ["answer"]:  # type: ignore[index,call-overload]
            return Turn('{"answer": "I give up.", "confidence": 0}')
        return Turn('{"name": "guess", "arguments": {"n": 5}}')

    with FakeEndpoint(answer) as endpoint:
        file = tmp_path / "bench.toml"
        file.write_text(
            f'[bench]\npolicy = "agentflow:openai:m"\nbase_url = "{endpoint.base_url}"\n'
            '[policy]\nmax_turns = 2\n[policy.roles]\nverifier = "openai:judge"\n'
        )
        out = str(tmp_path / "run")
        flags = ["--config", str(file), "--limit", "1", "--out", out, "--quiet", "--json", "--no-preflight"]
        assert main(["bench", "guess", *flags]) == 0
        assert asked == ["m", "judge", "m"]
        assert main(["resume", out, "--quiet", "--json"]) == 0
    told = json.loads((tmp_path / "run" / "run.json").read_text())["policy"]
    assert told["settings"] == {"max_turns": 2, "roles": {"verifier": {"policy": "openai:judge"}}}
