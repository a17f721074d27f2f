"""Who plays the customer without a model: by rules, from a script, or at a terminal; and how they are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from agentgym import IdlePolicy, OraclePolicy, ScriptedPolicy, ToolCall, rollout
from agentgym.errors import UnknownNameError, UsageError
from agentgym.testing import check_env
from agentgym.tools import Say
from environments.retail.database import RetailDB
from environments.retail.env import RetailEnv
from environments.retail.task import RetailTask
from environments.retail.users.human import HumanUser
from environments.retail.users.specs import make_user
from environments.retail.users.user import STOP

pytestmark = pytest.mark.anyio

ADA = "Your name is Ada Ito and your zip code is 00001. You are shy, polite."
CANCEL = ("cancel_pending_order", {"order_id": "#W1", "reason": "no longer needed"})
RETURN = (
    "return_delivered_order_items",
    {"order_id": "#W2", "item_ids": ["m1"], "payment_method_id": "gift_card_1"},
)
EXCHANGE = (
    "exchange_delivered_order_items",
    {"order_id": "#W2", "item_ids": ["m1"], "new_item_ids": ["m2"], "payment_method_id": "credit_card_1"},
)
MOVE = (
    "modify_user_address",
    {
        "user_id": "ada_ito_1000",
        "address1": "2 Oak",
        "address2": "",
        "city": "Rome",
        "state": "NY",
        "country": "USA",
        "zip": "10001",
    },
)
LOOK = ("get_order_details", {"order_id": "#W2"})
TRANSFER = ("transfer_to_human_agents", {"summary": "wants a loan"})


def task(
    *actions: tuple[str, dict[str, Any]], wants: str = "You want to cancel #W1.", outputs: Sequence[str] = ()
) -> RetailTask:
    listed = [{"name": name, "kwargs": kwargs} for name, kwargs in actions]
    return RetailTask(id="t", user_id="ada_ito_1000", instruction=f"{ADA} {wants}", actions=listed, outputs=outputs)


TASKS = {
    "a write": task(CANCEL),
    "several": task(CANCEL, RETURN, MOVE, wants="You want to cancel #W1, return a mug of #W2, and you moved."),
    "an exchange": task(EXCHANGE, wants="You want to swap your mug in #W2 for another one."),
    "a question": task(
        ("get_order_details", {"order_id": "#W2"}), wants="You want to know its price.", outputs=["30.1"]
    ),
    "a write and a question": task(CANCEL, wants="You want to cancel #W1. What did it cost?", outputs=["32.55"]),
    "a sentence to tell": task(wants="What is the state of #W5?", outputs=["Order #W5 is processed by now."]),
    "out of reach": task(TRANSFER, wants="You want a loan and to know your balance.", outputs=["100"]),
    "a search": task(("find_user_id_by_email", {"email": "Ada.Ito@example.com"}), CANCEL),
    "nobody known": task(CANCEL).model_copy(update={"user_id": ""}),
    "in other letters": task(CANCEL, wants="請取消訂單。"),
    "no words": task(CANCEL, wants=""),
}


@pytest.mark.parametrize("profile", ["compat", "typed"])
@pytest.mark.parametrize("name", TASKS)
async def test_the_oracle_solves_it_in_conversation_and_the_idle_never(db: RetailDB, name: str, profile: Any) -> None:
    wanted = TASKS[name]
    solved = await rollout(RetailEnv(db, profile=profile, user="rules"), OraclePolicy(), wanted, seed=1)
    assert solved.outcome == "solved", solved.messages()
    assert solved.terms["violations"].value == 0 or wanted.user_id == ""
    assert solved.turns[0].turn.text, "it talks before it acts"
    idle = await rollout(RetailEnv(db, profile=profile, user="rules"), IdlePolicy(), wanted, seed=1)
    assert (idle.outcome, idle.reward) == ("failed", 0.0), "the customer gives up in the end"


async def test_one_who_does_all_but_tells_nothing_fails(db: RetailDB) -> None:
    wanted = TASKS["a write and a question"]
    acts = ["Who are you?", ToolCall("cancel_pending_order", CANCEL[1]), *["All done! Anything else?"] * 9]
    episode = await rollout(RetailEnv(db, user="rules"), ScriptedPolicy(acts), wanted, seed=1)
    assert (episode.outcome, episode.terms["state"].value, episode.terms["outputs"].value) == ("failed", 1.0, 0.0)
    said = [message.content for message in episode.messages() if message.role == "user"]
    assert sum("not told me all" in line for line in said) == 1, "they ask again, once"
    assert any("What did it cost?" in line for line in said)
    assert said[-1].endswith(STOP)
    tells = [*acts[:2], "It was $32.55. Anything else?"]
    assert (await rollout(RetailEnv(db, user="rules"), ScriptedPolicy(tells), wanted, seed=1)).outcome == "solved"


async def talk(db: RetailDB, wanted: RetailTask, *lines: str) -> list[str]:
    """What the customer says first, and to each line."""
    env = RetailEnv(db, user="rules")
    opening = (await env.reset(wanted, seed=1)).observation.text
    return [opening, *[(await env.step(Say(line))).observation.text for line in lines]]


async def test_the_request_comes_first_and_the_rest_when_asked(db: RetailDB) -> None:
    opening, who, again, why, yes, end = await talk(
        db,
        TASKS["a write"],
        "Could you please confirm your e-mail, or your name and zip code?",
        "I cannot find you. May I have your email?",
        "Thank you, Ada. Why do you want to cancel?",
        "I'll cancel order #W1 (no longer needed) and refund the credit card. Do you confirm (yes/no)?",
        "Order #W1 has been cancelled. Is there anything else I can help you with?",
    )
    assert opening == "Hello. I want to cancel #W1."
    assert who == "My name is Ada Ito, and my zip code is 00001."
    assert "Ada.Ito@example.com" in again
    assert why == "The reason is: no longer needed."
    assert yes == "Yes, please go ahead."
    assert end.endswith(STOP)


@pytest.mark.parametrize(
    "line",
    [
        "Shall I go ahead?",
        "Would you like me to cancel order #W1?",
        "Please reply “yes” to confirm: cancel #W1, refund to your credit card by e-mail confirmation.",
        "I will cancel #W1. Is that okay?",
        "Here is what I'll do:\n1. Cancel #W1\n\nDoes this look right?",
        "Is there anything else to change, or may I proceed with #W1?",
        "SHOULD I CANCEL IT?",
        "You\N{RIGHT SINGLE QUOTATION MARK}ll get your money back. Can I go ahead?",
    ],
)
async def test_they_agree_to_what_they_want(db: RetailDB, line: str) -> None:
    *_, answer = await talk(db, TASKS["a write"], "Your name and zip code, please?", line)
    assert answer.startswith("Yes"), line


async def test_they_do_not_agree_to_what_they_never_asked_for(db: RetailDB) -> None:
    *_, answer = await talk(db, TASKS["a write"], "Shall I cancel order #W3 (yes/no)?")
    assert answer.startswith("No, that is not what I asked for.")
    assert "#W1" in answer


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("Which order is it? Please give me the order number.", "#W2"),
        ("Which item would you like to exchange, and what new item do you prefer?", "for the Mug (size: m2)"),
        ("Which payment method should I use for the difference?", "credit_card_1"),
        ("How can I help you?", "I want to swap my mug in #W2 for another one."),
        ("What is your shoe size?", "I cannot tell you more about that."),
        ("I'm transferring you to a human agent.", "do not hand me over"),
        ("One moment.", "All right."),
    ],
)
async def test_follow_ups_are_answered_from_the_task(db: RetailDB, line: str, part: str) -> None:
    *_, answer = await talk(db, TASKS["an exchange"], line)
    assert part in answer


async def test_what_ends_a_long_line_is_heard(db: RetailDB) -> None:
    details = "The mug holds 300 ml and is made of clay. " * 2000
    *_, answer = await talk(db, TASKS["a write"], f"Hello. {details} I will cancel #W1. Shall I go ahead (yes/no)?")
    assert answer.startswith("Yes")


async def test_what_was_passed_over_is_asked_for_again(db: RetailDB) -> None:
    *_, first, second, third, end = await talk(
        db,
        TASKS["several"],
        "I will cancel #W1 (yes/no)?",
        "Done. Anything else?",
        "I will return the mug of #W2. Shall I?",
        "The mug is returned. Anything else?",
        "Your address is changed to 2 Oak, Rome. Anything else?",
    )
    assert "return the Mug" in first
    assert "#W1" not in first
    assert second.startswith("Yes")
    assert "2 Oak, Rome, NY, USA, 10001" in third
    assert end.endswith(STOP)


async def test_patience_ends(db: RetailDB) -> None:
    heard = await talk(db, TASKS["a write"], *["Hm."] * 5)
    assert heard[1:5] == ["All right."] * 4
    assert heard[5].endswith(STOP)


async def test_forks_of_a_conversation_go_their_own_way(db: RetailDB) -> None:
    env = RetailEnv(db, user="rules")
    await env.reset(TASKS["a write"], seed=1)
    twin = env.fork()
    await twin.step(Say("I will cancel #W1 (yes/no)?"))
    assert (await twin.step(Say("Anything else?"))).terminated
    assert "#W1" in (await env.step(Say("Anything else?"))).observation.text


async def test_lines_of_any_size_and_kind_are_borne(db: RetailDB) -> None:
    for line in ("", "?", "#W1" * 50_000, "yes " * 50_000, "\x00\ud83d", "(" * 1000 + "?" * 100_000):
        assert len(await talk(db, TASKS["several"], line)) == 2


@pytest.mark.parametrize(
    "actions",
    [
        [{"name": "cancel_pending_order", "kwargs": {}}],
        [
            {
                "name": "return_delivered_order_items",
                "kwargs": {"order_id": 5, "item_ids": "m1", "payment_method_id": None},
            }
        ],
        [{"name": "exchange_delivered_order_items", "kwargs": {"item_ids": [[1]], "new_item_ids": [{}]}}],
        [
            {"name": "find_user_id_by_email", "kwargs": {"email": 7}},
            {"name": "modify_user_address", "kwargs": {"zip": 1}},
        ],
        [{"name": "no_such_tool", "kwargs": {"order_id": "#W1"}}],
    ],
)
async def test_tasks_that_nobody_checked_are_played_all_the_same(db: RetailDB, actions: Any) -> None:
    wanted = RetailTask(id="t", instruction="", actions=actions)
    for policy in (OraclePolicy(), IdlePolicy()):
        assert (await rollout(RetailEnv(db, user="rules"), policy, wanted, seed=1)).cause is None


async def test_a_person_may_play_the_customer(db: RetailDB) -> None:
    prompts: list[str] = []
    lines = iter(["Cancel it.\n", "\n"])

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return next(lines)

    env = RetailEnv(db, user=HumanUser(ask=ask))
    assert (await env.reset(TASKS["a write"])).observation.text == "Cancel it."
    assert "You want to cancel #W1." in prompts[0]
    step = await env.step(Say("What?"))
    assert (step.observation.text, step.terminated) == (STOP, True)
    assert "[agent] What?" in prompts[1]


@pytest.mark.parametrize("lines", [[""], ["Cancel it.\n", ""]])
async def test_an_agent_does_not_fail_where_the_person_is_gone(db: RetailDB, lines: list[str]) -> None:
    typed = iter(lines)
    env = RetailEnv(db, user=HumanUser(ask=lambda _: next(typed)))
    episode = await rollout(env, ScriptedPolicy(["What?"]), TASKS["a write"], seed=1)
    assert episode.outcome == "not_evaluable"
    assert episode.cause is not None
    assert (episode.cause.boundary, "no more input" in episode.cause.message) == ("user", True)


async def test_the_contract_is_kept_with_a_customer_who_talks(db: RetailDB) -> None:
    wanted = [TASKS[name].model_copy(update={"id": name}) for name in ("a write", "several", "a question")]
    report = await check_env(
        lambda: RetailEnv(db, profile="typed", user="rules"),
        tasks=wanted,
        seeds=2,
        instances=5,
        max_block_ms=100,
        timeout_s=600,
    )
    assert report.ok, str(report)


def test_wrong_specs_say_what_to_write() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'rules'"):
        make_user("rule")
    with pytest.raises(UnknownNameError, match="there are: scripted, rules, query, mute, human, llm:POLICY"):
        make_user("rules:fast")
    with pytest.raises(UsageError, match="write llm:POLICY, such as llm:openai:MODEL"):
        make_user("llm")
    with pytest.raises(UnknownNameError, match="no policy 'gpt'"):
        make_user("react:gpt")
    with pytest.raises(UsageError, match="cannot play the customer"):
        make_user("llm:oracle")
    with pytest.raises(UsageError, match="a list of replies, all text"):
        make_user([1])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="not for 'rules'"):
        make_user("rules", best_of=4)
    with pytest.raises(UsageError, match="best_of=0"):
        make_user("llm:idle", best_of=0)
    with pytest.raises(UsageError, match="set AGENTGYM_USER_API_KEY"):
        make_user("llm:openai:m", settings={"api_key": "secret"})
    with pytest.raises(UsageError, match="takes no setting 'temprature'; did you mean 'temperature'"):
        make_user("llm:openai:m", settings={"temprature": 1})
    with pytest.raises(UsageError, match="idle takes no settings"):
        make_user("llm:idle", settings={"temperature": 1})
