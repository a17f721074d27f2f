"""An agent tried on tasks: who succeeds, who cannot, and what is nobody's failure."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agentgym import OpenAIPolicy, Policy, ScriptedPolicy, ToolCall, Turn, read_episodes
from agentgym.errors import DataFileError
from agentgym.lines import Retries
from agentgym.messages import JsonObject
from agentgym.policies.idle import IdlePolicy
from agentgym.policies.oracle import OraclePolicy
from agentgym.testing import ChatRequest, FakeEndpoint, Faults, Trouble
from environments.retail.database import RetailDB
from environments.retail.factory.cases import Case, cases_of, read_cases
from environments.retail.factory.envelope import Blueprint, Call
from environments.retail.factory.reporting import Report
from environments.retail.factory.template import as_blueprint
from environments.retail.factory.tester import Plan, try_tasks
from environments.retail.users.user import STOP
from environments.retail.world.own import own_tasks, own_world

pytestmark = pytest.mark.anyio
EMAIL: JsonObject = {"email": "ada.ito@example.com"}
CANCEL: JsonObject = {"order_id": "#W1", "reason": "no longer needed"}
FIND, LOOK = (
    Call(name="find_user_id_by_email", arguments=EMAIL),
    Call(name="get_order_details", arguments={"order_id": "#W1"}),
)
Q = "I am ada.ito@example.com. Please cancel #W1, I no longer need it."
GOOD = Blueprint(q=Q, agt=(FIND, LOOK, Call(name="cancel_pending_order", arguments=CANCEL)), ogt=("32.55",))
ASK = "I am ada.ito@example.com. What did #W1 cost?"
INQUIRY = Blueprint(q=ASK, agt=(FIND, LOOK), ogt=("32.55",))
BYE = "Is there anything else?"


def blueprints(count: int) -> list[Blueprint]:
    """Tasks of our own world, of every scenario."""
    return [as_blueprint(task, Random(task.id)) for task in own_tasks("test")[:count]]


async def tried(db: RetailDB, policy: Policy, *tasks: Blueprint, **plan: Any) -> Report:
    return await try_tasks(cases_of(tasks, db), policy, db, plan=Plan(**plan))


async def test_a_dry_run_carries_every_reference_out(tmp_path: Path) -> None:
    cases = cases_of(blueprints(120), own_world())
    report = await try_tasks(cases, IdlePolicy(), own_world(), plan=Plan(dry_run=True), folder=tmp_path / "run")
    summary = report.summary
    assert (summary["total_tasks"], summary["successful"], summary["success_rate"]) == (120, 120, 1.0)
    assert (summary["exact_action_matches"], summary["avg_output_match"]) == (120, 1.0)
    assert (summary["mode"], summary["model"], summary["user_model"]) == ("dry-run", "oracle", None)
    assert sum(len(episode.turns) for episode in read_episodes(tmp_path / "run")) > 500


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (Call(name="cancel_pending_order", arguments={**CANCEL, "order_id": "#W9"}), "order not found"),
        (Call(name="cancel_pending_order", arguments={**CANCEL, "order_id": "#W2"}), "non-pending order cannot"),
        (Call(name="cancel_pending_order", arguments={**CANCEL, "reason": "bored"}), "action 2"),
        (Call(name="nosuch_tool", arguments={}), "nosuch_tool"),
        (Call(name="get_user_details", arguments={"user_id": "nobody"}), "user not found"),
    ],
)
async def test_a_reference_that_cannot_be_carried_out_scores_0_for_everybody(
    db: RetailDB, call: Call, why: str
) -> None:
    task = Blueprint(q=Q, agt=(FIND, LOOK, call), ogt=("32.55",))
    for policy, plan in ((OraclePolicy(), {}), (IdlePolicy(), {"dry_run": True}), (ScriptedPolicy(["32.55", BYE]), {})):
        report = await tried(db, policy, task, GOOD, **plan)
        broken, sound = report.results
        assert (broken.success, broken.reward, broken.failure) == (False, 0.0, "reference")
        assert why in str(broken.error)
        assert sound.success is not isinstance(policy, ScriptedPolicy)


@pytest.mark.parametrize(
    "ogt", [(), ("",), (" , ",), ("", ","), ("32.55",), ("It cost 32.55.",), ("Please wait a moment",)]
)
async def test_who_does_nothing_succeeds_in_no_inquiry(db: RetailDB, ogt: tuple[str, ...]) -> None:
    task = INQUIRY.model_copy(update={"ogt": ogt})
    silent = [IdlePolicy(), ScriptedPolicy([""]), ScriptedPolicy([]), ScriptedPolicy([",", "  "])]
    for policy in silent:
        report = await tried(db, policy, task)
        assert (report.results[0].success, report.results[0].reward) == (False, 0.0)


async def test_who_does_nothing_succeeds_in_no_task_of_our_own() -> None:
    cases = cases_of(blueprints(120), own_world())
    report = await try_tasks(cases, IdlePolicy(), own_world())
    assert report.summary["successful"] == report.summary["not_evaluable"] == 0


async def test_a_change_that_changes_nothing_is_no_merit_of_the_silent(db: RetailDB) -> None:
    home = {"user_id": "ada_ito_1000", "address1": "1 Elm", "address2": "", "city": "Oslo", "country": "USA"}
    same = Call(name="modify_user_address", arguments={**home, "state": "CA", "zip": "00001"})
    report = await tried(db, IdlePolicy(), Blueprint(q=Q, agt=(FIND, same), ogt=("The address is as it should be.",)))
    assert (report.results[0].success, report.results[0].failure) == (False, "reference")


def turns(*calls: Call, say: str = BYE) -> ScriptedPolicy:
    return ScriptedPolicy([*(ToolCall(call.name, call.arguments) for call in calls), say, BYE])


async def test_the_names_of_the_calls_never_decide_success(db: RetailDB) -> None:
    wrong = Call(name="cancel_pending_order", arguments={**CANCEL, "order_id": "#W3"})
    (named,) = (await tried(db, turns(FIND, LOOK, wrong, say=f"32.55 {BYE}"), GOOD)).results
    assert (named.actions.names.f1, named.success, named.failure) == (1.0, False, "state")
    (quick,) = (await tried(db, turns(GOOD.agt[-1], say=f"32.55 {BYE}"), GOOD)).results
    assert quick.actions.names.recall == pytest.approx(1 / 3)
    assert quick.success
    curious = (LOOK, FIND, LOOK, Call(name="list_all_product_types", arguments={}), GOOD.agt[-1])
    (result,) = (await tried(db, turns(*curious, say=f"32.55 {BYE}"), GOOD)).results
    assert (result.actions.names.precision, result.success, result.actions.exact) == (0.6, True, False)


async def test_what_must_be_told_must_be_told(db: RetailDB) -> None:
    (mute,) = (await tried(db, turns(*GOOD.agt, say="That is done. " + BYE), GOOD)).results
    assert (mute.success, mute.output_match, mute.failure) == (False, 0.0, "outputs")
    respond = ToolCall("respond", {"content": f"It was 32.55. {BYE}"})
    calls = [ToolCall(call.name, call.arguments) for call in GOOD.agt]
    (told,) = (await tried(db, ScriptedPolicy([*calls, respond, BYE]), GOOD)).results
    assert (told.success, told.output_match, told.actions.exact) == (True, 1.0, True)
    assert [call.name for call in told.calls] == [call.name for call in GOOD.agt]


async def test_after_a_change_only_plain_values_must_be_told(db: RetailDB) -> None:
    sentence = GOOD.model_copy(update={"ogt": ("Order #W1 is cancelled and 32.55 is refunded.",)})
    (result,) = (await tried(db, turns(*GOOD.agt), sentence)).results
    assert (result.success, result.output_match) == (True, 0.0)


async def test_the_customer_opens_with_the_task_itself_and_answers_from_it(db: RetailDB, tmp_path: Path) -> None:
    words = "Please cancel my order. \N{SNOWMAN} 取消订单。"
    task = GOOD.model_copy(update={"q": words, "ogt": ()})
    agent = ScriptedPolicy(["What is your e-mail address?", *(ToolCall(c.name, c.arguments) for c in task.agt), BYE])
    report = await try_tasks(cases_of([task], db), agent, db, folder=tmp_path / "run")
    (episode,) = read_episodes(tmp_path / "run")
    assert [message.content for message in episode.opening if message.role == "user"] == [words]
    assert "ada.ito@example.com" in episode.turns[0].replies[0].content
    assert report.results[0].success


async def test_calls_in_other_forms_are_what_the_tools_ask_for(db: RetailDB) -> None:
    loose = Call(name="cancel_pending_order", arguments={"order_id": "w1", "reason": "no longer needed"})
    report = await tried(db, OraclePolicy(), GOOD.model_copy(update={"agt": (FIND, loose)}), dry_run=True)
    assert report.results[0].success
    assert report.results[0].calls[-1].arguments["order_id"] == "#W1"


async def test_steps_are_limited_and_times_add_up(db: RetailDB) -> None:
    chatty = ScriptedPolicy(["One moment."] * 50)
    (cut,) = (await tried(db, chatty, GOOD, max_steps=3)).results
    assert (cut.success, cut.failure, cut.error) == (False, "limit: turns", None)
    for result in (await tried(db, OraclePolicy(), GOOD, INQUIRY)).results:
        parts = result.model_response_time, result.tool_execution_time
        assert min(parts) >= 0
        assert 0 < sum(parts) <= result.execution_time + 1e-3


class Shop:
    """Answers as the reference would, by the conversation alone."""

    def __init__(self, cases: list[Case]) -> None:
        self._cases = {case.blueprint.q: case.blueprint for case in cases}

    def __call__(self, request: ChatRequest) -> Turn:
        said = [message["content"] for message in request.messages if message["role"] == "user"]
        task = self._cases[str(said[0])]
        made = sum(message["role"] == "assistant" for message in request.messages)
        calls = sorted(task.agt, key=lambda call: call.name == "transfer_to_human_agents")
        if made < len(calls) - any(call.name == "transfer_to_human_agents" for call in calls):
            return Turn(tool_calls=(ToolCall(calls[made].name, calls[made].arguments, id=f"call_{made}"),))
        if task.ogt and made < len(calls):
            return Turn(" ".join(task.ogt))
        if made <= len(calls) and calls[-1].name == "transfer_to_human_agents":
            return Turn(tool_calls=(ToolCall(calls[-1].name, calls[-1].arguments, id=f"call_{made}"),))
        return Turn(f"{' '.join(task.ogt)} That is all done. {BYE}")


def rows(report: Report) -> list[dict[str, Any]]:
    """Without what differs between equal runs."""
    return [{name: value for name, value in row.items() if not name.endswith("_time")} for row in report.rows()]


async def test_through_faults_every_task_ends_as_one_row_in_the_order_of_the_file(tmp_path: Path) -> None:
    db = own_world()
    cases = cases_of(blueprints(40), db)
    reports = []
    for number, threads in enumerate((2, 16)):
        async with FakeEndpoint(Shop(cases), faults=Faults(rate=0.1, seed=number)) as endpoint:
            policy = OpenAIPolicy("fake", base_url=endpoint.base_url, api_key="k", timeout_s=2.0)
            fast = Retries(first_wait_s=0.01)
            folder = tmp_path / f"run{number}"
            reports.append(await try_tasks(cases, policy, db, folder=folder, concurrency=threads, retries=fast))
            await policy.aclose()
        assert endpoint.injected.total() > 10
    few, many = reports
    assert [row["task_id"] for row in rows(few)] == [case.id for case in cases]
    assert rows(few) == rows(many)
    assert (few.summary["successful"], few.summary["not_evaluable"]) == (40, 0)


async def test_an_outage_is_nobodys_failure(db: RetailDB, tmp_path: Path) -> None:
    cases = cases_of([GOOD, INQUIRY, GOOD], db)
    faults = Faults(rate=1.0, kinds=[Trouble.BROKEN])
    async with FakeEndpoint("hello", faults=faults) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url, api_key="k")
        hurried = Retries(attempts=2, first_wait_s=0.0)
        report = await try_tasks(cases, policy, db, preflight=False, retries=hurried)
        await policy.aclose()
    assert [result.success for result in report.results] == [None, None, None]
    assert all(result.error and "policy: EndpointFault" in result.error for result in report.results)
    told = report.summary
    assert (told["total_tasks"], told["not_evaluable"], told["successful"], told["success_rate"]) == (3, 3, 0, None)
    assert rows(report)[0]["action_precision"] is None


async def test_faults_are_in_no_mean(db: RetailDB) -> None:
    def answer(request: ChatRequest) -> Turn | Trouble:
        asked = [message["content"] for message in request.messages if message["role"] == "user"]
        return Trouble.BROKEN if asked[0] == ASK else shop(request)

    cases = cases_of([GOOD, INQUIRY], db)
    shop = Shop(cases)
    async with FakeEndpoint(answer) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url, api_key="k")
        report = await try_tasks(cases, policy, db, preflight=False, retries=Retries(attempts=2, first_wait_s=0.0))
        await policy.aclose()
    told = report.summary
    assert (told["total_tasks"], told["not_evaluable"], told["successful"], told["success_rate"]) == (2, 1, 1, 1.0)
    assert told["avg_action_recall"] == 1.0


async def test_trials_are_rows_of_their_own_and_pass_hat_k_counts_them(db: RetailDB) -> None:
    report = await tried(db, OraclePolicy(), GOOD, INQUIRY, trials=3)
    assert [(row["task_id"], row["trial"]) for row in rows(report)] == [
        (name, trial) for name in ("task_001", "task_002") for trial in range(3)
    ]
    told = report.summary
    assert (told["total_tasks"], told["trials"], told["successful"], told["success_rate"]) == (6, 3, 6, 1.0)
    assert told["pass_hat_k"] == {"1": 1.0, "2": 1.0, "3": 1.0}


async def test_a_model_may_play_the_customer(db: RetailDB) -> None:
    customer = ScriptedPolicy(["Hello, cancel #W1 please.", STOP])
    agent = turns(*GOOD.agt, say=f"32.55 {BYE}")
    report = await tried(db, agent, GOOD, customer=customer)
    assert report.results[0].success
    assert (report.summary["mode"], report.summary["user_model"]) == ("dual-model", "scripted")


async def test_a_finished_run_is_read_again_and_not_played(db: RetailDB, tmp_path: Path) -> None:
    cases = cases_of([GOOD, INQUIRY], db)
    first = await try_tasks(cases, OraclePolicy(), db, folder=tmp_path / "run")
    before = (tmp_path / "run" / "episodes.jsonl").read_bytes()
    again = await try_tasks(cases, OraclePolicy(), db, folder=tmp_path / "run")
    assert (tmp_path / "run" / "episodes.jsonl").read_bytes() == before
    assert again.rows() == first.rows()


def test_a_file_is_read_in_its_order_without_what_its_maker_gave_up(db: RetailDB, tmp_path: Path) -> None:
    made = {"metadata": {"generation_method": "direct", "turns": 1, "confidence": 1.0}}
    entries = [
        {"success": ok, "task": GOOD.model_dump(mode="json"), **made, "validation_report": {}}
        for ok in (True, False, True)
    ]
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(entries))
    cases, left_out = read_cases(path, db)
    assert ([case.id for case in cases], left_out) == (["task_001", "task_003"], 1)
    assert [case.task.user_id for case in cases] == ["ada_ito_1000"] * 2
    assert cases[0].scenario == "order_cancellation"
    path.write_text(json.dumps(entries[1:2]))
    with pytest.raises(DataFileError, match="none of its 1 tasks was accepted"):
        read_cases(path, db)


async def test_the_seed_files_form_of_a_task_is_played(db: RetailDB) -> None:
    """Order tools name the customer too, and nobody says why the order is cancelled."""
    ada: JsonObject = {"user_id": "ada_ito_1000", "order_id": "#W1"}
    sample = Blueprint(
        q="请帮我取消订单#W1, 邮箱ada.ito@example.com",
        agt=(FIND, Call(name="get_order_details", arguments=ada), Call(name="cancel_pending_order", arguments=ada)),
        ogt=("Order #W1 was cancelled.",),
    )
    dry = await tried(db, OraclePolicy(), sample, dry_run=True)
    assert (dry.results[0].success, dry.results[0].actions.exact, dry.results[0].output_match) == (True, True, 1.0)
    agent = turns(FIND, Call(name="cancel_pending_order", arguments=CANCEL))
    assert (await tried(db, agent, sample)).results[0].success, "the reference leaves the reason open"
