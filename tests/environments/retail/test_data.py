"""Data files and task files: what is read, and how faults are told."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import DataFileError, UsageError
from agentgym.taskfile import read_tasks
from environments.retail.database import RetailDB, shared_db
from environments.retail.env import RetailEnv
from environments.retail.taskfiles import read_task_file


def write(folder: Path, tables: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in tables.items():
        (folder / f"{name}.json").write_text(json.dumps(records))
    return folder


def test_a_world_is_read_from_its_folder_or_from_data_in_it(tmp_path: Path, tables: dict[str, Any]) -> None:
    write(tmp_path / "data", tables)
    for folder in (tmp_path, tmp_path / "data"):
        db = RetailDB.load(folder)
        assert db.users == tables["users"]
        assert list(db.orders) == list(tables["orders"])
        assert db.index.product_of_item["c2"] == "p2"
        assert db.index.user_of_email["ben.ray@example.com"] == "ben_ray_2000"


def test_a_world_is_shared_until_its_files_change(tmp_path: Path, tables: dict[str, Any]) -> None:
    write(tmp_path, tables)
    first = shared_db(tmp_path)
    assert shared_db(str(tmp_path)) is first
    assert RetailEnv(tmp_path).db is first
    tables["users"]["cyd_ray_3000"]["email"] = "c@example.com"
    write(tmp_path, tables)
    os.utime(tmp_path / "users.json", ns=(1, 1))
    assert "c@example.com" in shared_db(tmp_path).index.user_of_email


def test_samples_are_of_the_seed(db: RetailDB) -> None:
    assert db.sample(5) == db.sample(5)
    assert {db.sample(seed).user_id for seed in range(30)} == {"ada_ito_1000", "ben_ray_2000"}
    for seed in range(10):
        sample = db.sample(seed, status="delivered", orders=1)
        [order] = sample.orders.values()
        assert (order["status"], order["user_id"]) == ("delivered", sample.user_id)
    with pytest.raises(UsageError, match="'lost'"):
        db.sample(1, status="lost")
    with pytest.raises(UsageError, match="orders=-1"):
        db.sample(1, orders=-1)


FAULTS: list[tuple[list[Any], Any, str]] = [
    (["users", "ada_ito_1000", "email"], 5, "users.json: ada_ito_1000.email"),
    (["orders", "#W1", "items", 0, "price"], "10", "orders.json: #W1.items.0.price"),
    (["orders", "#W1", "items", 0, "price"], True, "orders.json: #W1.items.0.price"),
    (["orders", "#W1", "address", "zip"], 10, "orders.json: #W1.address.zip"),
    (["products", "p1", "variants", "m1", "available"], "yes", "products.json: p1.variants.m1.available"),
    (["orders", "#W1", "user_id"], "nobody", "orders.json: '#W1': user_id: there is no user 'nobody'"),
    (["orders", "#W1", "user_id"], "ben_ray_2000", "'#W1' is an order of 'ben_ray_2000'"),
    (["orders", "#W1", "order_id"], "#W2", "orders.json: '#W1': order_id"),
    (["orders", "#W1", "items", 1, "item_id"], "c1", "orders.json: '#W1': items.1.item_id"),
    (["orders", "#W1", "items", 1, "product_id"], "p9", "orders.json: '#W1': items.1.product_id"),
    (["orders", "#W1", "payment_history", 0, "payment_method_id"], "x", "'#W1': payment_history.0.payment_method_id"),
    (["orders", "#W2", "fulfillments", 0, "item_ids"], ["m9"], "orders.json: '#W2': fulfillments.0.item_ids"),
    (["users", "ada_ito_1000", "orders"], ["#W1", "#W2", "#W3", "#W9"], "there is no order '#W9'"),
    (["users", "ada_ito_1000", "orders"], ["#W1", "#W2", "#W3", "#W3"], "'#W3' stands twice"),
    (["users", "ada_ito_1000", "orders"], ["#W1", "#W2"], "'#W3': user_id: 'ada_ito_1000' does not list"),
    (["users", "cyd_ray_3000", "email"], "BEN.RAY@example.com", "is that of 'ben_ray_2000' too"),
    (["users", "cyd_ray_3000", "address", "zip"], "00002", "name and zip"),
    (["users", "ada_ito_1000", "payment_methods", "gift_card_1", "id"], "y", "payment_methods.gift_card_1.id"),
    (["products", "p2", "variants", "c1", "item_id"], "c3", "products.json: 'p2': variants.c1.item_id"),
    (["products", "p2", "name"], "Mug", "'Mug' is the name of 'p1' too"),
]


@pytest.mark.parametrize(("path", "value", "message"), FAULTS)
def test_faults_are_told_with_file_and_key(
    tmp_path: Path, tables: dict[str, Any], path: list[Any], value: Any, message: str
) -> None:
    holder: Any = tables
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    with pytest.raises(DataFileError) as raised:
        RetailDB.load(write(tmp_path, tables))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path, tables: dict[str, Any]) -> None:
    folder = write(tmp_path, tables)
    (folder / "orders.json").unlink()
    with pytest.raises(DataFileError, match=r"/orders\.json: cannot be read: No such file or directory$"):
        RetailDB.load(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": {}, "a": {}}', "the key 'a' stands twice"),
        ("[]", "holds a list"),
        ("{", "not JSON"),
        ('{"ada_ito_1000": {}}', "ada_ito_1000.name: Field required"),
    ],
)
def test_files_that_are_no_tables_are_refused(tmp_path: Path, tables: dict[str, Any], text: str, message: str) -> None:
    (write(tmp_path, tables) / "users.json").write_text(text)
    with pytest.raises(DataFileError, match=r"users\.json") as raised:
        RetailDB.load(tmp_path)
    assert message in str(raised.value)


def test_missing_files_are_named(tmp_path: Path, tables: dict[str, Any]) -> None:
    with pytest.raises(DataFileError, match=r"no users\.json there or in data/"):
        RetailDB.load(tmp_path)
    del tables["orders"]
    with pytest.raises(DataFileError, match=r"orders\.json"):
        RetailDB.load(write(tmp_path, tables))


ROW = {"user_id": "ada_ito_1000", "instruction": "You are Ada.", "actions": [], "outputs": ["1"], "annotator": 3}
SAMPLE = {
    "q": "cancel order #W1",
    "agt": [
        {"name": "find_user_id_by_email", "arguments": {"email": "ada.ito@example.com"}},
        {"name": "cancel_pending_order", "arguments": {"user_id": "ada_ito_1000", "order_id": "#W1"}},
    ],
    "ogt": ["It is cancelled."],
}


def test_task_files_of_every_form_are_read(tmp_path: Path, db: RetailDB) -> None:
    lines, listed = tmp_path / "tasks_dev.jsonl", tmp_path / "mine.json"
    lines.write_text("\n".join(map(json.dumps, [ROW, SAMPLE])))
    listed.write_text(json.dumps([ROW, SAMPLE]))
    for path, prefix in ((lines, "dev"), (listed, "mine")):
        tasks = read_task_file(path, db)
        assert [task.id for task in tasks] == [f"{prefix}-0", f"{prefix}-1"]
        assert [task.user_id for task in tasks] == ["ada_ito_1000", "ada_ito_1000"]
        assert tasks[1].actions[1].kwargs == {"user_id": "ada_ito_1000", "order_id": "#W1"}
        assert (tasks[1].instruction, tasks[1].outputs) == ("cancel order #W1", ("It is cancelled.",))
    assert len(read_tasks(lines, RetailEnv(db))) == 2, "the framework reads them too"


def test_the_user_is_who_the_actions_find(tmp_path: Path, db: RetailDB) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({**SAMPLE, "agt": SAMPLE["agt"][:1]}))
    assert read_task_file(path, db)[0].user_id == "ada_ito_1000"


def test_the_sample_is_played_by_the_typed_profile(db: RetailDB, tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps(SAMPLE))
    [task] = read_task_file(path, db)
    assert RetailEnv(db, profile="typed").flaws(task) == []
    assert any("cancel_pending_order" in flaw for flaw in RetailEnv(db).flaws(task)), "the original takes no user_id"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**ROW, "user_id": "nobody"}, "user_id: there is no user 'nobody'"),
        ({**ROW, "actions": [{"kwargs": {}}]}, "actions.0.name"),
        ({**ROW, "actions": [{"name": "think", "kwargs": []}]}, "actions.0"),
        ({**ROW, "outputs": "1"}, "outputs"),
        ({**ROW, "surprise": 1}, "surprise"),
        ({"user_id": "ada_ito_1000"}, "instruction"),
        (5, "not a RetailTask"),
    ],
)
def test_faulty_tasks_are_told_with_file_and_line(tmp_path: Path, db: RetailDB, row: Any, message: str) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps(ROW) + "\n\n" + json.dumps(row))
    with pytest.raises(DataFileError, match=r"tasks\.jsonl:3: ") as raised:
        read_task_file(path, db)
    assert message in str(raised.value)


def test_ids_must_differ(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text("\n".join([json.dumps({**ROW, "id": "a"})] * 2))
    with pytest.raises(DataFileError, match=r":2: id: 'a' stands twice"):
        read_task_file(path)
    path.write_text("")
    with pytest.raises(DataFileError, match="holds no task"):
        read_task_file(path)


def test_the_environment_lists_what_lies_beside_its_data(tmp_path: Path, tables: dict[str, Any]) -> None:
    write(tmp_path / "data", tables)
    idle = {**ROW, "outputs": []}
    (tmp_path / "data" / "tasks_dev.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps(idle))
    (tmp_path / "tasks_test.json").write_text(json.dumps([ROW]))
    env = RetailEnv(tmp_path)
    assert [task.id for task in env.tasks()] == ["dev-0", "dev-1", "test-0"]
    assert [task.id for task in env.tasks("test")] == ["test-0"]
    assert [task.id for task in RetailEnv(tmp_path, skip_flawed=True).tasks("dev")] == ["dev-0"]
    assert RetailEnv(RetailDB(**tables)).tasks() == []
