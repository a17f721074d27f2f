"""What is counted in tasks and in the results of their tests."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import DataFileError
from environments.retail.database import RetailDB
from environments.retail.factory.analysis.references import references
from environments.retail.factory.analysis.results import as_told, join, read_results
from environments.retail.factory.analysis.stats import outcomes, stats
from environments.retail.factory.envelope import Blueprint
from environments.retail.factory.files import read_tasks
from tests.environments.retail.conftest import ADA, BEN

FIND = {"name": "find_user_id_by_email", "arguments": {"email": "ada.ito@example.com"}}


def look(order_id: object, **more: object) -> dict[str, Any]:
    return {"name": "get_order_details", "arguments": {"order_id": order_id, **more}}


def cancel(order_id: str) -> dict[str, Any]:
    return {"name": "cancel_pending_order", "arguments": {"order_id": order_id, "reason": "no longer needed"}}


def task(*calls: dict[str, Any], ogt: tuple[str, ...] = ()) -> Blueprint:
    return Blueprint.model_validate({"q": "please", "agt": calls, "ogt": ogt})


TASKS = [
    ("a", task(FIND, look("#W1"), cancel("#W1"))),
    ("b", task(FIND, look("#W1"), ogt=("12",))),
    ("c", task(FIND, look("#W3"), ogt=("20",))),
    ("d", task()),
]


def _results(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "test_results.json"
    path.write_text(json.dumps({"summary": {}, "results": rows}), encoding="utf-8")
    return path


def _row(task_id: str, success: bool | None, *made: str, exact: bool = False, **more: object) -> dict[str, Any]:
    actions = [{"name": name, "arguments": {}} for name in made]
    return {"task_id": task_id, "success": success, "exact_action_match": exact, "actions": actions, **more}


def test_groups_tell_how_often_each_kind_was_solved(tmp_path: Path) -> None:
    path = _results(
        tmp_path,
        _row("a", True, *("find_user_id_by_email", "get_order_details", "cancel_pending_order"), exact=True),
        _row("b", True, "get_order_details"),
        _row("c", False, "find_user_id_by_email"),
        _row("d", None, error="endpoint"),
    )
    report: Any = stats(join(TASKS, read_results(path)))
    assert (report["total_tasks"], report["not_evaluable"], report["success_count"]) == (4, 1, 2)
    assert report["success_rate"] == pytest.approx(2 / 3)
    lookups = {
        "total": 2,
        "success_count": 1,
        "success_rate": 0.5,
        "exact_match_count": 0,
        "exact_match_rate": 0.0,
    }
    assert report["by_read_write"]["r2_w0"] == lookups
    assert report["by_action_count"]["2"] == lookups
    assert report["by_action_sequence"]["find_user_id_by_email -> get_order_details"] == lookups
    assert report["by_read_write"]["r2_w1"]["exact_match_count"] == 1
    counts = {top["action"]: top["count"] for top in report["top_actions"]}
    assert counts == {"find_user_id_by_email": 3, "get_order_details": 3, "cancel_pending_order": 1}
    shares = [3 / 7, 3 / 7, 1 / 7]
    assert report["action_entropy"] == pytest.approx(-sum(share * math.log2(share) for share in shares))


def test_failures_tell_what_was_left_out_and_what_was_done_besides(tmp_path: Path) -> None:
    path = _results(
        tmp_path,
        _row("a", False, *("find_user_id_by_email", "modify_user_address"), output_match=1.0),
        _row("b", False, *("find_user_id_by_email", "get_order_details", "think"), output_match=0.0),
        _row("c", True),
    )
    report: Any = outcomes(join(TASKS, read_results(path)), "failures")
    assert report["task_ids"] == ["a", "b"]
    assert report["missing_actions"] == {"get_order_details": 1, "cancel_pending_order": 1}
    assert report["unexpected_actions"] == {"modify_user_address": 1}
    assert report["not_told"] == 1
    assert report["by_read_write"]["r2_w0"]["total"] == 2  # with the one of the kind that was solved


def test_successes_leave_out_kinds_that_were_never_solved(tmp_path: Path) -> None:
    path = _results(tmp_path, _row("a", False), _row("b", True), _row("b", True))
    report: Any = outcomes(join(TASKS, read_results(path)), "successes")
    assert report["task_ids"] == ["b", "b"]
    assert list(report["by_read_write"]) == ["r2_w0"]
    assert [top["count"] for top in report["top_actions"]] == [2, 2]


def test_without_tests_a_bare_task_says_nothing_of_success(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([{"q": "x", "agt": [FIND], "ogt": []}]), encoding="utf-8")
    report: Any = stats(as_told(read_tasks(path)))
    assert (report["success_count"], report["exact_match_rate"], report["action_entropy"]) == (None, None, 0.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "holds no results"),
        ("{}", "holds no results"),
        ('[{"success": true}]', "result 1: has no task_id"),
        ('[{"task_id": "a", "success": "yes"}]', "neither true, false nor null"),
        ("nonsense", "cannot be read"),
    ],
)
def test_what_holds_no_results_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataFileError, match=told):
        read_results(path)


def test_results_of_other_tasks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="no task 'z'"):
        join(TASKS, read_results(_results(tmp_path, _row("z", True))))


def test_references_have_the_fixed_fields(db: RetailDB) -> None:
    report: Any = references([("a", task(FIND, look("#W1"), look("#W4"), look("#W9"), look("#W1", user_id=BEN)))], db)
    details = report.pop("details")
    assert report == {
        "total_actions": 5,
        "total_id_references": 5,
        "valid_references": 4,
        "invalid_references": 1,
        "reference_ratio": 80.0,
        "order_user_checks": 4,
        "valid_order_user_associations": 1,
        "invalid_order_user_associations": 3,
        "order_user_match_ratio": 25.0,
    }
    assert list(details) == ["user_id", "order_id", "product_id", "order_user_association"]
    assert all(
        list(kind) == ["total", "valid", "invalid", "valid_ratio", "invalid_samples"] for kind in details.values()
    )
    assert details["order_id"]["invalid_samples"] == [
        {"task_id": "a", "index": 3, "action": "get_order_details", "value": "#W9"}
    ]
    stranger = details["order_user_association"]["invalid_samples"][0]
    assert (stranger["order_id"], stranger["user_id"], stranger["owner"]) == ("#W4", ADA, BEN)


def test_references_of_any_type_are_counted_and_samples_are_few(db: RetailDB) -> None:
    strange: tuple[object, ...] = (7, ["#W1", "#W9"], {"a": 1}, None, "W1")
    report: Any = references([(str(number), task(look(value))) for number, value in enumerate(strange * 9)], db)
    orders = report["details"]["order_id"]
    assert (orders["total"], orders["valid"]) == (45, 9)
    assert len(orders["invalid_samples"]) == 10
    assert report["order_user_checks"] == 0  # nobody knows who it is


def test_nothing_to_refer_to_is_no_division_by_zero(db: RetailDB) -> None:
    report: Any = references([("a", task())], db)
    assert (report["reference_ratio"], report["total_id_references"]) == (0.0, 0)
