"""`agentgym tasks generate`: what it writes, and how it goes on after any end."""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from subprocess import DEVNULL, Popen
from threading import Event
from typing import Any

import pytest

from agentgym import Turn, Usage
from agentgym.cli import Parser
from agentgym.errors import AgentGymError, DataFileError, UsageError
from agentgym.jsontext import dump_json
from agentgym.testing.chat import ChatRequest, FakeReply
from agentgym.testing.endpoint import FakeEndpoint
from agentgym.testing.misbehaviour import Faults, Trouble
from environments.retail.env import RetailEnv
from environments.retail.factory.cli import generate as command
from environments.retail.factory.template import Stock
from environments.retail.task import RetailTask
from environments.retail.world.own import own_world
from tests.moment import Moment

REVIEW = {"reflection": "", "correctness": 1, "completeness": 1, "satisfaction": 1, "creativity": 0, "correction": ""}
FIGURES = {"total_attempts", "successful_tasks", "failed_tasks", "success_rate", "usage", "seed", "config", "slots"}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's decides."""
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "AGENTGYM_DEFAULT_MODEL", "AGENTGYM_ENVS_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def generate(*words: str | Path | int) -> int:
    """`agentgym tasks generate ...`."""
    parser = Parser(prog="agentgym tasks generate")
    command.configure(parser)
    return command.run(parser.parse_args(list(map(str, words))))


def load(path: Path | str) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


class Agent:
    """Plays all roles of an agent, each as its system prompt says, and remembers how often it was asked what."""

    def __init__(self) -> None:
        self.asked = Counter[str]()

    def __call__(self, request: ChatRequest) -> str | FakeReply:
        system, user = (str(message["content"]) for message in request.messages[:2])
        self.asked[f"{system[:40]} {len(request.messages)} {user}"] += 1
        if system.startswith("You are the planner"):
            done = [name for name in PLAN if f"{name}(" in user or f'"{name}"' in user or f"{name} " in user]
            name = PLAN[min(len(done), len(PLAN) - 1)]
            return json.dumps({"analysis": "", "sub_goal": name, "calls": [{"name": name, "arguments": {}}]})
        if not system.startswith("You write one part"):
            return json.dumps({"status": "continue", "analysis": "", "memory_sufficient": False})
        key = user.partition("Scenario: ")[2].partition(".")[0]
        record = json.loads(user.partition("The customer's record:\n")[2].splitlines()[0])
        stock = Stock(own_world(), [key], seed=0, users=[record["user_id"]], batch=16)
        task = next(stock.take(key)).blueprint.model_dump(mode="json")
        part = next(part for part in ("q", "agt", "ogt") if f'{{"{part}": ' in user.rpartition("Write ")[2])
        return dump_json({part: task[part]}).decode()


PLAN = ("propose_query", "propose_actions", "propose_outputs", "finish")


class Author:
    """Writes tasks from the shop's own stock, each customer's own, and remembers how often it was asked what."""

    def __init__(self) -> None:
        self.asked = Counter[str]()

    def __call__(self, request: ChatRequest) -> str | FakeReply:
        system, user = (str(message["content"]) for message in request.messages[:2])
        self.asked[f"{request.model} {request.body.get('temperature')} {len(request.messages)} {user}"] += 1
        if system.startswith("You review"):
            return json.dumps(REVIEW)
        key = user.partition("Scenario: ")[2].partition(".")[0]
        record = json.loads(user.partition("The customer's record:\n")[2].splitlines()[0])
        stock = Stock(own_world(), [key], seed=len(request.messages), users=[record["user_id"]], batch=16)
        task = next(stock.take(key), None)
        text = "none" if task is None else dump_json(task.blueprint.model_dump(mode="json")).decode()
        return FakeReply(body=Turn(text, usage=Usage(100, 20)))


def test_the_defaults_are_as_they_are_fixed() -> None:
    parser = Parser(prog="agentgym tasks generate")
    command.configure(parser)
    args = vars(parser.parse_args([]))
    fixed = {
        "num_tasks": 3,
        "max_iterations": 3,
        "output": Path("generated_tasks/Sampled_Tasks.json"),
        "no_user_id_validation": False,
        "committee_size": 3,
        "agentflow": False,
        "agentflow_turns": 5,
    }
    assert {name: args[name] for name in fixed} == fixed


def test_without_a_model_templates_are_used_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate() == 0
    told = capsys.readouterr()
    assert "no model is named" in told.err
    assert "our own world is used" in told.err
    rows = load("generated_tasks/Sampled_Tasks.json")
    assert len(rows) == 3
    for row in rows:
        assert set(row) == {"success", "task", "metadata", "validation_report"}
        assert set(row["task"]) == {"q", "agt", "ogt"}
        assert row["metadata"] == {"generation_method": "template", "turns": 1, "confidence": 1.0}
        assert set(row["validation_report"]) == {"valid", "missing", "suggestions"}
    report = load("generated_tasks/Sampled_Tasks.report.json")
    assert set(report) >= FIGURES
    assert report["slots"][0]["attempts"][0]["committee"]["reviews"][0]["reviewer"] == "heuristic"
    assert "diff_patch" in report["slots"][0]


def test_sixteen_tasks_are_two_of_each_and_all_can_be_played() -> None:
    assert generate("--generator", "template", "--num-tasks", 16, "--output", "t.json", "--seed", 4) == 0
    rows, report = load("t.json"), load("t.report.json")
    assert set(report["scenario_counts"].values()) == {2}
    for profile in ("compat", "typed"):
        env = RetailEnv(profile=profile)  # type: ignore[arg-type]  # each is one
        tasks = [RetailTask.model_validate({"id": str(number), **row["task"]}) for number, row in enumerate(rows)]
        assert not [flaw for task in tasks for flaw in env.flaws(task)]


def test_equal_seeds_give_equal_files_whatever_the_concurrency() -> None:
    words = ("--generator", "oracle", "--num-tasks", 12)
    for name, seed, width in (("a", 1, 1), ("b", 1, 5), ("c", 2, 1)):
        assert generate(*words, "--output", f"{name}.json", "--seed", seed, "--concurrency", width) == 0
    a, b, c = (Path(f"{name}.json").read_bytes() for name in "abc")
    assert a == b != c


@pytest.mark.slow
def test_more_than_a_thousand_templates_are_all_different() -> None:
    assert generate("--generator", "template", "--num-tasks", 1200, "--output", "t.json") == 0
    rows, report = load("t.json"), load("t.report.json")
    assert (
        len(rows) == len({row["task"]["q"] for row in rows}) == len({str(row["task"]["agt"]) for row in rows}) == 1200
    )
    assert all(row["success"] for row in rows)
    counts = report["scenario_counts"].values()
    assert max(counts) - min(counts) <= 1
    env = RetailEnv()
    assert not any(env.flaws(RetailTask.model_validate({"id": "t", **row["task"]})) for row in rows)


def test_who_goes_on_gets_the_same_tasks() -> None:
    words = ("--generator", "template", "--output", "t.json", "--num-tasks")
    assert generate(*words, 40) == 0
    whole = Path("t.json").read_bytes()
    lines = Path("t.partial.jsonl").read_bytes().splitlines(keepends=True)
    for kept in (1, 2, 20, 41, 79):
        Path("t.partial.jsonl").write_bytes(b"".join(lines[:kept]) + lines[kept][:30])  # killed in a line
        Path("t.json").unlink()
        assert generate(*words, 40, "--resume") == 0
        assert Path("t.json").read_bytes() == whole
    assert generate(*words, 48, "--resume") == 0
    assert load("t.json")[:40] == json.loads(whole)
    assert set(load("t.report.json")["scenario_counts"].values()) == {6}
    assert generate(*words, 8, "--resume") == 0
    assert load("t.json") == json.loads(whole)[:8]


def test_beginning_anew_puts_what_was_there_aside(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--generator", "template", "--output", "t.json")
    assert generate(*words) == 0
    kept = Path("t.partial.jsonl").read_bytes()
    assert generate(*words, "--seed", 1) == 0
    assert "t.partial.jsonl.before" in capsys.readouterr().err
    assert Path("t.partial.jsonl.before").read_bytes() == kept
    with pytest.raises(UsageError, match="another seed"):
        generate(*words, "--resume")


def test_a_model_writes_and_models_review() -> None:
    author = Author()
    with FakeEndpoint(author, lists_models=False) as endpoint:
        words = ("--model", "fake", "--base-url", endpoint.base_url, "--reviewer-models", "one,two", "--num-tasks", 8)
        assert generate(*words, "--output", "m.json", "--concurrency", 3) == 0
        reviews = [request.body for request in endpoint.requests if request.model in ("one", "two")]
        temperatures = Counter((body["model"], body.get("temperature")) for body in reviews)
    assert temperatures == {("one", None): 8, ("two", None): 8, ("one", 0.3): 8}
    assert [row["metadata"]["generation_method"] for row in load("m.json")] == ["direct"] * 8
    usage = load("m.report.json")["usage"]
    assert (usage["generator"]["calls"] >= 8, usage["reviewer"]["calls"]) == (True, 24)
    assert usage["generator"]["prompt_tokens"] > 0
    assert not Path("m.calls.jsonl").exists()
    assert Path("task_generator.log").read_text().count("accepted, 1 iterations") == 8


def test_faults_of_the_endpoint_lose_no_task() -> None:
    kinds = (Trouble.BUSY, Trouble.BROKEN, Trouble.NOT_JSON, Trouble.NO_CHOICES, Trouble.DISCONNECT)
    with FakeEndpoint(Author(), faults=Faults(rate=0.2, kinds=kinds, retry_after_s=0.01)) as endpoint:
        words = ("--model", "fake", "--base-url", endpoint.base_url, "--reviewer-models", "fake", "--num-tasks", 24)
        assert generate(*words, "--output", "m.json", "--concurrency", 6) == 0
        assert endpoint.injected.total() > 5
    report = load("m.report.json")
    assert (report["successful_tasks"], report["generation_errors"]) == (24, 0)
    assert set(report["scenario_counts"].values()) == {3}


def test_a_key_that_is_wrong_is_told_at_once_and_no_file_is_written() -> None:
    with FakeEndpoint(Author(), api_key="right") as endpoint, pytest.raises(AgentGymError, match="OPENAI_API_KEY"):
        generate("--model", "fake", "--base-url", endpoint.base_url, "--api-key", "wrong", "--output", "m.json")
    assert not list(Path().glob("m.*"))


def test_an_outage_keeps_what_was_made(capsys: pytest.CaptureFixture[str]) -> None:
    author, dead = Author(), Event()

    def dying(request: ChatRequest) -> str | FakeReply:
        if author.asked.total() >= 12 and not dead.is_set():
            return FakeReply(status=401, body={"error": {"message": "no more"}})
        return author(request)

    with FakeEndpoint(dying) as endpoint:
        words = ("--model", "fake", "--base-url", endpoint.base_url, "--num-tasks", 16, "--output", "m.json")
        assert generate(*words) == 1
        assert "--resume goes on" in capsys.readouterr().err
        before = load("m.json")
        assert 0 < sum(row["success"] for row in before) < 16
        dead.set()
        assert generate(*words, "--resume") == 0
    assert sum(row["success"] for row in load("m.json")) == 16
    assert max(author.asked.values()) == 1


def test_an_agent_that_is_killed_goes_on(tmp_path: Path) -> None:
    agent, moment = Agent(), Moment(30)

    def watched(request: ChatRequest) -> str | FakeReply:
        moment.pass_by(agent.asked.total())
        return agent(request)

    with FakeEndpoint(watched, latency=0.02) as endpoint:
        words = ("--model", "fake", "--base-url", endpoint.base_url, "--agentflow", "--num-tasks", "8")
        words = ("generate", *words, "--output", str(tmp_path / "f.json"), "--concurrency", "3")
        first = Popen([sys.executable, "-c", _COMMAND, *words], stdout=DEVNULL, stderr=DEVNULL)
        with moment.awaited():
            first.kill()
        first.wait()
        assert generate(*words[1:], "--resume") == 0
    assert [row["success"] for row in load("f.json")] == [True] * 8
    assert sum(times - 1 for times in agent.asked.values()) <= 3
    usage = load("f.report.json")["usage"]
    assert {"planner", "verifier", "executor"} <= set(usage)


@pytest.mark.parametrize(("end", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_cut_and_gone_on_with_nothing_is_paid_twice(tmp_path: Path, end: signal.Signals, code: int) -> None:
    author, moment = Author(), Moment(25)

    def watched(request: ChatRequest) -> str | FakeReply:
        moment.pass_by(author.asked.total())
        return author(request)

    with FakeEndpoint(watched, latency=0.02) as endpoint:
        words = ("--model", "fake", "--base-url", endpoint.base_url, "--reviewer-models", "fake", "--num-tasks", "16")
        words = ("generate", *words, "--output", str(tmp_path / "m.json"), "--concurrency", "4")
        first = Popen([sys.executable, "-c", _COMMAND, *words], stdout=DEVNULL, stderr=DEVNULL)
        with moment.awaited():
            first.send_signal(end)
        assert first.wait(60) == code
        if end == signal.SIGINT:
            assert 0 < len(load("m.json")) < 16
        assert generate(*words[1:], "--resume") == 0
    rows = load("m.json")
    assert [row["success"] for row in rows] == [True] * 16
    assert len({str(row["task"]["agt"]) for row in rows}) == 16
    assert load("m.report.json")["total_attempts"] == 16
    again = [asked for asked, times in author.asked.items() if times > 1]
    under_way = 4 * 3 if end == signal.SIGKILL else 0
    assert len(again) <= under_way


def test_a_damaged_line_is_named() -> None:
    assert generate("--output", "t.json") == 0
    lines = Path("t.partial.jsonl").read_bytes().splitlines(keepends=True)
    Path("t.partial.jsonl").write_bytes(lines[0] + b"[1, 2]\n" + b"".join(lines[1:]))
    with pytest.raises(DataFileError, match=r"t.partial.jsonl:2: no line of this command"):
        generate("--output", "t.json", "--resume")


def test_one_process_writes_at_a_time() -> None:
    from environments.retail.factory.partial import Kept

    with Kept(Path("t.json").absolute(), {}, resume=False), pytest.raises(UsageError, match="another process"):
        generate("--output", "t.json")
    assert generate("--output", "t.json") == 0


def test_agents_write_tasks_too() -> None:
    words = ("--generator", "oracle", "--agentflow", "--num-tasks", 8, "--output", "f.json", "--rich")
    assert generate(*words, "--concurrency", 4) == 0
    rows = load("f.json")
    assert {row["metadata"]["generation_method"] for row in rows} == {"agentflow"}
    assert all(row["success"] and 1 <= row["metadata"]["turns"] <= 5 for row in rows)
    assert {row["metadata"]["scenario"] for row in rows} == set(load("f.report.json")["scenario_counts"])


def test_other_data_is_used_and_what_nobody_fits_is_told(
    db: Any, tables: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del tables["orders"]["#W1"], tables["orders"]["#W3"], tables["orders"]["#W5"]
    for user, orders in (("ada_ito_1000", ["#W2"]), ("ben_ray_2000", ["#W4"])):
        tables["users"][user]["orders"] = orders
    for name, table in tables.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(table))
    assert generate("--data", tmp_path, "--num-tasks", 8, "--output", "t.json") == 0
    assert (
        "no customer in the data fits order_cancellation, order_modification, payment_update" in capsys.readouterr().err
    )
    counts = load("t.report.json")["scenario_counts"]
    assert {key: count for key, count in counts.items() if count} == dict.fromkeys(
        ("item_return", "item_exchange", "address_change", "product_inquiry"),
        2,  # no price there can be asked for
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--num-tasks", "0"), "--num-tasks"),
        (("--scenarios", "refunds"), "no scenario 'refunds'"),
        (("--agentflow",), "--agentflow needs somebody"),
        (("--agentflow", "--generator", "template"), "templates need no agent"),
        (("--data", "nowhere"), "there is no"),
        (("--generator", "scripted:nowhere.jsonl"), "cannot be read"),
        (("--generator", "oracle", "--role", "verifier=mock:x"), "add --agentflow"),
        (("--generator", "oracle", "--agentflow", "--role", "verifier"), "write ROLE=SPEC"),
        (("--generator", "oracle", "--agentflow", "--role", "boss=mock:x"), "no role 'boss'"),
        (("--committee-size", "-1"), "--committee-size"),
        (("--reviewer-models", "heuristic,mock:x"), "on all seats or on none"),
        (("--resume", "--output", "here/"), "file"),
    ],
)
def test_wrong_use_is_told(words: tuple[str, ...], told: str) -> None:
    if words[-1] == "here/":
        Path("here").mkdir()
    with pytest.raises(UsageError, match=told):
        generate(*words)


_COMMAND = """
import sys
from agentgym.cli import Parser
from environments.retail.factory import cli
parser = Parser(prog="agentgym tasks")
cli.configure(parser)
sys.exit(cli.run(parser.parse_args(sys.argv[1:])))
"""
