"""From a scenario to a task: what is wrong with one attempt is what the next one is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from agentgym import Policy, ScriptedPolicy
from agentgym.errors import EndpointFault, UsageError
from environments.retail.database import RetailDB
from environments.retail.factory.envelope import Blueprint, TaskEnvelope
from environments.retail.factory.pipeline import PipelineConfig, TaskConfigurationPipeline
from environments.retail.factory.statistics import Statistics
from tests.environments.retail.factory.authors import GOOD, INVENTED, LOOK, UNREASONED, Author, Q, cancel, task

pytestmark = pytest.mark.anyio


def in_turn(replies: Sequence[str]) -> Callable[[str], str]:
    waiting: Iterator[str] = iter(replies)
    return lambda said: next(waiting)


async def made(
    db: RetailDB, generator: Policy | str, count: int = 1, **config: Any
) -> tuple[list[TaskEnvelope], Statistics]:
    settings = PipelineConfig(db, generator=generator, **{"scenarios": ["order_cancellation"], **config})
    return await TaskConfigurationPipeline(settings).generate(count)


async def test_wrong_wrong_right_takes_three_iterations_and_tells_why(db: RetailDB) -> None:
    author = Author(in_turn([INVENTED, UNREASONED, GOOD]))
    (envelope,), statistics = await made(db, author)
    assert envelope.success
    assert envelope.task.agt[-1].arguments == {"order_id": "#W1", "reason": "no longer needed"}
    told = statistics.to_json()
    assert (told["iterations_histogram"], told["total_attempts"], told["avg_iterations"]) == ({"3": 1}, 3, 3.0)
    assert (told["validation_failures"], told["committee_rejections"], told["generation_errors"]) == (2, 0, 0)
    first, second, third = (asked[-1] for asked in author.asked)
    assert "ORDER_NOT_FOUND" not in first
    assert "ORDER_NOT_FOUND at action 2 (cancel_pending_order)" in second
    assert '"#W9"' in second
    assert "ARG_ENUM at action 2" in third
    assert '"bored"' in third
    assert [len(asked) for asked in author.asked] == [2, 4, 6]


async def test_an_author_who_must_see_the_code_does(db: RetailDB) -> None:
    author = Author(
        lambda said: GOOD if "ORDER_NOT_FOUND" in said and "#W9" in said.split("not accepted")[1] else INVENTED
    )

    def learns(said: str) -> str:
        return GOOD if "not accepted" in said and "#W9" in said.split("not accepted")[1] else INVENTED

    author = Author(learns)
    (envelope,), _ = await made(db, author)
    assert (envelope.success, len(author.asked)) == (True, 2)


async def test_what_never_passes_is_written_as_a_failure(db: RetailDB) -> None:
    (envelope,), statistics = await made(db, Author(lambda said: INVENTED), max_iterations=2)
    assert not envelope.success
    assert not envelope.validation_report.valid
    missing = envelope.validation_report.missing[0]
    assert (missing.type, missing.value, missing.index) == ("ORDER_NOT_FOUND", "#W9", 2)
    told = statistics.to_json()
    assert (told["successful_tasks"], told["failed_tasks"], told["success_rate"]) == (0, 1, 0.0)
    assert told["failure_reasons"]["ORDER_NOT_FOUND"] == 2  # type: ignore[index,call-overload]


async def test_what_reviewers_say_is_told_too(db: RetailDB) -> None:
    bad = {"correctness": 1, "completeness": 0, "satisfaction": 1, "creativity": 0, "correction": "mention the mug"}
    good = {**bad, "completeness": 1, "correction": ""}
    reviewers = [
        ScriptedPolicy([json.dumps(bad)]),
        ScriptedPolicy([json.dumps(bad)]),
        ScriptedPolicy([json.dumps(good)]),
    ]
    author = Author(lambda said: GOOD)
    (envelope,), statistics = await made(db, author, reviewers=reviewers)
    assert not envelope.success
    assert statistics.to_json()["committee_rejections"] == 1  # scripts of a role go on where they were, and say nothing
    assert "A reviewer asks: mention the mug" in author.asked[1][-1]
    assert "REVIEW_COMPLETENESS: 1 for, 2 against" in author.asked[1][-1]


async def test_what_cannot_be_read_is_told_and_counted(db: RetailDB) -> None:
    author = Author(in_turn(["I would rather not.", '<answer>{"q": "Hi", "agt": [</answer>', GOOD]))
    (envelope,), statistics = await made(db, author)
    assert envelope.success
    assert "FORMAT_UNREADABLE" in author.asked[1][-1]
    assert statistics.to_json()["generation_errors"] == 2


@pytest.mark.parametrize("given", ['{"q": 3, "agt": [], "ogt": []}', '{"q": "x", "agt": "none"}', '{"task": [1]}'])
async def test_what_is_no_task_is_no_crash(db: RetailDB, given: str) -> None:
    author = Author(in_turn([given, GOOD]))
    (envelope,), _ = await made(db, author)
    assert envelope.success
    assert "FORMAT_" in author.asked[1][-1]


async def test_the_same_task_is_not_taken_twice(db: RetailDB) -> None:
    third = task(
        {"name": "get_order_details", "arguments": {"order_id": "#W3"}}, cancel("#W3"), q=Q.replace("#W1", "#W3")
    )
    author = Author(in_turn([GOOD, GOOD, third]))
    envelopes, statistics = await made(db, author, 2)
    assert [envelope.success for envelope in envelopes] == [True, True]
    assert statistics.to_json()["failure_reasons"] == {"DUPLICATE": 1}
    assert "DUPLICATE" in author.asked[2][-1]


async def test_a_fault_of_the_endpoint_is_not_told_to_the_author(db: RetailDB) -> None:
    def answer(said: str) -> str:
        if len(author.asked) == 1:
            raise EndpointFault("not now")
        return GOOD

    author = Author(answer)
    (envelope,), statistics = await made(db, author)
    assert envelope.success
    assert author.asked[0] == author.asked[1]
    assert (statistics.to_json()["generation_errors"], statistics.to_json()["validation_failures"]) == (1, 0)


async def test_confidence_and_turns_of_direct_mode(db: RetailDB) -> None:
    (envelope,), statistics = await made(db, Author(lambda said: GOOD), rich=True)
    told = envelope.metadata.model_dump()
    assert (told["generation_method"], told["turns"], told["confidence"]) == ("direct", 1, 1.0)
    assert (told["scenario"], told["user_id"], told["iterations"]) == ("order_cancellation", "ada_ito_1000", 1)
    assert statistics.to_json()["usage"]["generator"]["calls"] == 1  # type: ignore[index,call-overload]


async def test_the_prompt_holds_what_the_task_is_to_be_made_of(db: RetailDB) -> None:
    author = Author(lambda said: GOOD)
    await made(db, author)
    system, brief = author.asked[0]
    assert "<answer>" in system
    for part in (
        "order_cancellation",
        "cancel_pending_order",
        "Ada.Ito@example.com",
        "#W1",
        "no longer needed",
        "The customer is",
    ):
        assert part in brief
    assert "return_delivered_order_items" not in brief.partition("Tools:")[2].partition("The customer's record")[0]


async def test_scripts_go_on_from_task_to_task(db: RetailDB, tmp_path: Any) -> None:
    third = task(
        {"name": "get_order_details", "arguments": {"order_id": "#W3"}}, cancel("#W3"), q=Q.replace("#W1", "#W3")
    )
    lines = [json.dumps({"text": text}) for text in (INVENTED, GOOD, third)]
    (tmp_path / "said.jsonl").write_text("\n".join(lines))
    envelopes, statistics = await made(db, f"scripted:{tmp_path / 'said.jsonl'}", 2)
    assert [envelope.success for envelope in envelopes] == [True, True]
    assert statistics.to_json()["iterations_histogram"] == {"1": 1, "2": 1}


async def test_what_always_says_the_same_ends(db: RetailDB) -> None:
    envelopes, _ = await made(db, "mock:nothing to say", 3, max_iterations=2)
    assert [envelope.success for envelope in envelopes] == [False] * 3
    assert envelopes[0].task == Blueprint(q="")


async def test_the_oracle_writes_good_tasks_in_every_scenario() -> None:
    pipeline = TaskConfigurationPipeline(PipelineConfig(generator="oracle", reviewers=["oracle"]))
    envelopes, statistics = await pipeline.generate(16, concurrency=4)
    assert all(envelope.success for envelope in envelopes)
    assert set(statistics.scenario_counts.values()) == {2}


async def test_templates_need_no_model() -> None:
    envelopes, statistics = await TaskConfigurationPipeline(PipelineConfig()).generate(40, concurrency=3)
    assert all(envelope.success for envelope in envelopes)
    assert len({envelope.task.q for envelope in envelopes}) == 40
    told = statistics.to_json()
    assert (set(told["scenario_counts"].values()), told["diverse"]) == ({5}, True)  # type: ignore[union-attr]
    assert list(told) == [
        *("total_attempts", "successful_tasks", "failed_tasks", "success_rate", "avg_iterations"),
        *("iterations_histogram", "duration_s", "validation_failures", "committee_rejections"),
        *("user_id_inconsistencies", "auto_corrections_applied", "generation_errors", "failure_reasons"),
        *("scenario_counts", "diverse", "usage", "seed", "config"),
    ]


async def test_one_by_one_they_are_as_different_as_together() -> None:
    pipeline = TaskConfigurationPipeline(PipelineConfig(generator="oracle", rich=True))
    one_by_one = [await pipeline.generate_task() for _ in range(8)]
    together, _ = await TaskConfigurationPipeline(PipelineConfig(generator="oracle", rich=True)).generate(8)
    assert one_by_one == together
    assert len({envelope.metadata.model_dump()["scenario"] for envelope in one_by_one}) == 8
    wanted = await pipeline.generate_task("item_return")
    assert wanted.metadata.model_dump()["scenario"] == "item_return"
    more, _ = await pipeline.generate(4)
    assert len({envelope.task.q for envelope in (*one_by_one, wanted, *more)}) == 13


async def test_a_shop_that_holds_no_more_ends_the_slot(db: RetailDB) -> None:
    ben = {"ben_ray_2000": db.users["ben_ray_2000"]}
    orders = {key: db.orders[key] for key in ben["ben_ray_2000"]["orders"]}  # one of them was sent, nobody knows where
    (envelope,), statistics = await made(RetailDB(ben, orders, db.products), "template", scenarios=["item_return"])
    assert not envelope.success
    assert statistics.attempts == 1


async def test_more_than_one_customer_is_let_through_where_it_is_said(db: RetailDB) -> None:
    other = {"name": "get_user_details", "arguments": {"user_id": "ben_ray_2000"}}
    mixed = task({"name": "get_user_details", "arguments": {"user_id": "ada_ito_1000"}}, LOOK, other, cancel())
    (refused,), strict = await made(db, Author(lambda said: mixed), max_iterations=1)
    assert not refused.success
    assert strict.to_json()["user_id_inconsistencies"] == 1
    _, lenient = await made(db, Author(lambda said: mixed), max_iterations=1, user_id_validation=False)
    assert "USER_ID_INCONSISTENT" not in lenient.to_json()["failure_reasons"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"max_iterations": 0}, "max_iterations=0"),
        ({"committee_size": -1}, "committee_size=-1"),
        ({"scenarios": ["refunds"]}, "no scenario 'refunds'"),
        ({"use_agentflow": True, "generator": "template"}, "templates need no agent"),
        ({"seed": -1}, "seed"),
    ],
)
def test_wrong_settings_are_told(config: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        PipelineConfig(**config)


def test_the_four_settings_are_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    pipeline = TaskConfigurationPipeline(PipelineConfig("envs/retail", 3, 3, True))
    assert (pipeline.method, pipeline.policies[0].name) == ("agentflow", "agentflow:openai:vllm-a40-gpt-oss-120b")
    assert TaskConfigurationPipeline(PipelineConfig()).method == "template"
    with pytest.raises(UsageError, match="elsewhere"):
        TaskConfigurationPipeline(PipelineConfig("elsewhere"))
