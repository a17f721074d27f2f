"""Requests in other words: what identifies anything survives, or the words stay as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgym import OpenAIPolicy, ScriptedPolicy, ToolCall, read_episodes
from agentgym.testing import ChatRequest, FakeEndpoint, Trouble
from environments.retail.database import RetailDB
from environments.retail.factory.cases import Case, cases_of
from environments.retail.factory.enhance import identifiers, lost_in
from environments.retail.factory.envelope import Blueprint, Call
from environments.retail.factory.tester import Plan, try_tasks

pytestmark = pytest.mark.anyio
Q = "I am Ada Ito, 00001. Cancel #W1 please, I no longer need it."
CALLS = (
    Call(name="find_user_id_by_name_zip", arguments={"first_name": "Ada", "last_name": "Ito", "zip": "00001"}),
    Call(name="cancel_pending_order", arguments={"order_id": "#W1", "reason": "no longer needed"}),
)
GOOD = "Hi there! Ada Ito here (zip 00001). Could you cancel order #W1? I don't need it any more."
LOSSY = "Hi! Could you cancel my order? Ada Ito"
BYE = "Is there anything else?"


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (Q, GOOD, []),
        (Q, LOSSY, ["'00001' is missing", "'w1' is missing"]),
        (Q, GOOD.replace("#W1", "#W12"), ["'w1' is missing", "'w12' was not there before"]),
        (Q, "  ", ["it is empty"]),
        ("Mail ADA@x.org", "Mail ada@x.org", []),
        ("Item 1234567890 to paypal_123", "To paypal_123", ["'1234567890' is missing"]),
        ("My name is Zoë O'Neil-Smith and I am late", "I am late", ['"zoë o\'neil-smith" is missing']),
        ("I am Very Happy with it", "I am very happy with it", []),
        ("请取消订单#W7, 邮箱a@b.cn谢谢", "请帮我取消订单#W7,我的邮箱是a@b.cn", []),
    ],
)
def test_what_is_lost_and_what_is_made_up_is_told(before: str, after: str, lost: list[str]) -> None:
    assert lost_in(after, before) == lost or (not after.strip() and lost_in(after, before) == lost)


def test_customers_are_known_by_their_full_names() -> None:
    assert identifiers("ada  ito wants it", {"ada ito", "ben ray"}) == {"ada ito"}


def case(db: RetailDB) -> list[Case]:
    return cases_of([Blueprint(q=Q, agt=CALLS)], db)


def agent() -> ScriptedPolicy:
    return ScriptedPolicy([*(ToolCall(call.name, call.arguments) for call in CALLS), BYE, BYE])


@pytest.mark.parametrize(
    ("answers", "opening", "asked"),
    [([GOOD], GOOD, 1), ([LOSSY, GOOD], GOOD, 2), ([LOSSY, "", GOOD], GOOD, 3), ([LOSSY] * 4, Q, 3)],
)
async def test_a_lossy_rewriting_is_asked_for_again_twice(
    db: RetailDB, tmp_path: Path, answers: list[str], opening: str, asked: int
) -> None:
    async with FakeEndpoint(answers) as endpoint:
        model = OpenAIPolicy("fake", base_url=endpoint.base_url, api_key="k")
        report = await try_tasks(case(db), agent(), db, plan=Plan(rewriter=model), folder=tmp_path / "run")
        await model.aclose()
        assert endpoint.count == asked
        if asked > 1:
            assert "missing" in str(endpoint.requests[1].messages[-1]["content"])
    (episode,), (result,) = read_episodes(tmp_path / "run"), report.results
    assert [message.content for message in episode.opening if message.role == "user"] == [opening]
    assert result.query_enhanced is (opening != Q)
    assert (result.success, report.summary["mode"]) == (True, "enhance-query")
    assert report.summary["user_model"] == model.name


async def test_a_rewriter_that_is_out_is_no_failure_of_the_agent(db: RetailDB) -> None:
    async with FakeEndpoint(Trouble.BROKEN) as endpoint:
        model = OpenAIPolicy("fake", base_url=endpoint.base_url, api_key="k", retries=None)
        from agentgym import Retries

        hurried = Retries(attempts=2, first_wait_s=0.0)
        report = await try_tasks(case(db), agent(), db, plan=Plan(rewriter=model), retries=hurried)
        await model.aclose()
    assert report.results[0].success is None
    assert "user: " in str(report.results[0].error)


async def test_one_model_may_rewrite_and_play_the_customer(db: RetailDB) -> None:
    def answer(request: ChatRequest) -> str:
        system = str(request.messages[0]["content"])
        if system.startswith("Rewrite"):
            return GOOD
        assert GOOD in system
        return "Cancel #W1." if len(request.messages) < 4 else "###STOP###"

    async with FakeEndpoint(answer) as endpoint:
        model = OpenAIPolicy("fake", base_url=endpoint.base_url, api_key="k")
        plan = Plan(rewriter=model, customer=model)
        report = await try_tasks(case(db), agent(), db, plan=plan)
        await model.aclose()
    assert (report.summary["mode"], report.results[0].success) == ("dual-model+enhance-query", True)
    assert report.results[0].query_enhanced
