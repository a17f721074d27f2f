"""Agentflow mode: an agent plans, the generator's model writes each part, the checks look at it at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentgym import Policy, ScriptedPolicy, ToolCall, Turn
from agentgym.errors import EndpointFault
from agentgym.flow.policy import AgentFlowPolicy
from environments.retail.database import RetailDB
from environments.retail.factory.checks import check_blueprint
from environments.retail.factory.drafting import passed_share
from environments.retail.factory.envelope import TaskEnvelope
from environments.retail.factory.pipeline import PipelineConfig, TaskConfigurationPipeline
from environments.retail.factory.statistics import Statistics
from tests.environments.retail.factory.authors import FIND, LOOK, Author, Q, cancel

pytestmark = pytest.mark.anyio
GOOD_PARTS = {"q": Q, "agt": [FIND, LOOK, cancel()], "ogt": []}
CALLS = ("propose_query", "propose_actions", "propose_outputs", "finish")


def part_of(said: str) -> str:
    """Which part is asked for."""
    return next(key for key in ("q", "agt", "ogt") if f'{{"{key}": ' in said.rpartition("Write ")[2])


def writer(said: str) -> str:
    """Writes every part well."""
    key = part_of(said)
    return json.dumps({key: GOOD_PARTS[key]})


def planned(*names: str) -> Policy:
    return AgentFlowPolicy(ScriptedPolicy([ToolCall(name) for name in names]), prompted=False, max_turns=len(names))


async def drafted(db: RetailDB, executor: Policy, planner: Policy, **config: Any) -> tuple[TaskEnvelope, Statistics]:
    settings = PipelineConfig(
        db,
        use_agentflow=True,
        generator=executor,
        planner=planner,
        **{"scenarios": ["order_cancellation"], "max_iterations": 1, "rich": True, **config},
    )
    (envelope,), statistics = await TaskConfigurationPipeline(settings).generate(1)
    return envelope, statistics


async def test_a_plan_is_carried_out_part_by_part(db: RetailDB) -> None:
    executor = Author(writer)
    envelope, statistics = await drafted(db, executor, planned(*CALLS))
    assert envelope.success
    told = envelope.metadata
    assert (told.generation_method, told.turns, told.confidence) == ("agentflow", 4, 1.0)
    assert statistics.to_json()["usage"]["executor"]["calls"] == 3  # type: ignore[index,call-overload]
    query, actions, outputs = (asked[-1] for asked in executor.asked)
    assert "order #W1" not in query.partition("The task so far")[2].partition("Hint")[0]
    assert Q in actions
    assert "cancel_pending_order" in outputs.partition("The task so far")[2]


async def test_what_the_checks_find_is_told_and_the_part_is_written_again(db: RetailDB) -> None:
    def learns(said: str) -> str:
        if part_of(said) == "agt" and "ORDER_NOT_FOUND" not in said:
            return json.dumps({"agt": [FIND, LOOK, cancel("#W9")]})
        return writer(said)

    executor = Author(learns)
    plan = ("propose_query", "propose_actions", "propose_actions", "propose_outputs", "finish")
    envelope, _ = await drafted(db, executor, planned(*plan))
    assert (envelope.success, envelope.metadata.turns) == (True, 5)


async def test_a_part_is_written_twice_at_most(db: RetailDB) -> None:
    executor = Author(lambda said: json.dumps({"agt": [cancel("#W9")]}))
    envelope, _ = await drafted(db, executor, planned(*["propose_actions"] * 4), agentflow_turns=4)
    assert not envelope.success
    assert len(executor.asked) == 2


async def test_feedback_reaches_the_agent_and_the_writer(db: RetailDB) -> None:
    def learns(said: str) -> str:
        if part_of(said) == "agt" and "ORDER_NOT_FOUND at action 2" not in said:
            return json.dumps({"agt": [FIND, LOOK, cancel("#W9")]})
        return writer(said)

    executor = Author(learns)
    envelope, statistics = await drafted(db, executor, planned(*CALLS), max_iterations=3)
    assert envelope.success
    assert statistics.iterations == {2: 1}
    assert '"#W9"' in executor.asked[3][-1]


async def test_corrections_are_taken_over(db: RetailDB) -> None:
    sloppy = {"q": Q, "agt": [FIND, {"name": "get_order_details", "arguments": {"order_id": "w1"}}, cancel("W1")]}
    executor = Author(lambda said: json.dumps({part_of(said): {**GOOD_PARTS, **sloppy}[part_of(said)]}))
    plan = ("propose_query", "propose_actions", "apply_corrections", "propose_outputs", "finish")
    envelope, _ = await drafted(db, executor, planned(*plan))
    assert envelope.success
    assert envelope.task.agt[-1].arguments["order_id"] == "#W1"


async def test_an_agent_that_only_talks_writes_nothing(db: RetailDB) -> None:
    executor = Author(writer)
    planner = AgentFlowPolicy(ScriptedPolicy(["Hello?"] * 9), prompted=False)
    envelope, statistics = await drafted(db, executor, planner)
    assert not envelope.success
    assert (executor.asked, statistics.generation_errors) == ([], 1)


async def test_a_task_that_is_not_whole_is_not_handed_in(db: RetailDB) -> None:
    envelope, _ = await drafted(db, Author(writer), planned("finish", *CALLS))
    assert (envelope.success, envelope.metadata.turns) == (True, 5)


async def test_what_breaks_while_a_part_is_written_is_nobodys_fault(db: RetailDB) -> None:
    def breaks(said: str) -> str:
        raise EndpointFault("not now")

    envelope, statistics = await drafted(db, Author(breaks), planned(*CALLS))
    assert not envelope.success
    assert statistics.failure_reasons == {"GENERATION_FAULT": 1}


async def test_confidence_is_the_generators_times_the_share_of_checks(db: RetailDB) -> None:
    answer = {"answer": "done", "confidence": 0.5, "evidence": [], "arguments": {}}
    generator = ScriptedPolicy([Turn(json.dumps(answer))])
    planner = AgentFlowPolicy(
        ScriptedPolicy([ToolCall(name) for name in CALLS[:3]]),
        prompted=False,
        roles={"generator": generator},
        max_turns=3,
    )
    envelope, statistics = await drafted(db, Author(writer), planner, agentflow_turns=3)
    assert (envelope.success, envelope.metadata.confidence, envelope.metadata.turns) == (True, 0.5, 3)
    assert statistics.to_json()["usage"]["generator"]["calls"] == 1  # type: ignore[index,call-overload]


def test_the_share_falls_with_each_kind_of_finding(db: RetailDB) -> None:
    whole = check_blueprint(GOOD_PARTS, db, scenario="order_cancellation")
    assert passed_share(whole) == 1.0
    wrong = check_blueprint({**GOOD_PARTS, "agt": [FIND, LOOK, cancel("#W9")]}, db, scenario="order_cancellation")
    assert 0.5 < passed_share(wrong) < 1.0


async def test_a_model_plans_by_prompts(db: RetailDB) -> None:
    """The ordinary agent: planner, verifier and generator are asked for JSON, the writer for parts."""
    names = iter(CALLS[:3])

    def plays(said: str) -> str:
        if said.startswith("You write one part"):
            return writer(said)
        if "planner" in said.partition("\n")[0]:
            name = next(names)
            return json.dumps({"analysis": "", "sub_goal": name, "calls": [{"name": name, "arguments": {}}]})
        if "verifier" in said.partition("\n")[0]:
            return json.dumps({"status": "continue", "analysis": "", "memory_sufficient": False})
        return json.dumps({"answer": "done", "confidence": 0.8, "evidence": [1], "arguments": {}})

    settings = PipelineConfig(
        db,
        use_agentflow=True,
        agentflow_turns=3,
        generator=Author(plays),
        scenarios=["order_cancellation"],
        max_iterations=1,
    )
    (envelope,), statistics = await TaskConfigurationPipeline(settings).generate(1)
    assert envelope.success
    assert (envelope.metadata.turns, envelope.metadata.confidence) == (3, 0.8)
    assert {"executor", "planner", "verifier", "generator"} <= set(statistics.spent.to_json())
