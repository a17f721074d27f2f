"""`agentgym tasks VERB` and `agentgym config show`, from their flags to what they print and write."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from agentgym import Context, Conversation, Message
from agentgym.cli import Parser
from agentgym.errors import DataFileError, UsageError
from agentgym.testing import ChatRequest, FakeEndpoint
from environments.retail.factory import cli as tasks_cli
from environments.retail.factory.cli import config as config_cli
from environments.retail.factory.compare import summarise_tasks
from environments.retail.factory.template import as_blueprint
from environments.retail.world.own import own_tasks, own_world

Cli = Callable[..., tuple[int, str, str]]
SUMMARY = [
    *("count", "format_valid_count", "format_valid_fraction", "user_id_consistent_count"),
    *("user_id_consistent_fraction", "avg_actions", "median_actions", "avg_outputs"),
    *("validator_valid_count", "executable_fraction", "real_data_reference"),
]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AGENTGYM_USER_API_KEY", "AGENTGYM_ENVS_PATH"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: object, command: Any = tasks_cli) -> tuple[int, str, str]:
        capsys.readouterr()
        parser = Parser(prog="agentgym tasks")
        command.configure(parser)
        code = command.run(parser.parse_args(list(map(str, words))))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def entries(count: int) -> list[dict[str, Any]]:
    return [as_blueprint(task, Random(task.id)).model_dump(mode="json") for task in own_tasks()[:count]]


def enveloped(task: dict[str, Any], *, success: bool = True) -> dict[str, Any]:
    return {
        "success": success,
        "task": task,
        "metadata": {"generation_method": "template", "turns": 1, "confidence": 1.0},
        "validation_report": {"valid": success, "missing": [], "suggestions": []},
    }


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def results(path: Path, **successes: bool | None) -> Path:
    rows: list[dict[str, Any]] = [
        {"task_id": name, "success": success, "actions": []} for name, success in successes.items()
    ]
    return write(path, {"summary": {}, "results": rows})


def test_only_the_chosen_verb_is_imported(cli: Cli, tmp_path: Path) -> None:
    modules = {f"{tasks_cli.__name__}.{verb}" for verb in tasks_cli.VERBS.verbs}
    before = {name: sys.modules.pop(name) for name in modules & sys.modules.keys()}
    try:
        with pytest.raises(DataFileError, match="cannot be read"):
            cli("convert", "nowhere.json", "--to", "sft")
        assert modules & sys.modules.keys() == {f"{tasks_cli.__name__}.convert"}
    finally:
        sys.modules.update(before)


@pytest.mark.parametrize("verb", list(tasks_cli.VERBS.verbs))
def test_every_verb_tells_what_it_takes(cli: Cli, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli(verb, "--help")
    assert ended.value.code == 0
    assert f"agentgym tasks {verb}" in capsys.readouterr().out


def test_settings_are_shown_with_where_they_come_from(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    code, out, _ = cli("show", "--set", "num_tasks=4", command=config_cli)
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert code == 0
    assert rows["num_tasks"] == ["4", "flag"]
    assert rows["default_api_key"] == ["********", "OPENAI_API_KEY"]
    assert rows["timeout"] == ["180.0", "default"]
    assert "sk-secret" not in out
    assert json.loads(cli("show", "--json", command=config_cli)[1])["num_tasks"] == 10
    with pytest.raises(UsageError, match="did you mean 'num_tasks'"):
        cli("show", "--set", "num_task=4", command=config_cli)


def test_an_absent_default_is_our_own_world_and_an_absent_folder_that_was_named_is_refused(cli: Cli) -> None:
    write(Path("t.json"), entries(4))
    code, out, err = cli("analyze", "references", "t.json", "--json")
    assert (code, json.loads(out)["invalid_references"]) == (0, 0)
    assert err.count("our own world") == 1
    for flag in ("--data", "--envs-path"):
        with pytest.raises(UsageError, match=r"there is no .*nowhere"):
            cli("analyze", "references", "t.json", flag, "nowhere")


def test_what_is_no_task_is_left_out_and_told(cli: Cli) -> None:
    write(Path("t.json"), [*entries(2), 5, {"q": 7}])
    code, out, err = cli("analyze", "stats", "t.json", "--json", "-o", "s.json")
    assert (code, json.loads(out)["total_tasks"]) == (1, 2)
    assert err.count("left out:") == 2
    assert "t.json: task 3" in err
    assert json.loads(Path("s.json").read_text(encoding="utf-8"))["total_tasks"] == 2


def test_analyses_are_told_in_tables(cli: Cli) -> None:
    write(Path("t.json"), entries(3))
    results(Path("r.json"), task_001=True, task_002=False, task_003=None)
    code, out, _ = cli("analyze", "failures", "--tasks", "t.json", "--results", "r.json")
    assert code == 0
    assert "not_evaluable: 1" in out
    assert "task_ids: task_002" in out
    assert "missing_actions" in out


def test_tasks_are_parted_by_their_results(cli: Cli) -> None:
    given = [*map(enveloped, entries(4))]
    write(Path("t.json"), given)
    results(Path("r.json"), task_001=True, task_002=False, task_003=None)
    code, out, _ = cli("filter", "--tasks", "t.json", "--results", "r.json", "--output-dir", "parts", "--json")
    summary = json.loads(Path("parts/filtering_summary.json").read_text(encoding="utf-8"))
    assert (code, json.loads(out)) == (0, summary)
    assert json.loads(Path("parts/successful_tasks.json").read_text(encoding="utf-8")) == given[:1]
    assert json.loads(Path("parts/failed_tasks.json").read_text(encoding="utf-8")) == given[1:2]
    names = ("total_tasks", "successful_tasks", "failed_tasks", "not_evaluable", "untested", "success_rate")
    assert [summary[name] for name in names] == [4, 1, 1, 1, 1, 0.5]
    assert summary["failed_task_ids"] == ["task_002"]


def test_a_task_that_failed_in_one_trial_was_not_solved(cli: Cli) -> None:
    write(Path("t.json"), entries(1))
    rows = [{"task_id": "task_001", "success": success, "trial": trial} for trial, success in enumerate((True, False))]
    write(Path("r.json"), {"results": rows})
    assert cli("filter", "--tasks", "t.json", "--results", "r.json")[0] == 1
    assert json.loads(Path("results/filtering_summary.json").read_text(encoding="utf-8"))["failed_tasks"] == 1


def test_without_results_envelopes_say_what_was_solved(cli: Cli) -> None:
    given = [enveloped(task, success=number > 0) for number, task in enumerate(entries(3))]
    write(Path("t.json"), given)
    assert cli("filter", "--tasks", "t.json")[0] == 0
    assert json.loads(Path("results/failed_tasks.json").read_text(encoding="utf-8")) == given[:1]


def test_tasks_are_found_by_ids_codes_and_results(cli: Cli) -> None:
    broken = entries(1)[0]
    broken["agt"].append({"name": "get_order_details", "arguments": {"order_id": "#W0000000"}})
    given = [*entries(3), broken]
    write(Path("t.json"), given)
    results(Path("r.json"), task_001=True, task_002=False)

    def found(*words: str) -> list[str]:
        return [row["task_id"] for row in json.loads(cli("find", "t.json", *words, "--json")[1])]

    assert found("--ids", "task_003,task_001,task_003") == ["task_003", "task_001"]
    assert found("--code", "ORDER_NOT_FOUND") == ["task_004"]
    assert found("--code", "*_NOT_FOUND", "--ids", "task_001,task_004") == ["task_004"]
    assert found("--failed", "--results", "r.json") == ["task_002"]
    code, out, err = cli("find", "t.json", "--code", "ORDER_NOT_FOUND", "-o", "f.json")
    assert code == 0
    assert "error: ORDER_NOT_FOUND: action" in out
    assert "1 found" in err
    assert json.loads(Path("f.json").read_text(encoding="utf-8")) == [broken]
    assert cli("find", "t.json", "--code", "PRODUCT_NOT_FOUND")[0] == 1


def test_duplicates_are_found(cli: Cli) -> None:
    write(Path("t.json"), [*entries(2), entries(1)[0]])
    found = json.loads(cli("find", "t.json", "--code", "DUPLICATE", "--json")[1])
    assert [row["task_id"] for row in found] == ["task_003"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "say what is looked for"),
        (("--failed",), "name them with --results"),
        (("--ids", "task_0001"), "did you mean 'task_001'"),
    ],
)
def test_a_search_for_nothing_is_refused(cli: Cli, words: tuple[str, ...], told: str) -> None:
    write(Path("t.json"), entries(2))
    with pytest.raises(UsageError, match=told):
        cli("find", "t.json", *words)


def test_arguments_are_normalised_and_nothing_is_made_up(cli: Cli) -> None:
    calls = [
        {"name": "get_order_details", "arguments": {"order_id": "w123", "color": "red"}},
        {"name": "cancel_pending_order", "arguments": {"order_id": "#W123"}},
        {"name": "dance", "arguments": {"order_id": "w123"}},
    ]
    write(Path("t.json"), [{"id": "x", "query": "取消订单", "gold_actions": calls, "gold_final": "done", "more": 1}])
    code, out, _ = cli("normalize", "t.json", "-o", "n.json", "--json")
    (entry,) = json.loads(Path("n.json").read_text(encoding="utf-8"))
    assert code == 0
    assert entry == {
        "id": "x",
        "more": 1,
        "q": "取消订单",
        "agt": [
            {"name": "get_order_details", "arguments": {"order_id": "#W123", "color": "red"}},
            calls[1],
            calls[2],
        ],
        "ogt": ["done"],
    }
    changes = json.loads(out)["changes"]
    assert {(change["index"], change["argument"]) for change in changes} == {(0, "order_id"), (0, "color")}
    again = cli("normalize", "n.json", "--drop-unknown", "-o", "m.json", "--json")
    assert [change["argument"] for change in json.loads(again[1])["changes"]] == ["color"]
    assert "color" not in Path("m.json").read_text(encoding="utf-8")


def test_envelopes_stay_envelopes(cli: Cli) -> None:
    given = [*map(enveloped, entries(2))]
    write(Path("t.json"), given)
    assert cli("normalize", "t.json", "-o", "n.json")[0] == 0
    assert json.loads(Path("n.json").read_text(encoding="utf-8")) == given


def test_rows_of_a_data_set_can_be_read_again(cli: Cli) -> None:
    given = entries(5)
    write(Path("t.json"), given)
    assert cli("convert", "t.json", "--to", "dataset-jsonl")[0] == 0
    rows = lines(Path("t_dataset_jsonl.jsonl"))
    assert rows == [{"query": task["q"], "gold_actions": task["agt"], "gold_final": task["ogt"]} for task in given]
    assert cli("convert", "t_dataset_jsonl.jsonl", "--to", "tasks", "-o", "back.jsonl")[0] == 0
    assert [{name: row[name] for name in ("q", "agt", "ogt")} for row in lines(Path("back.jsonl"))] == given


def test_the_answer_of_a_conversation_is_the_list_of_calls(cli: Cli) -> None:
    given = entries(3)
    write(Path("t.json"), [*map(enveloped, given[:2]), enveloped(given[2], success=False)])
    code, _, err = cli("convert", "t.json", "--to", "sft", "-o", "rows.jsonl")
    rows = lines(Path("rows.jsonl"))
    assert (code, len(rows)) == (0, 2)
    assert "left out: 1" in err
    assert [message["role"] for message in rows[0]["messages"]] == ["system", "user", "assistant"]
    assert rows[0]["messages"][1]["content"] == given[0]["q"]
    assert json.loads(rows[0]["messages"][2]["content"]) == {"tool_calls": given[0]["agt"]}
    assert "cancel_pending_order(order_id, reason?" in rows[0]["messages"][0]["content"]
    cli("convert", "t.json", "--to", "sft", "-o", "all.jsonl", "--all")
    assert len(lines(Path("all.jsonl"))) == 3


def _customers(row: Any) -> set[str]:
    """All that tells who it is and which orders."""
    return {
        str(value)
        for call in row["gold_actions"]
        for name, value in call["arguments"].items()
        if name in ("user_id", "email", "order_id")
    }


def test_parts_share_no_customer_and_no_order_and_keep_their_shares(cli: Cli) -> None:
    write(Path("t.json"), entries(640))
    words = ("convert", "t.json", "--to", "dataset-jsonl", "--split", "70/15/15")
    assert cli(*words, "-o", "a.jsonl")[0] == 0
    parts = [lines(Path(f"a_{name}.jsonl")) for name in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [448, 96, 96]
    held = [set().union(*map(_customers, part)) for part in parts]
    assert sum(map(len, held)) == len(set().union(*held))
    for seed, is_same in ((3407, True), (7, False)):
        cli(*words, "-o", "b.jsonl", "--seed", seed)
        assert (Path("a_test.jsonl").read_bytes() == Path("b_test.jsonl").read_bytes()) is is_same


@pytest.mark.parametrize("shares", ["70/30", "a/b/c", "0/0/0", "-1/50/51", "nan/1/1", ""])
def test_shares_that_are_none_are_refused(cli: Cli, shares: str) -> None:
    write(Path("t.json"), entries(1))
    with pytest.raises(UsageError, match="70/15/15"):
        cli("convert", "t.json", "--to", "sft", f"--split={shares}")


def test_tasks_of_a_customer_are_combined(cli: Cli) -> None:
    write(Path("t.json"), entries(240))
    code, out, err = cli("combine", "t.json", "--num-tasks", 6, "--rich")
    made = json.loads(Path("generated_tasks/Combined_Tasks.json").read_text(encoding="utf-8"))
    assert (code, len(made)) == (0, 6)
    assert "6 of 6 tasks" in out
    assert "one after the other" in err
    assert {entry["metadata"]["generation_method"] for entry in made} == {"combined"}
    assert all(entry["success"] and "Besides: " in entry["task"]["q"] for entry in made)
    summary: Any = summarise_tasks("generated_tasks/Combined_Tasks.json", own_world())
    assert (summary["validator_valid_count"], summary["executable_fraction"]) == (6, 1.0)
    searches = [[call["name"].startswith("find_") for call in entry["task"]["agt"]].count(True) for entry in made]
    assert searches == [1] * 6


def test_a_model_writes_the_request_and_is_told_what_was_wrong(cli: Cli) -> None:
    write(Path("t.json"), entries(64))
    cli("combine", "t.json", "--num-tasks", 1, "--output", "joined.json")
    (joined,) = json.loads(Path("joined.json").read_text(encoding="utf-8"))
    said = ["no idea", json.dumps({"q": "Please do it."}), json.dumps({"q": joined["task"]["q"]})]
    Path("script.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in said), encoding="utf-8")
    code, _, _ = cli("combine", "t.json", "--num-tasks", 1, "--model", "scripted:script.jsonl", "--output", "c.json")
    (slot,) = json.loads(Path("c.report.json").read_text(encoding="utf-8"))["slots"]
    assert code == 0
    assert json.loads(Path("c.json").read_text(encoding="utf-8"))[0]["task"] == joined["task"]
    codes = [attempt["codes"] for attempt in slot["attempts"]]
    assert codes[0] == ["FORMAT_UNREADABLE"]
    assert "QUERY_UNIDENTIFIED" in codes[1]
    assert codes[2] == []


def test_tasks_that_touch_the_same_order_are_not_combined(cli: Cli) -> None:
    write(Path("t.json"), entries(1) * 2)
    with pytest.raises(UsageError, match="no customer has 2 sound tasks"):
        cli("combine", "t.json")


def test_conversations_that_went_well_are_parted_from_the_others(cli: Cli) -> None:
    write(Path("t.json"), entries(6))
    code, out, _ = cli("collect", "--tasks", "t.json", "--model", "oracle", "--json")
    good = lines(Path("results/conversations/successes.jsonl"))
    assert (code, json.loads(out)["conversations"]) == (0, 6)
    assert [row["task_id"] for row in good] == [f"task_{number:03d}" for number in range(1, 7)]
    assert all(row["reward"] >= 0.99 and row["conversation"] == 0 for row in good)
    assert {"system", "user", "assistant", "tool"} == {message["role"] for message in good[0]["messages"]}
    assert lines(Path("results/conversations/failures.jsonl")) == []


def test_what_went_wrong_is_named(cli: Cli) -> None:
    write(Path("t.json"), entries(4))
    code, out, _ = cli("collect", "--tasks", "t.json", "--model", "idle", "--conversations", 2, "--json")
    bad = lines(Path("results/conversations/failures.jsonl"))
    assert code == 1
    assert json.loads(out)["failures"] == len(bad) == 8
    assert {row["fault"] for row in bad} <= {"not_all_done", "not_told"}
    assert {row["fault_by"] for row in bad} == {"agent"}


def test_a_customer_knows_the_request_and_nothing_of_the_solution(cli: Cli, tmp_path: Path) -> None:
    write(Path("t.json"), entries(1))
    Path("user.jsonl").write_text('{"text": "Hello?"}\n{"text": "###STOP###"}\n', encoding="utf-8")
    cli("collect", "--tasks", "t.json", "--model", "mock:Hm.", "--user-model", "scripted:user.jsonl", "--json")
    (row, *_) = lines(Path("results/conversations/failures.jsonl"))
    assert [message["content"] for message in row["messages"][1:]] == ["Hello?", "Hm.", "###STOP###"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--model"),
        (("--model", "oracle", "--user-best-of", "4"), "--user-model"),
        (("--model", "oracle", "--user-model", "oracle"), "cannot play the customer"),
    ],
)
def test_conversations_that_nobody_can_have_are_refused(cli: Cli, words: tuple[str, ...], told: str) -> None:
    write(Path("t.json"), entries(1))
    with pytest.raises(UsageError, match=told):
        cli("collect", "--tasks", "t.json", *words)


def test_both_makers_are_compared(cli: Cli) -> None:
    code, out, err = cli("compare", "--num-tasks", 2, "--model", "oracle", "--json")
    report = json.loads(out)
    assert code == 0
    assert list(report) == [
        *("timestamp", "num_tasks_requested", "direct_out", "agent_out", "direct_summary", "agent_summary")
    ]
    assert list(report["direct_summary"]) == list(report["agent_summary"]) == SUMMARY
    assert report["agent_summary"]["executable_fraction"] == 1.0
    (written,) = Path("generated_tasks").glob("comparison_report_*.json")
    assert json.loads(written.read_text(encoding="utf-8")) == report
    assert err.count("our own world") == 1
    stamps = [Path(report[name]).stat().st_mtime_ns for name in ("direct_out", "agent_out")]
    assert "taken as it is" in cli("compare", "--num-tasks", 2)[2]
    assert [Path(report[name]).stat().st_mtime_ns for name in ("direct_out", "agent_out")] == stamps


def test_makers_are_not_compared_where_nobody_writes(cli: Cli) -> None:
    with pytest.raises(UsageError, match="name a model"):
        cli("compare")
    with pytest.raises(UsageError, match="same file"):
        cli("compare", "--direct-out", "a.json", "--agent-out", "./a.json")


def test_tasks_that_do_not_hold_are_told_of_in_fractions(cli: Cli) -> None:
    broken = entries(1)[0]
    broken["agt"].append({"name": "get_order_details", "arguments": {"order_id": "#W0000000"}})
    write(Path("t.json"), [*entries(2), broken, 5])
    summary: Any = summarise_tasks("t.json", own_world())
    assert [summary[name] for name in SUMMARY[:3]] == [4, 3, 0.75]
    assert (summary["validator_valid_count"], summary["executable_fraction"]) == (2, 0.5)


def test_flags_of_models_reach_them(cli: Cli) -> None:
    from environments.retail.factory.cli.options import make_model, make_user_model, spec_of

    args = argparse.Namespace(
        base_url="http://localhost:1/v1", api_key="k", temperature=0.5, max_tokens=9, timeout=None, user_model="u",
        user_base_url=None, user_api_key=None,
    )  # fmt: skip
    policy = make_model("llama3:8b", args)
    assert (policy.name, policy.base_url) == ("openai:llama3:8b", "http://localhost:1/v1")
    assert (policy.settings["temperature"], policy.settings["max_tokens"]) == (0.5, 9)
    customer = make_user_model(args)
    assert customer is not None
    assert customer.base_url == "http://localhost:1/v1"
    specs = ("oracle", "scripted:x.jsonl", "mock:Yes.", "agentflow:oracle", "openai:x", "gpt-4o", "openai")
    assert [spec_of(spec) for spec in specs] == [*specs[:5], "openai:gpt-4o", "openai:openai"]


def test_the_models_key_is_not_told_to_the_endpoint_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from environments.retail.factory.cli.options import make_user_model

    for name in ("OPENAI_API_KEY", "AGENTGYM_USER_API_KEY", "AGENTGYM_USER_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    heard: list[str] = []

    def answer(request: ChatRequest) -> str:
        heard.append(request.headers.get("Authorization", ""))
        return "Yes."

    async def ask(base_url: str, customers: str) -> None:
        customer = make_user_model(
            argparse.Namespace(
                base_url=base_url, api_key="secret", timeout=None,
                user_model="u", user_base_url=customers, user_api_key=None,
            )
        )  # fmt: skip
        assert customer is not None
        await customer.start(Context()).act(Conversation([Message("user", "Hello?")]))
        await customer.aclose()

    with FakeEndpoint(answer) as endpoint:
        anyio.run(ask, endpoint.base_url, endpoint.base_url)
        anyio.run(ask, "http://localhost:1/v1", endpoint.base_url)
    assert "secret" in heard[0]
    assert "secret" not in heard[1]
