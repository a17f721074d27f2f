"""Resuming: a run goes on from wherever it was cut, as it was begun, and pays for nothing twice."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentgym import ScriptedPolicy, ToolCall, Turn, Usage
from agentgym.cli import main
from agentgym.jobs import Job
from agentgym.messages import TokenSpan
from agentgym.runner import run
from agentgym.runs import read_episodes
from agentgym.testing import ChatRequest, FakeEndpoint, FakeReply
from environments.guess import Guess, Secret
from tests.agentgym.cli.conftest import HILO, Cli, Install

CONCURRENCY = 6
NEEDED = sum(range(1, 9)) + 8 + 8
"""Named from one on, the digits up to eight take as many calls; for zero and nine eight calls are too few."""


def guess(request: ChatRequest) -> Turn:
    """Name the digits from one on."""
    return Turn(tool_calls=(ToolCall("guess", {"n": len(request.messages) // 2}),))


class Server:
    """Answers some calls, keeps all others waiting, and says when so many wait that no more will come."""

    def __init__(self) -> None:
        self.full = threading.Event()
        self.allow(NEEDED)

    def allow(self, calls: int) -> None:
        self.full.clear()
        self._left = calls
        self._held = 0

    async def __call__(self, request: ChatRequest) -> Turn:
        self._left -= 1
        if self._left < 0:
            self._held += 1
            if self._held == CONCURRENCY:
                self.full.set()
            await asyncio.Event().wait()
        return guess(request)


def summary(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "summary.json").read_bytes())
    del told["timings"]
    return told


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "episodes.jsonl").read_bytes().splitlines()]


def test_killed_again_and_again_it_ends_like_one_that_never_was(cli: Cli, tmp_path: Path) -> None:
    server = Server()
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    with FakeEndpoint(server) as endpoint:
        bench = ("bench", "guess", "--model", "fake", "--base-url", endpoint.base_url, "--quiet")
        pace = ("--concurrency", str(CONCURRENCY))
        assert cli(*bench, "--out", str(whole)).code == 0
        assert endpoint.count == NEEDED
        commands = [(*bench, "--out", str(cut)), ("resume", str(cut), "--quiet"), (*bench, "--out", str(cut))]
        for number, command in enumerate(commands, 1):
            server.allow(5)
            process = subprocess.Popen([sys.executable, "-m", "agentgym", *command, *pace], cwd=tmp_path)
            assert server.full.wait(90)
            process.kill()
            process.wait(90)
            assert endpoint.answered == NEEDED + 5 * number
        server.allow(NEEDED)
        ran = cli("resume", str(cut), "--quiet", "--json")
        assert (ran.code, ran.err) == (0, "")
        assert endpoint.answered == 2 * NEEDED, "only calls that were under way at a kill were asked twice"
    assert summary(cut) == summary(whole)
    assert len(lines(cut)) == 10
    assert [score["policy"] for score in json.loads(ran.out)["scores"]] == ["openai:fake"]


def test_it_goes_on_as_it_was_begun_though_the_server_has_moved(cli: Cli, tmp_path: Path) -> None:
    with FakeEndpoint([Turn(tool_calls=(ToolCall("guess", {"n": 0}),)), *[FakeReply(status=400)] * 9]) as endpoint:
        wishes = ("--temperature", "0.25", "--max-tokens", "77", "--stream", "--tools", "native", "--seed", "3")
        url = ("--base-url", endpoint.base_url, "--concurrency", "1", "--limit", "4", "--trials", "2")
        assert cli("bench", "guess", "--model", "fake", *url, *wishes, "--out", "run", "--quiet").code == 1
        began = endpoint.requests[0].body
    before = lines(Path("run"))
    with FakeEndpoint(guess) as elsewhere:
        assert cli("resume", "run", "--quiet").code == 2, "the old one is gone"
        ran = cli("resume", "run", "--base-url", elsewhere.base_url, "--quiet", "--json")
        assert ran.code == 0, ran.err
        now = elsewhere.requests[0].body
    assert (now["temperature"], now["max_tokens"], now["stream"]) == (0.25, 77, True)
    assert {name: value for name, value in now.items() if name != "messages"} == {
        name: value for name, value in began.items() if name != "messages"
    }
    told = json.loads(ran.out)
    assert (told["seed"], told["scores"][0]["planned"], told["scores"][0]["outcomes"]["solved"]) == (3, 8, 7)
    seeds = {(line["task_id"], line["trial"]): line["seed"] for line in before}
    assert seeds == {(line["task_id"], line["trial"]): line["seed"] for line in lines(Path("run"))}


def test_after_an_outage_only_what_is_missing_is_asked_for(cli: Cli, tmp_path: Path) -> None:
    down = threading.Event()

    def answer(request: ChatRequest) -> Turn | FakeReply:
        if endpoint.count == 13:
            down.set()
        return FakeReply(status=500, body={"error": {"message": "too hot"}}) if down.is_set() else guess(request)

    with FakeEndpoint(answer) as endpoint:
        words = ("--model", "fake", "--base-url", endpoint.base_url, "--patience", "0.1")
        ran = cli("bench", "guess", *words, "--out", "run", "--quiet")
        assert ran.code == 1
        assert ran.err.splitlines()[-1].startswith("outage: no good answer for ")
        assert ran.err.endswith("status 500: too hot; resume with: agentgym resume run\n")
        first = lines(Path("run"))
        assert len(first) == 10
        assert {line["cause"]["error"] for line in first if line["outcome"] == "not_evaluable"} == {"Outage"}
        assert "failed" not in {line["outcome"] for line in first}
        answered = endpoint.answered
        still = cli("resume", "run", "--quiet", "--patience", "0.1")
        assert (still.code, endpoint.answered) == (1, answered)
        assert "resume with: agentgym resume run\n" in still.err
        down.clear()
        ran = cli("resume", "run", "--quiet")
        assert ran.code == 0, ran.err
        assert endpoint.answered == NEEDED
    assert json.loads(cli("report", "run", "--json").out)["scores"][0]["outcomes"]["not_evaluable"] == 0


def test_a_finished_run_is_shown_again_and_no_server_is_needed_for_it(cli: Cli) -> None:
    with FakeEndpoint(guess) as endpoint:
        words = ("bench", "guess", "--model", "fake", "--base-url", endpoint.base_url, "--out", "run", "--json")
        first = cli(*words, "--quiet")
        count = endpoint.count
    before = {path.name: path.read_bytes() for path in Path("run").iterdir() if path.suffix == ".jsonl"}
    again = cli("resume", "run", "--json")
    assert (again.code, again.err) == (0, "")
    assert json.loads(again.out)["scores"] == json.loads(first.out)["scores"][1:]
    told = cli(*words)
    assert (told.code, told.err) == (0, "run: all episodes are there; --new plays it again\n")
    assert endpoint.count == count
    assert before == {path.name: path.read_bytes() for path in Path("run").iterdir() if path.suffix == ".jsonl"}


def test_a_run_without_a_model_goes_on_too(cli: Cli) -> None:
    assert cli("bench", "guess", "--policy", "random", "--out", "run", "--quiet", "--json").code == 0
    records = Path("run/episodes.jsonl")
    kept = records.read_bytes().splitlines(keepends=True)
    records.write_bytes(b"".join(kept[:4]))
    Path("run/calls.jsonl").write_bytes(b"")
    ran = cli("resume", "run")
    assert ran.code == 0
    assert ran.err.startswith("guess / random: 10 of 10, ")
    assert "4 found" in ran.err
    outcomes = [json.loads(line)["outcome"] for line in kept]
    assert [line["outcome"] for line in lines(Path("run"))] == outcomes


SUITE = """
from agentgym.suite import Suite
SUITE = Suite("hilo-suite", "hilo", "A suite for a test.", policies=("oracle",))
"""


def test_a_changed_environment_refuses_with_the_reason(cli: Cli, install: Install, tmp_path: Path) -> None:
    install("environments", "hilo", "hilo_versions:HiLo", HILO)
    install("suites", "hilo-suite", "hilo_versions_suite:SUITE", SUITE)
    words = (sys.executable, "-m", "agentgym")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}  # the source counts
    play = partial(subprocess.run, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert play([*words, "bench", "hilo-suite", "--policy", "oracle", "--limit", "1", "--out", "run"]).returncode == 0
    source = tmp_path / "site" / "hilo_versions.py"
    source.write_text(HILO.replace('version="2"', 'version="3"'))
    before = (tmp_path / "run" / "run.json").read_bytes()
    for command in (("resume", "run"), ("bench", "hilo-suite", "--policy", "oracle", "--limit", "1", "--out", "run")):
        ran = play([*words, *command])
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr == (
            f"agentgym {command[0]}: run was begun with version 2 of hilo, which is now 3: its episodes follow other "
            "rules; begin a new run with another --out\n"
        )
    assert (tmp_path / "run" / "run.json").read_bytes() == before
    source.write_text(HILO)
    assert play([*words, "resume", "run"]).returncode == 0


def begun_by_a_program(folder: Path) -> None:
    anyio.run(run, [Job(make=Guess, task=Secret(id="t", digit=1), seed=1)], ScriptedPolicy(["no"]), folder)


def begun_with_a_secret(folder: Path) -> None:
    folder.with_suffix(".toml").write_text('[policy]\nextra_body = {access_key = "hidden-from-all"}\n')
    with FakeEndpoint(guess) as endpoint:
        words = ("--model", "fake", "--base-url", endpoint.base_url, "--config", str(folder.with_suffix(".toml")))
        assert main(["bench", "guess", *words, "--limit", "1", "--out", str(folder), "--quiet"]) == 0
        assert endpoint.requests[0].body["access_key"] == "hidden-from-all"


def begun_with_a_suite_that_is_gone(folder: Path) -> None:
    begun_by_a_program(folder)
    info = json.loads((folder / "run.json").read_bytes())
    (folder / "run.json").write_text(
        json.dumps({**info, "suite": "gess", "policy": {**info["policy"], "spec": "idle"}})
    )


@pytest.mark.parametrize(
    ("begin", "told"),
    [
        (lambda folder: None, "holds no run.json; see: agentgym runs"),
        (Path.mkdir, "holds no run.json; see: agentgym runs"),
        (Path.touch, "run.json: cannot be read: Not a directory"),
        (begun_by_a_program, "was begun by a program, which knows what it plays: run that program again"),
        (begun_with_a_secret, "was begun with a secret in extra_body, which is not kept"),
        (begun_with_a_suite_that_is_gone, "no suite 'gess'; did you mean 'guess'?"),
    ],
)
def test_what_cannot_go_on_is_told_in_one_line(cli: Cli, tmp_path: Path, begin: Any, told: str) -> None:
    begin(tmp_path / "run")
    cli("envs")  # what was printed so far is of no interest
    ran = cli("resume", str(tmp_path / "run"))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert told in ran.err
    for file in (tmp_path / "run").rglob("*") if (tmp_path / "run").is_dir() else ():
        assert b"hidden-from-all" not in file.read_bytes()


def test_the_file_that_a_run_was_begun_with_serves_its_resume(cli: Cli, tmp_path: Path) -> None:
    with FakeEndpoint(guess) as endpoint:
        config = tmp_path / "settings.toml"
        table = f'[bench]\nmodel = "fake"\nbase_url = "{endpoint.base_url}"\nlimit = 3\nout = "run"\n'
        config.write_text(f'{table}[policy]\nstop = ["x"]\n')
        assert cli("bench", "guess", "--config", str(config), "--quiet").code == 0
        (Path("run") / "episodes.jsonl").write_bytes(b"")
        (Path("run") / "calls.jsonl").write_bytes(b"")
        ran = cli("resume", "run", "--config", str(config), "--quiet")
        assert ran.code == 0, ran.err
        assert endpoint.count == 2 * (8 + 1 + 2)
        assert all(request.body["stop"] == ["x"] for request in endpoint.requests)


def test_token_ids_that_were_asked_for_are_kept_and_asked_for_again(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    span = TokenSpan((1, 2), (3,), (-0.5,))
    with FakeEndpoint(lambda request: replace(guess(request), span=span)) as endpoint:
        words = ("--model", "fake", "--base-url", endpoint.base_url, "--out", str(folder), "--quiet")
        assert cli("bench", "guess", *words, "--limit", "2", "--token-ids").code == 0
        (folder / "episodes.jsonl").write_bytes(b"")
        (folder / "calls.jsonl").write_bytes(b"")
        assert cli("resume", str(folder), "--quiet").code == 0
        assert {(request.body["return_token_ids"], request.body["logprobs"]) for request in endpoint.requests} == {
            (True, True)
        }
    spans = [record.turn.span for episode in read_episodes(folder) for record in episode.turns]
    assert spans
    assert set(spans) == {span}


@pytest.mark.parametrize("content", ['{"x": 1}', "[1]", '{"mean_reward": "much"}', "{"])
def test_a_baseline_of_somebody_elses_is_passed_over(cli: Cli, content: str) -> None:
    assert cli("bench", "guess", "--policy", "random", "--out", "run", "--quiet").code == 0
    Path("run/baseline.json").write_text(content)
    assert cli("resume", "run", "--quiet").code == 0


def test_the_query_of_the_address_is_that_of_the_variable(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked with, which shows in the key that is known to be one."""
    key = "of-the-query-4711"

    def answer(request: ChatRequest) -> Turn | FakeReply:
        return replace(guess(request), text=f"by {key}") if goes_on else FakeReply(status=400)

    goes_on = False
    with FakeEndpoint(answer) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{endpoint.base_url}?api_key={key}")
        assert cli("bench", "guess", "--model", "fake", "--limit", "3", "--quiet", "--out", "run").code == 1
        goes_on = True
        assert cli("resume", "run", "--quiet").code == 0
    kept = Path("run/episodes.jsonl").read_text()
    assert "by [key]" in kept
    assert key not in kept


def test_the_last_episode_may_use_the_budget_up(cli: Cli) -> None:
    with FakeEndpoint(Turn(tool_calls=(ToolCall("guess", {"n": 0}),), usage=Usage(10, 0, calls=1))) as endpoint:
        words = ("--model", "fake", "--base-url", endpoint.base_url, "--limit", "1", "--quiet", "--concurrency", "1")
        ran = cli("bench", "guess", *words, "--max-run-tokens", "10", "--out", "run")
        assert (ran.code, ran.err) == (0, "")
        assert cli("resume", "run", "--max-run-tokens", "10", "--quiet").code == 0
        assert endpoint.count == 1


PRICES = '{"fake": {"prompt": 1000, "completion": 0}, "other": {"prompt": 1, "completion": 2}}'


def test_what_a_run_costs_does_not_depend_on_interruptions(cli: Cli) -> None:
    """Prices that were given when it was begun are still those of its tokens."""
    Path("prices.json").write_text(PRICES)
    answer = Turn(tool_calls=(ToolCall("guess", {"n": 0}),), usage=Usage(100, 10, calls=1))
    with FakeEndpoint(answer) as endpoint:
        words = f"--model fake --base-url {endpoint.base_url} --limit 4 --quiet --concurrency 1 --prices prices.json"
        assert cli("bench", "guess", *words.split(), "--out", "whole").code == 0
        assert cli("bench", "guess", *words.split(), "--max-run-tokens", "1000", "--out", "cut").code == 1
        assert cli("resume", "cut", "--quiet").code == 0
    assert summary(Path("cut"))["usage"] == summary(Path("whole"))["usage"]
    assert summary(Path("cut"))["usage"]["cost_usd"] > 1


def test_the_prices_of_all_roles_are_kept(cli: Cli) -> None:
    Path("prices.json").write_text(PRICES)
    with FakeEndpoint("no plan") as endpoint:
        who = f"--policy agentflow:openai:fake --role verifier=openai:other --base-url {endpoint.base_url}"
        how = "--limit 1 --quiet --no-preflight --prices prices.json --out run"
        cli("bench", "guess", *who.split(), *how.split())
    kept = json.loads(Path("run/run.json").read_bytes())["policy"]["prices"]
    assert {spec: price["prompt"] for spec, price in kept.items()} == {"openai:fake": 1000.0, "openai:other": 1.0}
