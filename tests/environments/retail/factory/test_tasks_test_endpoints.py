"""`agentgym tasks test` through endpoints that fail, and through its own violent death."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agentgym.messages import ToolCall, Turn
from agentgym.testing import ChatRequest, FakeEndpoint, Faults, Trouble
from agentgym.testing.misbehaviour import INFRASTRUCTURE
from environments.retail.factory.cases import read_cases
from environments.retail.factory.envelope import Blueprint
from environments.retail.factory.template import as_blueprint
from environments.retail.world.own import own_tasks, own_world
from tests.moment import Moment

PROGRAM = """\
import sys
from agentgym.cli import Parser
from environments.retail.factory.cli import configure, run
parser = Parser(prog="agentgym tasks")
configure(parser)
sys.exit(run(parser.parse_args(sys.argv[1:])))
"""
THREADS = 8
KEY, OTHER_KEY = "sk-secret-key-1", "sk-other-key-22"
KINDS = [kind for kind in INFRASTRUCTURE if kind is not Trouble.HANG]
"""Without what ends by the clock alone: a machine that stands still would end what was answered, too."""
LAST = "transfer_to_human_agents"
BYE = "That is all done. Is there anything else?"


class Shop:
    """Answers as the reference would, by the conversation alone, and stands still at a moment that is awaited."""

    def __init__(self, tasks: Path) -> None:
        cases, _ = read_cases(tasks, own_world())
        self._tasks = {case.blueprint.q: case.blueprint for case in cases}
        self.asked = 0
        self._moment: Moment | None = None

    def __call__(self, request: ChatRequest) -> Turn:
        self.asked += 1
        if self._moment is not None:
            self._moment.pass_by(self.asked)
        said = [message["content"] for message in request.messages if message["role"] == "user"]
        made = sum(message["role"] == "assistant" for message in request.messages)
        return self._turn(self._tasks[str(said[0])], made)

    def call(self, number: int) -> AbstractContextManager[None]:
        """While the call with that number stands still."""
        self._moment = Moment(number)
        return self._moment.awaited()

    def _turn(self, task: Blueprint, made: int) -> Turn:
        calls = [call for call in task.agt if call.name != LAST]
        if made < len(calls):
            return Turn(tool_calls=(ToolCall(calls[made].name, calls[made].arguments, id=f"call_{made}"),))
        if made == len(calls) and task.ogt:
            return Turn(" ".join(task.ogt))
        for call in task.agt[len(calls) :]:
            return Turn(tool_calls=(ToolCall(call.name, call.arguments, id=f"call_{made}"),))
        return Turn(BYE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AGENTGYM_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    return tmp_path


def write_tasks(count: int) -> Path:
    made = [as_blueprint(task, Random(task.id)).model_dump(mode="json") for task in own_tasks()[:count]]
    path = Path("tasks.json")
    path.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
    return path


def start(endpoint: FakeEndpoint, *words: object) -> subprocess.Popen[str]:
    model = ("--model", "fake", "--base-url", endpoint.base_url, "--api-key", KEY, "--timeout", "20")
    command = [sys.executable, "-c", PROGRAM, "test", "--tasks", "tasks.json", *model, "--quiet", *map(str, words)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def play(endpoint: FakeEndpoint, *words: object) -> tuple[int, str, str]:
    process = start(endpoint, *words)
    out, err = process.communicate()
    return process.returncode, out, err


def results(folder: Path) -> dict[str, Any]:
    (path,) = folder.glob("test_results_*.json")
    told: dict[str, Any] = json.loads(path.read_bytes())
    for row in told["results"]:
        for name in ("execution_time", "model_response_time", "tool_execution_time"):
            assert row.pop(name) >= 0
    return told


@pytest.mark.parametrize(
    ("count", "kills"), [(12, 1), pytest.param(150, 3, marks=[pytest.mark.slow, pytest.mark.timeout(300)])]
)
def test_killed_and_resumed_through_faults_it_loses_nothing_and_pays_nothing_twice(
    folder: Path, count: int, kills: int
) -> None:
    shop = Shop(write_tasks(count))
    with FakeEndpoint(shop, faults=Faults(rate=0.1, seed=1, kinds=KINDS)) as endpoint:
        code, _, err = play(endpoint, "--save-results", "--output-dir", "whole", "--threads", 2 * THREADS)
        needed = endpoint.answered
        assert endpoint.injected.total() > 0.05 * endpoint.count
    assert (code, "Traceback" in err) == (0, False), err
    told = results(folder / "whole")
    assert [row["task_id"] for row in told["results"]] == [f"task_{number:03d}" for number in range(1, count + 1)]
    assert (told["summary"]["total_tasks"], told["summary"]["not_evaluable"]) == (count, 0)
    assert told["summary"]["successful"] == count

    shop.asked = 0
    with FakeEndpoint(shop, faults=Faults(rate=0.1, seed=1, kinds=KINDS), latency=0.005) as endpoint:
        words = ("--save-results", "--output-dir", "pieces", "--threads", THREADS, "--seed", 1)
        for number in range(kills):
            process = start(endpoint, *words, *(["--resume"] if number else []))
            with shop.call(shop.asked + needed // (kills + 1)):
                process.send_signal(signal.SIGKILL)
            process.communicate()
        code, _, err = play(endpoint, *words, "--resume")
        assert code == 0, err
        assert needed <= endpoint.answered <= needed + kills * THREADS
        assert results(folder / "pieces")["results"] == told["results"]
        asked = endpoint.count
        assert play(endpoint, *words, "--resume", "--output-dir", "again")[0] == 0
        assert endpoint.count == asked
    assert results(folder / "again") == results(folder / "pieces")
    assert len(list((folder / "runs").iterdir())) == 2
    assert not any(KEY.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_ctrl_c_tells_how_to_go_on_and_what_was_played(folder: Path) -> None:
    shop = Shop(write_tasks(8))
    with FakeEndpoint(shop, latency=0.02) as endpoint:
        process = start(endpoint, "--save-results", "--output-dir", "cut")
        with shop.call(12):
            process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert (process.returncode, "Traceback" in err) == (130, False)
        assert "--resume" in err
        cut = results(folder / "cut")
        unplayed = [row for row in cut["results"] if row["success"] is None]
        assert len(cut["results"]) == 8
        assert cut["summary"]["not_evaluable"] == len(unplayed) > 0
        assert all("not played" in row["error"] for row in unplayed)
        assert play(endpoint, "--save-results", "--output-dir", "whole", "--resume")[0] == 0
    assert results(folder / "whole")["summary"]["successful"] == 8


def test_an_outage_is_exit_1_and_nobodys_failure(folder: Path) -> None:
    shop = Shop(write_tasks(8))
    with FakeEndpoint(shop, faults=Faults(rate=1.0, kinds=[Trouble.UNAVAILABLE], retry_after_s=None)) as endpoint:
        words = ("--save-results", "--no-preflight", "--patience", 0.5, "--threads", 4)
        code, _, err = play(endpoint, *words)
    told = results(folder / "results")
    assert (code, "Traceback" in err) == (1, False)
    assert (told["summary"]["not_evaluable"], told["summary"]["success_rate"]) == (8, None)
    assert [row["success"] for row in told["results"]] == [None] * 8


def test_two_models_are_asked_each_at_its_place_with_its_key(folder: Path) -> None:
    write_tasks(2)
    tasks, _ = read_cases("tasks.json", own_world())

    def customer(request: ChatRequest) -> str:
        assert request.headers["Authorization"] == f"Bearer {OTHER_KEY}"
        system = str(request.messages[0]["content"])
        task = next(case.blueprint for case in tasks if case.blueprint.q in system)
        return task.q if len(request.messages) < 4 else "###STOP###"

    with FakeEndpoint(Shop(Path("tasks.json"))) as agent, FakeEndpoint(customer, model="buyer") as user:
        other = ("--user-model", "buyer", "--user-base-url", user.base_url, "--user-api-key", OTHER_KEY)
        code, _, err = play(agent, "--dual-model", *other, "--save-results")
        assert code == 0, err
        assert user.count >= 4
    told = results(folder / "results")["summary"]
    assert (told["mode"], told["model"], told["user_model"]) == ("dual-model", "openai:fake", "openai:buyer")
    assert told["successful"] == 2
    assert not any(OTHER_KEY.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())
