"""Whole episodes as tau2-bench plays and scores them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentgym import (
    IdlePolicy,
    Job,
    OpenAIPolicy,
    OraclePolicy,
    ScriptedPolicy,
    ToolCall,
    ToolError,
    Turn,
    rollout,
    run,
)
from agentgym.episode import Episode
from agentgym.errors import UsageError
from agentgym.messages import JsonObject, Usage
from agentgym.testing import FakeEndpoint, check_env
from agentgym.tools import Say
from environments.retail.database import RetailDB
from environments.retail.desk import TERMINAL
from environments.retail.env import RetailEnv
from environments.retail.observations import CallError, ToolResult
from environments.retail.task import RetailTask
from environments.retail.tau2.env import Tau2RetailEnv
from environments.retail.tau2.scoring import Tau2Score
from environments.retail.tau2.task import Tau2Task
from environments.retail.tau2.world import Tau2DB
from environments.retail.typed import TypedRetailEnv
from environments.retail.users.costs import user_costs
from environments.retail.users.user import STOP

pytestmark = pytest.mark.anyio
CANCEL: JsonObject = {"order_id": "#W1", "reason": "no longer needed"}
DO_CANCEL = ToolCall("cancel_pending_order", CANCEL)


@pytest.fixture
def shop(db: RetailDB) -> Tau2DB:
    return Tau2DB.of(db)


def task(**fields: Any) -> Tau2Task:
    actions = [{"name": DO_CANCEL.name, "kwargs": CANCEL}]
    given = {"id": "t", "user_id": "ada_ito_1000", "instruction": "You are Ada.", "actions": actions, **fields}
    return Tau2Task.model_validate(given)


def verdict(met: bool, *more: bool) -> str:
    results = [{"number": number, "met": each, "why": "so"} for number, each in enumerate((met, *more), 1)]
    return json.dumps({"results": results})


async def played(shop: Tau2DB, wanted: Tau2Task, *lines: str | ToolCall, **settings: Any) -> Episode:
    return await rollout(RetailEnv(shop, profile="tau2", **settings), ScriptedPolicy(lines), wanted, seed=1)


async def test_the_profile_makes_the_shop(shop: Tau2DB, db: RetailDB) -> None:
    env = RetailEnv(db, profile="tau2")
    assert isinstance(env, Tau2RetailEnv)
    names = {spec.name for spec in env.tool_specs()}
    assert "get_item_details" in names
    assert "think" not in names
    assert len(names) == 16
    assert env.max_turns == 100
    assert "Handing over" in env.instructions
    for wrong in ({"judge": "idle"}, {"tau2_bug_318": True}, {"judge_settings": {"a": 1}}):
        settings: Any = wrong
        with pytest.raises(UsageError, match="profile='tau2'"):
            RetailEnv(db, **settings)
    unclear: Any = {"tau2_bug_318": "no"}
    with pytest.raises(UsageError, match="tau2_bug_318='no': give true or false"):
        RetailEnv(db, profile="tau2", **unclear)
    with pytest.raises(UsageError, match="derive it from Tau2RetailEnv"):
        TypedRetailEnv(db, profile="tau2")
    with pytest.raises(UsageError, match="plays tasks of type Tau2Task"):
        await env.reset(RetailTask(id="t", instruction="You are Ada."))


async def test_the_policy_beside_the_data_is_told(shop: Tau2DB, tmp_path: Path) -> None:
    from environments.retail.tau2.files import write_tau2_world

    write_tau2_world(tmp_path, shop, {"test": [task()]})
    (tmp_path / "policy.md").write_text("Be kind.")
    assert RetailEnv(tmp_path, profile="tau2").instructions == "Be kind."


async def test_calls_are_refused_in_its_words(shop: Tau2DB) -> None:
    env = RetailEnv(shop, profile="tau2")
    await env.reset(task())
    untouched = env.state_hash()
    unknown = (await env.call("think", {"thought": "x"})).observation
    assert isinstance(unknown, CallError)
    assert (unknown.kind, unknown.text) == ("unknown_tool", "Error: Tool 'think' not found.")
    misfit = (await env.call("cancel_pending_order", {"order_id": 5, "reason": "x"})).observation
    assert isinstance(misfit, ToolError)
    assert misfit.text.startswith("Error: cancel_pending_order: order_id: ")
    refused = (await env.call("cancel_pending_order", {**CANCEL, "order_id": "#W2"})).observation
    assert isinstance(refused, ToolResult)
    assert (refused.text, refused.failed) == ("Error: Non-pending order cannot be cancelled", True)
    assert env.state_hash() == untouched


@pytest.mark.parametrize("stop", [STOP, "###TRANSFER###", "###OUT-OF-SCOPE###"])
async def test_only_the_customer_ends_a_conversation(shop: Tau2DB, stop: str) -> None:
    env = RetailEnv(shop, profile="tau2", user=["Hm.", stop])
    await env.reset(task())
    assert not (await env.call(TERMINAL, {"summary": "s"})).terminated
    assert not (await env.call(TERMINAL, '{"summary": "\\ud83d"}')).terminated
    await env.call(DO_CANCEL.name, CANCEL)
    assert not (await env.step(Say("I am handing you over."))).terminated
    step = await env.step(Say("Bye."))
    assert (step.terminated, env.reward) == (True, 1.0)


async def test_too_many_refusals_cut_an_episode_short(shop: Tau2DB) -> None:
    wrong = ToolCall("get_order_details", {"order_id": "#W9"})
    episode = await played(shop, task(), DO_CANCEL, *[wrong] * 9, "Done.")
    assert episode.outcome == "solved"
    episode = await played(shop, task(), DO_CANCEL, *[wrong] * 10, "Done.")
    assert (episode.outcome, episode.limit, episode.reward) == ("truncated", "environment", 0.0)


@pytest.mark.parametrize(
    ("basis", "acts", "says", "reward"),
    [
        (["DB"], True, "nothing", 1.0),
        (["DB"], False, "$32.55", 0.0),
        (["DB", "COMMUNICATE"], True, "$32.55", 1.0),
        (["DB", "COMMUNICATE"], True, "nothing", 0.0),
        (["COMMUNICATE"], False, "it is $1,032.55", 1.0),
        (["ACTION"], True, "nothing", 1.0),
        (["ACTION"], False, "nothing", 0.0),
        (["ENV_ASSERTION"], False, "nothing", 1.0),
        ([], False, "nothing", 1.0),
    ],
)
async def test_the_reward_is_the_product_of_the_parts_named(
    shop: Tau2DB, basis: list[str], acts: bool, says: str, reward: float
) -> None:
    wanted = task(reward_basis=basis, outputs=["32.55"])
    episode = await played(shop, wanted, *([DO_CANCEL] if acts else []), says)
    assert episode.reward == reward
    assert (episode.terms["state"].value, episode.terms["actions"].value) == (float(acts), float(acts))
    assert episode.terms["outputs"].value == float("32.55" in says)


@pytest.mark.parametrize(
    ("compare", "made", "matched"),
    [
        (None, CANCEL, True),
        (None, {**CANCEL, "reason": "ordered by mistake"}, False),
        (["order_id"], {**CANCEL, "reason": "ordered by mistake"}, True),
        (["order_id"], {"reason": "no longer needed"}, False),
        ([], {}, True),
        (None, {}, False),
        (None, {"order_id": "#W1"}, False),
    ],
)
async def test_reference_actions_are_matched_by_the_arguments_to_compare(
    shop: Tau2DB, compare: Any, made: dict[str, Any], matched: bool
) -> None:
    """A call without arguments matches none that has some, which is otherwise in tau2-bench."""
    action = {"name": DO_CANCEL.name, "kwargs": CANCEL, "compare_args": compare}
    episode = await played(
        shop, task(actions=[action], reward_basis=["ACTION"]), ToolCall(DO_CANCEL.name, made), "Bye."
    )
    assert episode.reward == float(matched)


JUDGED = {"nl_assertions": ["The agent is kind.", "The agent is short."], "reward_basis": ["DB", "NL_ASSERTION"]}


@pytest.mark.parametrize(
    ("answers", "met"),
    [
        ([verdict(True, True)], (True, True)),
        ([verdict(True, False)], (True, False)),
        ([f"<think>Hm.</think>\n```json\n{verdict(False, True)}\n```"], (False, True)),
        (["no idea", '{"results": [{"number": 1, "met": true}]}', verdict(True, True)], (True, True)),
    ],
)
async def test_a_judge_tells_which_assertions_are_true(
    shop: Tau2DB, answers: list[str], met: tuple[bool, bool]
) -> None:
    async with FakeEndpoint(answers) as endpoint:
        settings = {"judge": "openai:m", "judge_settings": {"base_url": endpoint.base_url}}
        env = RetailEnv(shop, profile="tau2", **settings)  # type: ignore[arg-type]  # one dict of several types
        episode = await rollout(env, ScriptedPolicy([DO_CANCEL, "Done, $32.55."]), task(**JUDGED), seed=1)
        assert endpoint.count == len(answers)
        asked = str(endpoint.requests[0].messages[1]["content"])
    assert "Customer: You are Ada." in asked
    assert 'Tool cancel_pending_order({"order_id": "#W1"' in asked
    assert "Agent: Done, $32.55.\nCustomer: ###STOP###" in asked
    assert asked.endswith("\n\n1. The agent is kind.\n2. The agent is short.")
    assert (episode.reward, episode.terms["assertions"].value) == (float(all(met)), float(all(met)))
    assert episode.terms["unjudged"].value == 0.0
    told: Any = list(episode.steps())[-1].info["nl_assertions"]
    assert tuple(entry["met"] for entry in told) == met


async def test_without_a_judge_assertions_are_reported_as_not_evaluated(shop: Tau2DB) -> None:
    episode = await played(shop, task(**JUDGED), DO_CANCEL, "Done.")
    assert (episode.reward, episode.terms["unjudged"].value) == (1.0, 2.0)
    assert "assertions" not in episode.terms
    assert list(episode.steps())[-1].info["not_evaluated"] == ["NL_ASSERTION"]
    empty = await played(shop, task(**{**JUDGED, "nl_assertions": []}), DO_CANCEL, "Done.")
    assert (empty.reward, empty.terms["unjudged"].value) == (1.0, 0.0), "an empty list is fulfilled"


async def test_nobody_is_asked_where_nothing_is_to_be_judged(shop: Tau2DB) -> None:
    for fields in ({**JUDGED, "reward_basis": ["DB"]}, {**JUDGED, "nl_assertions": []}):
        episode = await played(shop, task(**fields), DO_CANCEL, "Done.", judge=ScriptedPolicy([]))
        assert episode.outcome == "solved"


@pytest.mark.parametrize("answers", [["no idea"] * 3, ['{"results": [{"number": [1], "met": true}]}'] * 3, []])
async def test_what_breaks_in_a_judge_is_no_fault_of_the_agent(shop: Tau2DB, answers: list[str]) -> None:
    class Judge(ScriptedPolicy):
        def start(self, context: Any) -> Any:
            if not answers:
                raise KeyError("gone")
            return super().start(context)

    episode = await played(shop, task(**JUDGED), DO_CANCEL, "Done.", judge=Judge(answers))
    assert episode.outcome == "not_evaluable"
    assert episode.cause is not None
    assert (episode.cause.boundary, "judge:" in episode.cause.message) == ("environment", True)


async def test_what_a_judge_costs_is_beside_what_customers_cost(shop: Tau2DB) -> None:
    used = Usage(prompt_tokens=10, completion_tokens=5, cost_usd=0.25, calls=1)
    judge = ScriptedPolicy([Turn(verdict(True, True), usage=used)])
    episode = await played(shop, task(**JUDGED), DO_CANCEL, "Done.", judge=judge)
    costs: Any = user_costs(iter([episode]))
    assert (costs["judge:scripted"]["calls"], costs["judge:scripted"]["cost_usd"]) == (1, 0.25)
    assert episode.usage.calls == 0


async def test_wrong_judges_are_told_at_once(shop: Tau2DB, monkeypatch: pytest.MonkeyPatch) -> None:
    for settings, told in (
        ({"judge": "nobody"}, "no policy 'nobody'"),
        ({"judge": "oracle"}, "cannot judge"),
        ({"judge": "idle", "judge_settings": {"base_url": "x"}}, "judge_settings are for"),
        ({"judge_settings": {"base_url": "x"}}, "judge_settings are for"),
        ({"judge": "openai:m", "judge_settings": {"api_key": "x"}}, "AGENTGYM_JUDGE_API_KEY"),
    ):
        given: Any = settings
        with pytest.raises(UsageError, match=told):
            RetailEnv(shop, profile="tau2", **given)


async def test_a_judgement_is_paid_once(shop: Tau2DB, tmp_path: Path) -> None:
    """A run whose record of the episode is lost goes on from its journal."""
    async with FakeEndpoint(lambda request: verdict(True, True)) as endpoint:
        judge = OpenAIPolicy("m", base_url=endpoint.base_url, api_key="k")
        jobs = [Job(make=lambda: RetailEnv(shop, profile="tau2", judge=judge), task=task(**JUDGED), seed=1)]
        agent = ScriptedPolicy([DO_CANCEL, "Done."])
        await run(jobs, agent, tmp_path / "run", preflight=False)
        assert endpoint.count == 1
        (tmp_path / "run" / "episodes.jsonl").write_text("")
        records: list[Episode] = []
        await run(jobs, agent, tmp_path / "run", preflight=False, on_episode=records.append)
        assert (records[0].outcome, records[0].divergences) == ("solved", 0)
        assert endpoint.count == 1


async def test_scoring_is_pure_and_whole(shop: Tau2DB) -> None:
    env = RetailEnv(shop, profile="tau2")
    await env.reset(task(**JUDGED, outputs=["32.55"]))
    await env.call(DO_CANCEL.name, CANCEL)
    before = env.state_hash()
    score = env.score()
    assert isinstance(score, Tau2Score)
    assert score == env.score()
    assert score.info() == {
        "reward_basis": ["DB", "NL_ASSERTION"],
        "reward_breakdown": {"DB": 1.0},
        "not_evaluated": ["NL_ASSERTION"],
        "db_match": True,
        "expected_db_hash": before,
        "communicate_checks": {"32.55": False},
        "action_checks": [True],
        "nl_assertions": None,
    }
    assert env.state_hash() == before


async def test_a_fork_goes_its_own_way(shop: Tau2DB) -> None:
    env = RetailEnv(shop, profile="tau2", judge=ScriptedPolicy([verdict(True, True)]))
    await env.reset(task(**JUDGED), seed=1)
    twin = env.fork()
    await twin.call(DO_CANCEL.name, CANCEL)
    for one, reward in ((twin, 1.0), (env, 0.0)):
        await one.step(Say("Bye."))
        assert one.reward == reward


@pytest.mark.parametrize("user", ["rules", "scripted"])
async def test_our_own_tasks_are_solved_by_their_reference_and_not_by_silence(user: str) -> None:
    tasks = RetailEnv(profile="tau2").tasks("test")
    assert len(tasks) == 120
    for wanted in tasks[::4]:
        oracle = await rollout(RetailEnv(profile="tau2", user=user), OraclePolicy(), wanted, seed=1)
        assert (oracle.outcome, oracle.terms["actions"].value) == ("solved", 1.0), wanted.id
        idle = await rollout(RetailEnv(profile="tau2", user=user), IdlePolicy(), wanted, seed=1)
        assert (idle.outcome, idle.reward) == ("failed", 0.0), wanted.id


async def test_both_layouts_agree_on_our_own_tasks() -> None:
    """What the reference of a task leads to, tool by tool, is refused by neither shop, or changes the same records."""
    tau, tau2 = RetailEnv(), RetailEnv(profile="tau2")
    for one, other in zip(tau.tasks(), tau2.tasks(), strict=True):
        (before, outcomes), (after, other_outcomes) = tau.replayed(one), tau2.replayed(other)
        assert [outcome.failed for outcome in other_outcomes] == [False] * len(outcomes)
        assert before.difference().keys() == after.difference().keys()
        for key, order in after.orders.items():
            assert {name: order[name] for name in before.orders[key]} == before.orders[key]  # type: ignore[literal-required]  # any of its keys


async def test_the_contract_is_kept(shop: Tau2DB, anyio_backend: str) -> None:
    wanted = [task(), task(id="u", outputs=["32.55"])]
    report = await check_env(
        lambda: RetailEnv(shop, profile="tau2"), tasks=wanted, seeds=2, instances=5, max_block_ms=100, timeout_s=600
    )
    assert report.ok, str(report)
    own = await check_env(
        lambda: RetailEnv(profile="tau2", user="rules"), seeds=2, instances=5, max_block_ms=100, timeout_s=600
    )
    assert own.ok, str(own)
