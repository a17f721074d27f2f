"""The agent in the environments there are: it plays them all, and tells trainers who said what."""

from __future__ import annotations

import pytest

import agentgym
from agentgym import Episode, ScriptedPolicy, ToolCall, Turn, make_policy, rollout
from agentgym.flow.noisy import NoisyOracle
from agentgym.flow.policy import AgentFlowPolicy
from agentgym.testing import ChatRequest, FakeEndpoint
from environments.guess import Guess, Secret

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("environment", ["guess", "retail", "code-debug", "special-tokens"])
async def test_with_an_oracle_as_planner_it_solves_what_the_oracle_solves(environment: str) -> None:
    for task in list(agentgym.make(environment).tasks())[:2]:
        alone = await rollout(agentgym.make(environment), make_policy("oracle"), task, seed=3)
        episode = await rollout(agentgym.make(environment), make_policy("agentflow:oracle"), task, seed=3)
        assert episode.solved
        assert [record.turn.message() for record in episode.turns] == [record.turn.message() for record in alone.turns]
        assert episode.reward == alone.reward
        assert episode.cleanup is None


@pytest.mark.parametrize("environment", ["guess", "retail", "code-debug", "special-tokens"])
async def test_with_a_planner_that_answers_prompts_too(environment: str) -> None:
    task = list(agentgym.make(environment).tasks())[1]
    policy = AgentFlowPolicy(NoisyOracle(), prompted=True)
    episode = await rollout(agentgym.make(environment), policy, task, seed=3)
    assert episode.solved
    assert all(len(call.messages) == 2 for call in episode.model_calls())


async def test_the_final_action_is_the_environments_own() -> None:
    env = agentgym.make("code-debug")
    task = next(iter(env.tasks()))
    env_reference = await rollout(env, make_policy("oracle"), task)
    code = env_reference.turns[0].turn.tool_calls[0].arguments["code"]
    run = Turn(tool_calls=(ToolCall("run_code", {"code": code}),))
    for generator, calls in (
        ([Turn(tool_calls=(ToolCall("answer", {"answer": "", "confidence": 1, "arguments": {"code": code}}),))], 1),
        (["No."] * 3, 3),
    ):
        roles = {"verifier": ScriptedPolicy(["true"]), "generator": ScriptedPolicy(generator)}
        policy = AgentFlowPolicy(ScriptedPolicy([run]), roles=roles)
        episode = await rollout(agentgym.make("code-debug"), policy, task)
        assert episode.solved
        last = episode.turns[-1].turn
        assert (last.role, last.tool_calls[0].name) == ("generator", "submit")
        assert len(list(episode.model_calls({"generator"}))) == calls


async def test_a_planner_that_says_nothing_useful_ends_without_a_crash() -> None:
    for environment in ("guess", "retail", "code-debug", "special-tokens"):
        for text in ("", "stop", '{"calls": []}', '{"name": "nothing"}', "\ud800"):
            policy = AgentFlowPolicy(ScriptedPolicy([text] * 200))
            env = agentgym.make(environment)
            episode = await rollout(env, policy, next(iter(env.tasks())), seed=1)
            assert episode.outcome in ("failed", "truncated"), episode.cause
            assert Episode.from_json(episode.to_json()).usage == episode.usage


@pytest.mark.parametrize("tools", ["native", "text"])
async def test_each_call_is_a_conversation_of_its_own(tools: str) -> None:
    asked: list[list[str]] = []

    def answer(request: ChatRequest) -> str:
        asked.append([str(message["content"]) for message in request.messages])
        if "You check the work" in asked[-1][0]:
            return '<tool_call>{"name": "verdict", "arguments": {"status": "continue"}}</tool_call>'
        number = asked[-1][-1].count("higher")
        return f'<tool_call>{{"name": "guess", "arguments": {{"n": {number}}}}}</tool_call>'

    with FakeEndpoint(answer) as endpoint:
        policy = make_policy("agentflow:openai:fake", base_url=endpoint.base_url, tools=tools)
        episode = await rollout(Guess(), policy, Secret(id="t", digit=3))
        await policy.aclose()
    assert episode.solved
    assert [len(messages) for messages in asked] == [2] * 7
    assert "guess" in asked[-1][-1]
    assert episode.usage.calls == len(asked) == len(list(episode.model_calls()))
