"""What is found to be wrong with tasks, and what only looks strange."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from environments.retail.audit import Finding, audit_tasks
from environments.retail.database import RetailDB
from environments.retail.env import RetailEnv
from environments.retail.task import RetailTask
from environments.retail.taskfiles import read_each, read_task_file, write_task_file

ADA, BEN = "ada_ito_1000", "ben_ray_2000"
CANCEL = {"order_id": "#W1", "reason": "no longer needed"}
EXCHANGE = {"order_id": "#W2", "item_ids": ["m1"], "new_item_ids": ["m2"], "payment_method_id": "credit_card_1"}


def task(name: str | None = None, kwargs: dict[str, Any] | None = None, **fields: Any) -> RetailTask:
    actions = [] if name is None else [{"name": name, "kwargs": kwargs}]
    return RetailTask(**{"id": "t", "user_id": ADA, "instruction": "You are Ada.", "actions": actions, **fields})


def found(db: RetailDB, *tasks: RetailTask, **settings: Any) -> list[Finding]:
    return list(audit_tasks(tasks, RetailEnv(db, **settings)))


def test_a_sound_task_has_no_findings(db: RetailDB) -> None:
    assert found(db, task("cancel_pending_order", CANCEL)) == []
    assert found(db, task(outputs=["33.55"])) == []


@pytest.mark.parametrize(
    ("wanted", "kind", "told"),
    [
        (task("cancel_pending_order", {**CANCEL, "order_id": "#W2"}), "failing action", "non-pending"),
        (task("cancel_pending_order", {**CANCEL, "reason": "why not"}), "failing action", "invalid reason"),
        (task("dance", {}), "failing action", "Unknown action dance"),
        (task("cancel_pending_order", {}), "failing action", "missing 2 required"),
        (task("cancel_pending_order", {**CANCEL, "order_id": "#W9"}), "dangling reference", "no order '#W9'"),
        (task("get_user_details", {"user_id": "nobody"}), "dangling reference", "no user 'nobody'"),
        (task("get_product_details", {"product_id": "m1"}), "dangling reference", "no product 'm1'"),
        (
            task("exchange_delivered_order_items", {**EXCHANGE, "new_item_ids": ["x"]}),
            "dangling reference",
            "actions.0.new_item_ids: there is no item 'x'",
        ),
        (
            task("exchange_delivered_order_items", {**EXCHANGE, "payment_method_id": "paypal_2"}),
            "dangling reference",
            "actions.0.payment_method_id: the customer has no 'paypal_2'",
        ),
        (task(), "nothing to do", "doing nothing solves it"),
        (task(outputs=["", " "]), "nothing to do", "doing nothing solves it"),
        (task("get_order_details", {"order_id": "#W1"}), "nothing to do", "doing nothing solves it"),
        (task(outputs=["1,024"]), "unsayable output", "'1,024'"),
    ],
)
def test_flaws(db: RetailDB, wanted: RetailTask, kind: str, told: str) -> None:
    flaws = [finding for finding in found(db, wanted) if finding.kind == kind]
    assert len(flaws) == 1
    assert flaws[0].is_flaw
    assert flaws[0].task == "t"
    assert told in flaws[0].what


@pytest.mark.parametrize(
    ("wanted", "kind", "told"),
    [
        (task("cancel_pending_order", CANCEL, user_id=BEN), "another customer", f"concerns {ADA}, not {BEN}"),
        (task("get_user_details", {"user_id": BEN}, outputs=["x1"]), "another customer", f"concerns {BEN}, not {ADA}"),
        (task("exchange_delivered_order_items", {**EXCHANGE, "new_item_ids": ["m1"]}), "same item", "m1"),
        (
            task("exchange_delivered_order_items", {**EXCHANGE, "item_ids": [], "new_item_ids": []}),
            "no items",
            "of no items",
        ),
        (task(outputs=["ada"]), "echoed output", "'ada' stands in the instruction"),
    ],
)
def test_doubts_are_no_flaws(db: RetailDB, wanted: RetailTask, kind: str, told: str) -> None:
    [finding] = found(db, wanted)
    assert (finding.kind, finding.is_flaw) == (kind, False)
    assert told in finding.what


def test_tasks_that_want_the_same_are_told_of(db: RetailDB) -> None:
    one = task("exchange_delivered_order_items", EXCHANGE)
    words = one.model_copy(update={"id": "u", "instruction": "In other words."})
    other = one.model_copy(update={"id": "v", "outputs": ("33.55",)})
    [finding] = found(db, one, words, other)
    assert (finding.task, finding.kind, finding.is_flaw) == ("u", "duplicate", False)
    assert "t" in finding.what
    asked = task(outputs=["33.55"])
    assert found(db, asked, asked.model_copy(update={"id": "u", "instruction": "What else?"})) == []


def test_rules_and_profiles_matter(db: RetailDB) -> None:
    assert found(db, task(outputs=["1,024"]), scoring="facts") == []
    assert found(db, task(outputs=["1,024"]), strict_outputs=True) == []
    without_reason = task("cancel_pending_order", {"order_id": "#W1", "user_id": ADA})
    assert found(db, without_reason, profile="typed") == []
    assert found(db, without_reason)[0].is_flaw


def test_hostile_arguments_are_findings_and_no_crash(db: RetailDB) -> None:
    for value in (5, None, [], {}, [["m1"]], [5, None], {"a": []}, "\ud83d"):
        kwargs = {**dict.fromkeys(EXCHANGE, value), "user_id": value, "product_id": value}
        assert any(finding.is_flaw for finding in found(db, task("exchange_delivered_order_items", kwargs)))


def test_the_flawed_are_left_out_where_asked(db: RetailDB, tmp_path: Path) -> None:
    sound = task("cancel_pending_order", CANCEL)
    bad = [task(id="u"), task("cancel_pending_order", {}, id="v"), task(outputs=["1,0"], id="w")]
    env = RetailEnv(db)
    assert [one.id for one in [sound, *bad] if not env.flaws(one)] == ["t"]


def test_a_file_is_read_to_its_end_whatever_is_in_it(db: RetailDB, tmp_path: Path) -> None:
    row = {"user_id": ADA, "instruction": "You are Ada.", "actions": [], "outputs": []}
    lines = [row, {**row, "user_id": "nobody"}, {**row, "outputs": 5}, 7, {**row, "id": "tasks-0"}, row]
    path = tmp_path / "tasks.jsonl"
    path.write_text("\n".join(["{", *map(json.dumps, lines)]))
    read = list(read_each(path, db))
    assert [one.id if isinstance(one, RetailTask) else str(one).partition(": ")[0][-2:] for one in read] == [
        *(":1", "tasks-1", ":3", ":4", ":5", "tasks-0", "tasks-6")
    ]


@pytest.mark.parametrize("ids", [False, True])
def test_tasks_are_written_as_they_are_read(tmp_path: Path, ids: bool) -> None:
    tasks = [task("cancel_pending_order", CANCEL, id="a-0"), task(outputs=["Grüße"], tags=["x"], id="a-1")]
    write_task_file(tmp_path / "tasks_a.jsonl", tasks, ids=ids)
    assert read_task_file(tmp_path / "tasks_a.jsonl") == tasks
    write_task_file(tmp_path / "tasks_b.jsonl", tasks[1:], ids=ids)
    assert read_task_file(tmp_path / "tasks_b.jsonl")[0].id == ("a-1" if ids else "b-0")
