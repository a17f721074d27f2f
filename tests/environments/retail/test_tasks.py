"""Our own tasks: all can be solved, none by silence or an echo, and nobody can misunderstand them."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from agentgym import OraclePolicy, Policy, rollout
from agentgym.messages import Conversation, Turn
from agentgym.policies.idle import IdlePolicy
from agentgym.policy import Context, Session
from environments.retail.audit import audit_tasks
from environments.retail.database import RetailDB
from environments.retail.desk import TERMINAL, WRITES, perform
from environments.retail.env import RetailEnv
from environments.retail.state import State
from environments.retail.task import RetailTask
from environments.retail.world.own import own_tasks, own_world, split_tasks
from environments.retail.world.tables import make_tables
from environments.retail.world.wish import SCENARIOS

TASKS = "d25caa8dbbe68028ba0da80adec478909f72398430618b39c158a8298d69eaae"
"""As with the world: other tasks, other scores."""
TOOLS = {
    "order_cancellation": {"cancel_pending_order"},
    "order_modification": {"modify_pending_order_items", "modify_pending_order_address"},
    "item_return": {"return_delivered_order_items"},
    "item_exchange": {"exchange_delivered_order_items"},
    "address_change": {"modify_user_address"},
    "payment_update": {"modify_pending_order_payment"},
    "order_inquiry": {"get_order_details"},
    "product_inquiry": {"get_product_details", "list_all_product_types"},
}


def called(task: RetailTask) -> list[str]:
    return [action.name for action in task.actions]


def written(task: RetailTask) -> set[str]:
    return WRITES & {*called(task)}


def test_the_tasks_are_what_they_were() -> None:
    texts = "\n".join(task.model_dump_json() for task in own_tasks())
    assert hashlib.sha256(texts.encode()).hexdigest() == TASKS


@pytest.mark.parametrize(("split", "count"), [("test", 120), ("train", 520)])
def test_there_are_enough_of_every_sort(split: str, count: int) -> None:
    tasks = own_tasks(split)
    assert [task.id for task in tasks] == [f"{split}-{number}" for number in range(count)]
    tags = Counter(tag for task in tasks for tag in task.tags)
    assert {tags[scenario] for scenario in SCENARIOS} == {count // 8}
    assert {task.tags[0] for task in tasks[:8]} == {*SCENARIOS}, "whoever plays a few plays all scenarios"
    for sort in ("multi-step", "several-orders", "forbidden", "outputs"):
        assert 0.1 * count <= tags[sort] <= 0.9 * count, sort
    assert tags["transfer"] >= 5
    instructions = [task.instruction for task in tasks]
    assert len({*instructions}) == count


def test_no_customer_is_in_both_splits() -> None:
    test, train = ({task.user_id for task in own_tasks(split)} for split in ("test", "train"))
    assert test.isdisjoint(train)
    assert own_tasks("dev") == []


def test_none_is_flawed_or_strange() -> None:
    assert list(audit_tasks(own_tasks(), RetailEnv())) == []


def test_tools_fit_the_scenario() -> None:
    for task in own_tasks():
        scenario = task.tags[0]
        if scenario.endswith("_inquiry"):
            assert not written(task), task.id
        if "forbidden" not in task.tags or "transfer" in task.tags:
            assert TOOLS[scenario] & {*called(task)}, task.id
        assert (TERMINAL in called(task)) == ("transfer" in task.tags)
        assert bool(task.outputs) == ("outputs" in task.tags)


def test_who_is_refused_gets_nothing_changed_in_some_tasks_and_something_else_in_others() -> None:
    refused = [task for task in own_tasks() if "forbidden" in task.tags and "transfer" not in task.tags]
    unchanged = [task for task in refused if not written(task)]
    assert len(unchanged) > len(refused) / 2
    assert len(refused) > len(unchanged)
    assert all(task.outputs for task in refused)


def test_the_customer_is_found_first_and_by_what_they_know() -> None:
    for task in own_tasks():
        search = task.actions[0]
        assert perform(State(own_world()), search.name, search.kwargs).text == task.user_id
        known = [value for name, value in search.kwargs.items() if name in ("email", "zip", "last_name")]
        assert all(str(value) in task.instruction for value in known)


def test_what_must_be_told_can_be_read() -> None:
    for task in own_tasks():
        state = State(own_world())
        read = "\n".join(perform(state, action.name, action.kwargs).text for action in task.actions)
        assert all(output in read for output in task.outputs), task.id


def test_what_must_be_told_is_no_lucky_guess() -> None:
    assert all(len(output) >= 5 and any(map(str.isdigit, output)) for task in own_tasks() for output in task.outputs)


def test_both_profiles_and_stricter_rules_agree_on_them() -> None:
    for env in (RetailEnv(profile="typed"), RetailEnv(scoring="facts"), RetailEnv(strict_outputs=True)):
        assert not any(env.flaws(task) for task in own_tasks("test"))


@pytest.mark.parametrize("seed", range(3))
def test_other_worlds_have_sound_tasks_too(seed: int) -> None:
    db = RetailDB(*make_tables(seed=seed, users=40, orders=90, products=12))
    tasks = split_tasks(db, "train", 80, seed=seed)
    assert len(tasks) == 80
    assert list(audit_tasks(tasks, RetailEnv(db))) == []


class EchoPolicy(Policy):
    """Says what was said to it."""

    def start(self, context: Context) -> Session:
        return _Echo()


class _Echo(Session):
    async def act(self, conversation: Conversation) -> Turn:
        return Turn(conversation[-1].content)


async def mean_reward(policy: Policy, tasks: list[RetailTask], **settings: str) -> float:
    episodes = [await rollout(RetailEnv(**settings), policy, task, seed=0) for task in tasks]  # type: ignore[arg-type]
    assert all(episode.cause is None for episode in episodes)
    return sum(episode.reward for episode in episodes) / len(tasks)


@pytest.mark.anyio
@pytest.mark.parametrize("user", ["scripted", "rules"])
async def test_the_oracle_solves_all_and_silence_none(user: str) -> None:
    assert await mean_reward(OraclePolicy(), own_tasks(), user=user) == 1.0
    assert await mean_reward(IdlePolicy(), own_tasks(), user=user) == 0.0


@pytest.mark.anyio
@pytest.mark.parametrize("settings", [{"profile": "typed"}, {"scoring": "facts"}])
async def test_the_oracle_solves_all_by_other_rules_too(settings: dict[str, str]) -> None:
    assert await mean_reward(OraclePolicy(), own_tasks("test"), user="rules", **settings) == 1.0


@pytest.mark.anyio
async def test_an_echo_solves_none() -> None:
    assert await mean_reward(EchoPolicy(), own_tasks("test"), user="rules") == 0.0


@pytest.mark.anyio
async def test_who_converses_with_the_rules_breaks_none(anyio_backend: str) -> None:
    for task in own_tasks("test"):
        episode = await rollout(RetailEnv(user="rules"), OraclePolicy(), task, seed=0)
        assert episode.terms["violations"].value == 0.0, task.id
        assert episode.terms["exact_actions"].value == 1.0, task.id
