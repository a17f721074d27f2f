"""The committee: who is for a task, who is against it, and who says nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentgym import Context, Conversation, Policy, ScriptedPolicy, Session, Turn
from agentgym.errors import EndpointFault, Outage, UsageError
from environments.retail.factory.attempts import Attempt
from environments.retail.factory.authors import Draft
from environments.retail.factory.checks import Checked, check_blueprint
from environments.retail.factory.committee import Committee, Decision
from environments.retail.factory.pipeline import PipelineConfig, TaskConfigurationPipeline
from environments.retail.factory.template import Stock
from environments.retail.world.own import own_world

pytestmark = pytest.mark.anyio
YES = {"reflection": "good", "correctness": 1, "completeness": 1, "satisfaction": 1, "creativity": 0, "correction": ""}
NO = {**YES, "correctness": 0, "correction": "name the order"}
SILENT = "I would rather not say."


class Broken(Policy):
    """Raises whenever it is asked."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def start(self, context: Context) -> Session:
        return _Breaking(self._error)


class _Breaking(Session):
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def act(self, conversation: Conversation) -> Turn:
        raise self._error


@pytest.fixture(scope="module")
def checked() -> Checked:
    held = next(Stock(own_world(), ["item_return"], seed=0).take("item_return"))
    return check_blueprint(held.blueprint, own_world(), scenario="item_return")


async def decided(checked: Checked, *said: Any) -> Decision:
    seats = [each if isinstance(each, Policy) else ScriptedPolicy([_text(each)]) for each in said]
    return await Committee(len(seats), seats).review(checked, scenario="item_return")


def _text(said: Any) -> str:
    return said if isinstance(said, str) else json.dumps(said)


@pytest.mark.parametrize(
    ("said", "accepted", "available"),
    [
        ([YES, YES, YES], True, True),
        ([YES, NO, YES], True, True),
        ([NO, YES, NO], False, True),
        ([NO, NO, NO], False, True),
        ([YES, YES, SILENT], True, True),
        ([YES, NO, SILENT], False, True),
        ([YES, SILENT, SILENT], False, False),
        ([SILENT, SILENT, SILENT], False, False),
        ([YES, NO], False, True),  # a tie rejects
        ([YES, YES], True, True),
        ([YES, SILENT], False, False),
        ([YES, YES, NO, NO], False, True),
        ([YES, YES, YES, NO], True, True),
        ([YES, YES, NO, SILENT, SILENT], False, True),
        ([YES], True, True),
        ([NO], False, True),
    ],
)
async def test_most_must_be_for_it(checked: Checked, said: list[Any], accepted: bool, available: bool) -> None:
    decision = await decided(checked, *said)
    assert (decision.accepted, decision.available) == (accepted, available)
    assert len(decision.silent) == said.count(SILENT)


async def test_each_metric_needs_its_own_majority(checked: Checked) -> None:
    one, other = {**YES, "completeness": 0, "creativity": 1}, {**YES, "satisfaction": 0, "creativity": 1}
    assert (await decided(checked, one, other, YES)).accepted
    assert not (await decided(checked, one, one, YES)).accepted
    points = list((await decided(checked, one, one, YES)).points())
    assert points == ["REVIEW_COMPLETENESS: 1 for, 2 against"]


async def test_most_must_find_it_good_altogether(checked: Checked) -> None:
    poor = [{**YES, name: 0} for name in ("correctness", "completeness", "satisfaction")]
    decision = await decided(checked, *poor)
    assert all(votes[0] == 2 for name, votes in decision.votes.items() if name != "creativity")  # type: ignore[index]
    assert not decision.accepted
    assert "REVIEW_TOTAL: 0 of 3" in "\n".join(decision.points())


async def test_a_total_of_its_own_does_not_count(checked: Checked) -> None:
    boaster = {**NO, "completeness": 0, "total": 4}
    decision = await decided(checked, boaster, boaster, YES)
    assert [review.total for review in decision.reviews] == [1, 1, 3]
    assert not decision.accepted


@pytest.mark.parametrize(
    "answer", [{**YES, "correctness": 2}, {"correctness": 1}, {**YES, "satisfaction": "maybe"}, []]
)
async def test_what_is_no_review_abstains(checked: Checked, answer: Any) -> None:
    decision = await decided(checked, answer, YES, YES)
    assert (len(decision.silent), decision.accepted) == (1, True)


async def test_thoughts_and_fences_are_read(checked: Checked) -> None:
    said = f"<think>{json.dumps(NO)}</think>Well.\n```json\n{json.dumps(YES)}\n```"
    assert (await decided(checked, said)).accepted


async def test_a_broken_endpoint_abstains_and_an_outage_ends_it_all(checked: Checked) -> None:
    decision = await decided(checked, Broken(EndpointFault("gone")), YES, YES)
    assert (decision.accepted, decision.silent) == (True, ("broken: gone",))
    with pytest.raises(Outage):
        await decided(checked, Broken(Outage("all gone")), YES, YES)
    with pytest.raises(UsageError, match="wrong key"):
        await decided(checked, Broken(UsageError("wrong key")), YES, YES)


async def test_the_heuristic_says_that_it_is_one(checked: Checked) -> None:
    decision = await Committee(3).review(checked, scenario="item_return")
    assert decision.accepted
    assert {review.reviewer for review in decision.reviews} == {"heuristic"}
    assert [review["reviewer"] for review in decision.to_json()["reviews"]] == ["heuristic"] * 3  # type: ignore[union-attr,call-overload,index]


async def test_without_seats_nobody_is_asked(checked: Checked) -> None:
    decision = await Committee(0, [Broken(EndpointFault("gone"))]).review(checked)
    assert (decision.accepted, decision.available, decision.share) == (True, True, 1.0)
    assert Attempt(Draft(), checked, decision).accepted


async def test_an_unavailable_committee_is_asked_once_more_and_then_the_slot_fails() -> None:
    asked = []

    class Silent(Policy):
        def start(self, context: Context) -> Session:
            asked.append(context.seed)
            return ScriptedPolicy([SILENT]).start(context)

    config = PipelineConfig(max_iterations=3, reviewers=[Silent()], scenarios=["item_return"])
    (envelope,), statistics = await TaskConfigurationPipeline(config).generate(1)
    assert not envelope.success
    assert len(asked) == len(set(asked)) == 6
    assert statistics.to_json()["failure_reasons"] == {"committee_unavailable": 1}
    assert statistics.to_json()["committee_rejections"] == 0


async def test_confidence_is_the_share_that_accepts() -> None:
    reviewers = [ScriptedPolicy([json.dumps(said)]) for said in (YES, NO, YES)]
    config = PipelineConfig(reviewers=reviewers, scenarios=["item_return"])
    envelope = await TaskConfigurationPipeline(config).generate_task()
    assert envelope.success
    assert envelope.metadata.confidence == 0.6667
