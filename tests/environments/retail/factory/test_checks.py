"""What the checks refuse, one task for each code, and what they let pass."""

from __future__ import annotations

import time
from random import Random
from typing import Any

import pytest

from agentgym.errors import UnknownNameError
from environments.retail.database import RetailDB
from environments.retail.factory.checks import Checked, canonical_key, check_blueprint, scenario_of
from environments.retail.factory.envelope import Blueprint, Call
from environments.retail.factory.template import as_blueprint
from environments.retail.task import RetailTask
from environments.retail.world.own import own_tasks, own_world

ADA, BEN = "ada_ito_1000", "ben_ray_2000"
HELLO = "Hi, my e-mail address is ada.ito@example.com. "
BEN_SAYS = "Hi, my e-mail address is ben.ray@example.com. "
CANCEL_IT = HELLO + "Please cancel my order #W1."
Step = tuple[str, dict[str, Any]]
FIND: Step = ("find_user_id_by_email", {"email": "ada.ito@example.com"})
FIND_BEN: Step = ("find_user_id_by_email", {"email": "ben.ray@example.com"})
LOOK: Step = ("get_order_details", {"order_id": "#W1"})
CANCEL: Step = ("cancel_pending_order", {"order_id": "#W1", "reason": "no longer needed"})
HOME = {"address1": "2 Oak", "address2": "", "city": "Reno", "state": "NV", "country": "USA", "zip": "00009"}
RETURN: Step = (
    "return_delivered_order_items",
    {"order_id": "#W2", "item_ids": ["m1"], "payment_method_id": "gift_card_1"},
)
EXCHANGE: Step = (
    "exchange_delivered_order_items",
    {"order_id": "#W2", "item_ids": ["m1"], "new_item_ids": ["m2"], "payment_method_id": "credit_card_1"},
)
MODIFY: Step = (
    "modify_pending_order_items",
    {"order_id": "#W1", "item_ids": ["m1"], "new_item_ids": ["m2"], "payment_method_id": "credit_card_1"},
)
PAY: Step = ("modify_pending_order_payment", {"order_id": "#W1", "payment_method_id": "gift_card_1"})
TRANSFER: Step = ("transfer_to_human_agents", {"summary": "They want to sing."})


def with_(step: Step, **arguments: Any) -> Step:
    return step[0], {**step[1], **arguments}


def without(step: Step, name: str) -> Step:
    return step[0], {key: value for key, value in step[1].items() if key != name}


def task(q: str, *steps: Step, ogt: tuple[str, ...] = ()) -> Blueprint:
    return Blueprint(q=q, agt=tuple(Call(name=name, arguments=arguments) for name, arguments in steps), ogt=ogt)


def levels(checked: Checked) -> dict[str, str]:
    return {entry.code: entry.level for entry in checked.entries}


def test_a_sound_task_passes_and_tells_what_it_changes(db: RetailDB) -> None:
    checked = check_blueprint(task(CANCEL_IT, FIND, LOOK, CANCEL), db, scenario="order_cancellation")
    assert checked.valid
    assert checked.entries == ()
    assert checked.user_id == ADA
    assert checked.report.model_dump() == {"valid": True, "missing": (), "suggestions": ()}
    assert checked.diff_patch["orders"]["#W1"]["status"] == {"before": "pending", "after": "cancelled"}  # type: ignore[index,call-overload]
    assert checked.diff_patch["orders"]["#W1"]["cancel_reason"] == {"after": "no longer needed"}  # type: ignore[index,call-overload]
    assert [traced.worked for traced in checked.trace] == [True, True, True]
    assert db.orders["#W1"]["status"] == "pending"


SWAP = HELLO + "I want to swap the mug of my order for another one."
SEND_BACK = HELLO + "I want to return a mug of order #W2."
ASK = HELLO + "What did my order #W1 cost?"
MOVED = HELLO + "Please change my default address, I moved."
REFUSED: list[tuple[str, Blueprint]] = [
    ("FORMAT_QUERY", task("  ", FIND, CANCEL)),
    ("FORMAT_TOO_MANY_ACTIONS", task(CANCEL_IT, FIND, *[LOOK] * 19, CANCEL)),
    ("TOOL_UNKNOWN", task(CANCEL_IT, FIND, ("cancel_order", {"order_id": "#W1"}), CANCEL)),
    ("ARG_MISSING", task(SEND_BACK, FIND, without(RETURN, "payment_method_id"))),
    ("ARG_UNKNOWN", task(CANCEL_IT, FIND, with_(CANCEL, why="so"))),
    ("ARG_TYPE", task(SEND_BACK, FIND, with_(RETURN, item_ids="m1"))),
    ("ARG_TYPE", task(SEND_BACK, FIND, with_(RETURN, item_ids=["m1", None]))),
    ("ARG_ENUM", task(CANCEL_IT, FIND, with_(CANCEL, reason="why not"))),
    ("USER_NOT_FOUND", task(CANCEL_IT, with_(FIND, email="nobody@example.com"), CANCEL)),
    ("USER_NOT_FOUND", task(MOVED, FIND, ("modify_user_address", {"user_id": "nobody_1", **HOME}))),
    ("ORDER_NOT_FOUND", task(CANCEL_IT, FIND, with_(CANCEL, order_id="#W9"))),
    ("PRODUCT_NOT_FOUND", task(ASK, FIND, LOOK, ("get_product_details", {"product_id": "m1"}), ogt=("32.55",))),
    ("PRODUCT_NOT_FOUND", task(SWAP, FIND, with_(MODIFY, new_item_ids=["m9"]))),
    ("ITEM_NOT_IN_ORDER", task(SEND_BACK, FIND, with_(RETURN, item_ids=["m2"]))),
    ("ITEM_NOT_IN_ORDER", task(SEND_BACK, FIND, with_(RETURN, item_ids=["m1", "m1"]))),
    ("PAYMENT_NOT_OWNED", task(SEND_BACK, FIND, with_(RETURN, payment_method_id="gift_card_2"))),
    ("USER_ORDER_MISMATCH", task(BEN_SAYS + "Please cancel order #W1.", FIND_BEN, CANCEL)),
    ("USER_ORDER_MISMATCH", task(CANCEL_IT, FIND, with_(CANCEL, user_id=BEN))),
    ("USER_CONTEXT_MISSING", task(CANCEL_IT, LOOK, FIND, CANCEL)),
    ("USER_ID_INCONSISTENT", task(CANCEL_IT, FIND, ("get_user_details", {"user_id": BEN}), CANCEL)),
    ("EXEC_ERROR", task(SEND_BACK, FIND, RETURN, ("calculate", {"expression": "1 / 0"}))),
    ("POLICY_NOT_PENDING", task(CANCEL_IT, FIND, with_(CANCEL, order_id="#W2"))),
    ("POLICY_NOT_PENDING", task(CANCEL_IT + SWAP, FIND, MODIFY, CANCEL)),
    ("POLICY_NOT_DELIVERED", task(SEND_BACK, FIND, with_(RETURN, order_id="#W1"))),
    ("POLICY_ONCE_PER_ORDER", task(SWAP, FIND, MODIFY, with_(MODIFY, item_ids=["m2"], new_item_ids=["m1"]))),
    ("POLICY_CANCEL_AND_RETURN", task(SEND_BACK + " Cancel it too.", FIND, RETURN, with_(CANCEL, order_id="#W2"))),
    ("POLICY_OTHER_PRODUCT", task(SWAP, FIND, with_(EXCHANGE, new_item_ids=["c2"]))),
    ("POLICY_SAME_ITEM", task(SWAP, FIND, with_(EXCHANGE, new_item_ids=["m1"]))),
    ("POLICY_NOT_AVAILABLE", task(SWAP, FIND, with_(EXCHANGE, new_item_ids=["m3"]))),
    ("POLICY_NO_ITEMS", task(SEND_BACK, FIND, with_(RETURN, item_ids=[]))),
    ("POLICY_SAME_PAYMENT", task(HELLO + "Pay otherwise.", FIND, with_(PAY, payment_method_id="credit_card_1"))),
    ("POLICY_REFUND_METHOD", task(SEND_BACK, FIND, with_(RETURN, payment_method_id="credit_card_1"))),
    ("POLICY_AFTER_TRANSFER", task(CANCEL_IT, FIND, TRANSFER, CANCEL)),
    ("POLICY_NOT_CONFIRMED", task(HELLO + "Do not cancel my order #W1, whatever I said.", FIND, CANCEL)),
    ("QUERY_UNIDENTIFIED", task("Please cancel my order of three mugs.", FIND, CANCEL)),
    ("QUERY_ACTION_GAP", task(CANCEL_IT, FIND, LOOK, ogt=("32.55",))),
    ("QUERY_ACTION_GAP", task(ASK, FIND, LOOK, CANCEL, ogt=("32.55",))),
    ("OUTPUT_UNSUPPORTED", task(ASK, FIND, LOOK, ogt=("It cost $33.54.",))),
    ("OUTPUT_UNSUPPORTED", task(ASK, FIND, LOOK, ogt=("Order #W4 cost 32.55.",))),
    ("OUTPUT_UNSUPPORTED", task(ASK, FIND, LOOK, ogt=("Order #W1 of 2024-05-01 cost 32.55.",))),
    ("OUTPUT_UNSUPPORTED", task(ASK, FIND, LOOK, ogt=("Order #W1 is delivered, and cost 32.55.",))),
    ("UNVERIFIABLE", task(HELLO + "Where is my order #W1?", FIND, LOOK, ogt=("On its way.",))),
    ("UNVERIFIABLE", task(HELLO + "Hello?")),
]


@pytest.mark.parametrize(("code", "refused"), REFUSED, ids=[f"{code}-{n}" for n, (code, _) in enumerate(REFUSED)])
def test_what_is_wrong_is_told_by_its_code(db: RetailDB, code: str, refused: Blueprint) -> None:
    checked = check_blueprint(refused, db)
    assert not checked.valid
    assert levels(checked).get(code) == "error"
    assert checked.report.valid is False


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("FORMAT_TASK", ["cancel"]),
        ("FORMAT_TASK", None),
        ("FORMAT_QUERY", {"q": 7, "agt": [], "ogt": ["32.55"]}),
        ("FORMAT_QUERY", {}),
        ("FORMAT_ACTIONS", {"q": "Hi", "agt": {"name": "think"}, "ogt": []}),
        ("FORMAT_ACTION", {"q": "Hi", "agt": ["think"], "ogt": []}),
        ("FORMAT_ACTION", {"q": "Hi", "agt": [{"name": "think", "arguments": []}], "ogt": []}),
        ("FORMAT_ACTION", {"q": "Hi", "agt": [{"name": "think", "arguments": {}, "thought": "x"}], "ogt": []}),
        ("FORMAT_OUTPUTS", {"q": "Hi", "agt": [], "ogt": {"a": 1}}),
        ("FORMAT_OUTPUTS", {"q": "Hi", "agt": [], "ogt": ["1", 2]}),
    ],
)
def test_what_is_no_task_is_told_and_not_raised(db: RetailDB, code: str, given: Any) -> None:
    assert levels(check_blueprint(given, db))[code] == "error"


def test_of_two_tasks_alike_the_second_is_refused(db: RetailDB) -> None:
    first = task(SWAP, FIND, with_(MODIFY, item_ids=["m1", "m2"], new_item_ids=["m4", "m1"]))
    turned = task("Swap it. ada.ito@example.com", FIND, with_(MODIFY, item_ids=["m2", "m1"], new_item_ids=["m1", "m4"]))
    other = task(SWAP, FIND, with_(MODIFY, item_ids=["m2", "m1"], new_item_ids=["m4", "m1"]))
    accepted = {canonical_key(first)}
    assert check_blueprint(turned, db, accepted=accepted).codes == ("DUPLICATE",)
    assert "DUPLICATE" not in check_blueprint(other, db, accepted=accepted).codes
    assert check_blueprint(first, db).codes == check_blueprint(first, db, accepted=set()).codes == ()


def test_what_is_missing_is_listed_with_its_place(db: RetailDB) -> None:
    report = check_blueprint(task(CANCEL_IT, FIND, with_(CANCEL, order_id="#W9")), db).report
    assert [missing.model_dump() for missing in report.missing] == [
        {"type": "ORDER_NOT_FOUND", "value": "#W9", "action": "cancel_pending_order", "index": 1}
    ]
    assert [(told.type, told.index) for told in report.suggestions] == [("EXEC_ERROR", 1)]


def test_two_users_are_let_pass_where_that_check_is_off_and_nothing_else_is(db: RetailDB) -> None:
    both = task(CANCEL_IT, FIND, CANCEL, ("get_user_details", {"user_id": BEN}))
    assert check_blueprint(both, db).codes == ("USER_ID_INCONSISTENT",)
    assert check_blueprint(both, db, user_id_validation=False).valid
    foreign = task(CANCEL_IT, FIND, with_(CANCEL, user_id=BEN))
    assert "USER_ORDER_MISMATCH" in check_blueprint(foreign, db, user_id_validation=False).codes


@pytest.mark.parametrize(
    ("scenario", "steps", "valid"),
    [
        ("order_cancellation", [FIND, CANCEL], True),
        ("item_return", [FIND, CANCEL], False),
        ("order_inquiry", [FIND, LOOK, CANCEL], False),
        ("order_inquiry", [FIND, LOOK], True),
        ("product_inquiry", [FIND, LOOK], False),
    ],
)
def test_a_task_must_be_one_of_its_scenario(db: RetailDB, scenario: str, steps: list[Step], valid: bool) -> None:
    checked = check_blueprint(task(CANCEL_IT, *steps, ogt=("32.55",)), db, scenario=scenario)
    assert ("SCENARIO_MISMATCH" not in checked.codes) is valid


def test_a_scenario_that_is_none_is_refused(db: RetailDB) -> None:
    with pytest.raises(UnknownNameError, match="item_return"):
        check_blueprint(task(CANCEL_IT, FIND, CANCEL), db, scenario="item_returns")


def test_a_task_tells_its_scenario_by_its_first_change() -> None:
    assert scenario_of(task("", FIND, LOOK, RETURN, CANCEL)) == "item_return"
    assert scenario_of(task("", FIND, LOOK)) == "order_inquiry"
    assert scenario_of(task("", ("list_all_product_types", {}))) == "product_inquiry"
    assert scenario_of(task("", FIND, TRANSFER)) is None


def test_what_can_only_be_meant_one_way_is_corrected_and_listed(db: RetailDB) -> None:
    found = with_(FIND, email=" Ada.Ito@Example.com\N{NO-BREAK SPACE}")
    checked = check_blueprint(task(CANCEL_IT, found, with_(CANCEL, order_id="w1", user_id="ada ito")), db)
    assert checked.valid
    assert checked.blueprint.agt[0].arguments == {"email": "ada.ito@example.com"}
    assert checked.blueprint.agt[1].arguments == {**CANCEL[1], "user_id": ADA}
    assert [line.split(":")[0] for line in checked.corrections] == [
        "action 0 (find_user_id_by_email)",
        "action 1 (cancel_pending_order)",
        "action 1 (cancel_pending_order)",
    ]


def test_nothing_is_filled_in_that_only_the_customer_can_say(db: RetailDB) -> None:
    for step, name in ((RETURN, "payment_method_id"), (RETURN, "item_ids"), (EXCHANGE, "new_item_ids")):
        checked = check_blueprint(task(SEND_BACK + SWAP, FIND, without(step, name)), db)
        assert "ARG_MISSING" in checked.codes
        assert name not in checked.blueprint.agt[1].arguments
    assert (
        "reason" not in check_blueprint(task(CANCEL_IT, FIND, without(CANCEL, "reason")), db).blueprint.agt[1].arguments
    )


@pytest.mark.parametrize(
    "query",
    [
        "I am Ada Ito, zip 00001. Cancel #W1 please.",
        "ADA.ITO@EXAMPLE.COM here; I no longer need my order #W1, so get rid of it.",
        "This is ada_ito_1000, I ordered #W1 by mistake.",
        HELLO + "Cancel order #W1. I do not want to return anything, and my e-mail address will change some day.",
        HELLO + "Cancel order #W1. How do I return an item? And can I change the address of an order later?",
        HELLO + "Cancel order #W1. If that is not possible, I want to return it.",
        "我的邮箱是ada.ito@example.com 我想取消订单#W1。",
    ],
)
def test_a_customer_may_ask_in_many_ways(db: RetailDB, query: str) -> None:
    checked = check_blueprint(task(query, FIND, LOOK, CANCEL), db)
    assert checked.codes == ()


@pytest.mark.parametrize(
    ("query", "asks"),
    [
        ("Can you cancel order #W1 and send the mugs back?", "return"),
        ("Cancel order #W1 and change the payment method of #W3.", "payment"),
        ("Cancel order #W1, and I want a refund for #W2.", None),
        ("Cancel order #W1, and update the shipping address of my account.", "address"),
        ("取消订单#W1。另外我要换货。", "exchange"),
    ],
)
def test_what_is_asked_for_and_not_done_is_found(db: RetailDB, query: str, asks: str | None) -> None:
    checked = check_blueprint(task(HELLO + query, FIND, LOOK, CANCEL), db)
    assert [entry.value for entry in checked.entries] == ([asks] if asks else [])


def test_a_promise_under_a_condition_or_handed_over_is_only_doubtful(db: RetailDB) -> None:
    room = task(CANCEL_IT + " If that cannot be done, tell me what it cost.", FIND, LOOK, ogt=("32.55",))
    handed_over = task(CANCEL_IT, FIND, LOOK, TRANSFER, ogt=("32.55",))
    for doubtful in (room, handed_over):
        checked = check_blueprint(doubtful, db)
        assert checked.valid
        assert levels(checked) == {"QUERY_ACTION_GAP": "warning"}


@pytest.mark.parametrize(
    "output",
    [
        *("32.55", "$32.55", "It cost 32.55 in total.", "一共32.55元", "32.550"),
        *("pending", "Your order #W1 is pending.", "Order W1, status: pending", "It holds 3 items.", "gift_card_1"),
        *("You have 3 orders.", "There are 4 kinds of mugs, 3 of them available.", "credit_card_1", "12.35"),
        *("The money arrives in 5 to 7 business days, once it is processed.", "1. A mug for 10.10\n2. A cap"),
    ],
)
def test_what_records_bear_out_may_be_told(db: RetailDB, output: str) -> None:
    look = ("get_product_details", {"product_id": "p1"})
    checked = check_blueprint(task(ASK, FIND, LOOK, look, ogt=("32.55", output)), db)
    assert checked.codes == ()


def test_sums_need_a_calculation_and_then_pass(db: RetailDB) -> None:
    odd = task(ASK, FIND, LOOK, ogt=("22.35",))
    assert check_blueprint(odd, db).codes == ("OUTPUT_UNSUPPORTED",)
    reckoned = task(ASK, FIND, LOOK, ("calculate", {"expression": "10 + 12.35"}), ogt=("22.35",))
    assert check_blueprint(reckoned, db).valid


def test_an_echo_is_only_doubtful(db: RetailDB) -> None:
    echoed = task(HELLO + "Did order #W1 cost 32.55?", FIND, LOOK, ogt=("32.55",))
    assert levels(check_blueprint(echoed, db)) == {"UNVERIFIABLE": "warning"}


def test_a_change_that_changes_nothing_measures_nothing(db: RetailDB) -> None:
    same: Any = db.users[ADA]["address"]
    checked = check_blueprint(task(MOVED, FIND, ("modify_user_address", {"user_id": ADA, **same})), db)
    assert checked.codes == ("UNVERIFIABLE",)


@pytest.mark.parametrize(
    "arguments",
    [{"order_id": [1]}, {"order_id": {"a": []}, "reason": 3}, {"order_id": "\ud800"}, {"order_id": "9" * 5000}, {}],
)
def test_no_arguments_break_the_checks(db: RetailDB, arguments: dict[str, Any]) -> None:
    for name in ("cancel_pending_order", "get_order_details", "modify_pending_order_items", "nothing", "think"):
        checked = check_blueprint(task("\ud800 \x00", (name, arguments), ogt=("\ud800 #W1",)), db)
        assert not checked.valid


def test_our_own_tasks_pass_all_checks_in_no_time() -> None:
    db, tasks = own_world(), own_tasks()
    began = time.process_time()
    for given in tasks:
        for blueprint in (_told(given), as_blueprint(given, Random(given.id))):
            checked = check_blueprint(blueprint, db)
            assert checked.valid, (given.id, checked.codes)
            assert checked.user_id == given.user_id
            assert not checked.corrections
            assert checked.blueprint == blueprint
    assert time.process_time() - began < 40  # 1,280 tasks; it takes 0.6 s where nothing else runs
    assert len({canonical_key(_told(given)) for given in tasks}) > 630


def _told(given: RetailTask) -> Blueprint:
    calls = tuple(Call(name=action.name, arguments=action.kwargs) for action in given.actions)
    return Blueprint(q=given.instruction, agt=calls, ogt=given.outputs)


@pytest.mark.parametrize("words", ["have ", "cancel ", "change my ", "a_", "1,000 ", "status .", "if it ", "don't "])
def test_endless_words_take_no_endless_time(db: RetailDB, words: str) -> None:
    endless = words * (300_000 // len(words))
    began = time.process_time()
    check_blueprint(task(endless, FIND, LOOK, CANCEL, ogt=(endless,)), db)
    assert time.process_time() - began < 40
