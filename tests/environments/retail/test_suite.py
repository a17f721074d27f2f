"""The suite: its scores beside those of silence, on our own world and on others, and what is reported of conduct."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from agentgym import ScriptedPolicy, ToolCall, Turn, Usage, make, rollout
from agentgym.cli import main
from agentgym.errors import DataFileError
from agentgym.limits import Limits
from agentgym.suite import load_suite
from agentgym.testing import ChatRequest, FakeEndpoint, check_env
from environments.retail.database import RetailDB
from environments.retail.env import RetailEnv
from environments.retail.figures import conduct
from environments.retail.task import RetailTask
from environments.retail.world.files import write_world
from environments.retail.world.own import own_tasks, split_tasks
from environments.retail.world.tables import make_tables

ADA_FOUND = ToolCall("find_user_id_by_email", {"email": "ada.ito@example.com"})
CANCEL = ToolCall("cancel_pending_order", {"order_id": "#W1", "reason": "no longer needed"})


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run commands in, with another world in `shop`."""
    monkeypatch.chdir(tmp_path)
    db = RetailDB(*make_tables(seed=9, users=20, orders=40, products=8))
    write_world(tmp_path / "shop", db, {split: split_tasks(db, split, 8) for split in ("test", "train")})
    return tmp_path


def bench(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["bench", "retail", *words, "--json", "--quiet"]) == 0
    scores: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["scores"]
    return scores


def test_the_suite_plays_the_test_of_our_own_world() -> None:
    suite = load_suite("retail")
    assert list(suite.tasks()) == own_tasks("test")
    assert (suite.environment, suite.settings) == ("retail", {"user": "rules"})


def test_the_oracle_solves_all_and_the_idle_agent_none(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    idle, oracle = bench(capsys, "--policy", "oracle", "--trials", "2", "--limit", "16")
    assert (idle["policy"], idle["solved_rate"], idle["mean_reward"]) == ("idle", 0.0, 0.0)
    assert (oracle["solved_rate"], oracle["idle_mean_reward"], oracle["episodes"]) == (1.0, 0.0, 32)
    assert oracle["pass_at"] == oracle["pass_hat"] == {"1": 1.0, "2": 1.0}
    terms = {name: term["mean"] for name, term in oracle["reward_terms"].items()}
    ones = ("reward", "state", "outputs", "action_f1", "read_recall", "write_precision", "exact_actions")
    assert [terms[name] for name in ones] == [1.0] * len(ones)
    assert terms["violations"] == 0.0
    assert oracle["tags"]["order_cancellation"] | {"solved_interval": None} == {
        **{"episodes": 4, "evaluable": 4, "solved": 4, "solved_rate": 1.0, "mean_reward": 1.0},
        "solved_interval": None,
    }
    assert (oracle["conduct"]["episodes"], oracle["conduct"]["strict_f1"]) == (32, 1.0)
    assert oracle["conduct"]["violations"]["total"] == 0


def test_another_world_is_played_by_its_folder_and_split(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    _, oracle = bench(capsys, "--data", "shop", "--policy", "oracle")
    assert (oracle["episodes"], oracle["solved_rate"]) == (8, 1.0)
    _, oracle = bench(capsys, "--data", "shop", "--split", "train", "--policy", "oracle", "--limit", "2")
    assert (oracle["episodes"], oracle["solved_rate"]) == (2, 1.0)
    run = json.loads((elsewhere / oracle["run"] / "run.json").read_text())
    assert run["split"] == "train"
    assert run["environment"]["config"] == {"user": "rules", "data": str(elsewhere / "shop")}
    first = json.loads((elsewhere / oracle["run"] / "episodes.jsonl").read_text().splitlines()[0])
    assert first["task_id"] == "train-0"


def test_a_run_on_another_world_and_split_goes_on(
    capsys: pytest.CaptureFixture[str], elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench(capsys, "--data", "shop", "--split", "train", "--policy", "oracle", "--out", "cut")
    episodes = elsewhere / "cut" / "episodes.jsonl"
    whole = [json.loads(line)["task_id"] for line in episodes.read_text().splitlines()]
    episodes.write_text("".join(episodes.read_text().splitlines(keepends=True)[:3]))
    (elsewhere / "other").mkdir()
    monkeypatch.chdir(elsewhere / "other")
    capsys.readouterr()
    assert main(["resume", "../cut", "--quiet", "--json"]) == 0
    [score] = json.loads(capsys.readouterr().out)["scores"]
    assert (score["episodes"], score["solved_rate"]) == (8, 1.0)
    assert sorted(json.loads(line)["task_id"] for line in episodes.read_text().splitlines()) == sorted(whole)


def test_settings_of_the_environment_can_be_given(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    tasks = elsewhere / "shop" / "tasks_test.jsonl"
    lines = tasks.read_text().splitlines()
    tasks.write_text("\n".join([json.dumps({**json.loads(lines[0]), "actions": [], "outputs": []}), *lines[1:]]))
    idle, _ = bench(capsys, "--data", "shop", "--policy", "oracle")
    assert (idle["episodes"], idle["outcomes"]["solved"]) == (8, 1), "a flawed task"
    idle, oracle = bench(capsys, "--data", "shop", "--policy", "oracle", "--set", "skip_flawed=true")
    assert (idle["episodes"], idle["outcomes"]["solved"], oracle["solved_rate"]) == (7, 0, 1.0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--data", "nowhere"), "no users.json"),
        (("--data", "shop", "--split", "dev"), "lists no tasks in its split 'dev'; another one is named by --split"),
        (("--set", "colour=red"), "its settings are: data, profile"),
        (("--set", "red"), "is not KEY=VALUE"),
        (("--user", "nobody"), "no user 'nobody'"),
    ],
)
def test_wrong_use_says_what_to_do(
    capsys: pytest.CaptureFixture[str], elsewhere: Path, words: tuple[str, ...], told: str
) -> None:
    assert main(["bench", "retail", *words, "--policy", "oracle", "--quiet"]) != 0
    said = capsys.readouterr()
    assert told in said.out + said.err
    assert "Traceback" not in said.err


def test_a_customer_that_is_a_model_is_paid_for_like_the_agent(
    capsys: pytest.CaptureFixture[str], elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = elsewhere / "prices.json"
    prices.write_text(json.dumps({name: {"prompt": 1000, "completion": 1000} for name in ("agent", "customer")}))

    def answer(request: ChatRequest) -> Turn:
        asks = request.model == "agent"
        return Turn("What is it?" if asks else "Can you help me?", usage=Usage(100 if asks else 900, 0, calls=1))

    with FakeEndpoint(answer) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        asked = ("--user", "llm:openai:customer", "--limit", "1", "--no-preflight", "--concurrency", "1")
        words = ("bench", "retail", "--model", "agent", *asked, "--out", "run", "--quiet")
        prices_of_one = elsewhere / "one.json"
        prices_of_one.write_text(json.dumps({"agent": {"prompt": 1000, "completion": 1000}}))
        assert main([*words, "--max-cost", "3", "--prices", str(prices_of_one)]) == 2
        assert "--max-cost needs the price of 'customer'" in capsys.readouterr().err
        assert endpoint.count == 0, "and the silent agent has made no call either"
        assert main([*words, "--max-cost", "3", "--prices", str(prices)]) == 1
        assert "the run's budget of 3 dollars is used up" in capsys.readouterr().err
        cost = sum(0.1 if request.model == "agent" else 0.9 for request in endpoint.requests)
        assert 3 <= cost < 4
        assert main([*words, "--limit", "1", "--json"]) == 0
        (score,) = json.loads(capsys.readouterr().out)["scores"]
        assert (score["policy"], score["idle_mean_reward"]) == ("openai:agent", None)
        before = endpoint.count
        assert main([*words]) == 0
        assert endpoint.count == before, "it is over"


def ada(**fields: Any) -> RetailTask:
    actions = [{"name": call.name, "kwargs": call.arguments} for call in (ADA_FOUND, CANCEL)]
    return RetailTask(id="t", user_id="ada_ito_1000", instruction="You are Ada.", actions=actions, **fields)


@pytest.mark.anyio
async def test_conduct_counts_cut_episodes_too(tmp_path: Path, tables: dict[str, Any]) -> None:
    write_world(tmp_path / "shop", RetailDB(**tables), {})
    env = make("retail", data=str(tmp_path / "shop"), user=["Yes.", "Fine."])
    foreign = ToolCall("get_order_details", {"order_id": "#W4"})
    slips = [ToolCall("get_order_details", {"id": 5}), ToolCall.from_text("think", "{"), ToolCall("no_such_tool", {})]
    spoken = ToolCall("respond", {"content": "All right?"})
    turns = [
        *(Turn(tool_calls=(ADA_FOUND,)), Turn(tool_calls=(foreign,)), Turn(tool_calls=tuple(slips))),
        *(Turn(tool_calls=(CANCEL,)), Turn(tool_calls=(spoken,))),
    ]
    cut = await rollout(env, ScriptedPolicy(turns), ada(), limits=Limits(turns=5))
    assert (cut.outcome, cut.terms) == ("truncated", {})
    ended = await rollout(env, ScriptedPolicy([*turns, Turn("Done."), Turn("Bye.")]), ada())
    assert ended.outcome == "solved"
    for episodes in ([cut], [ended], [cut, ended]):
        figures: Any = conduct(iter(episodes))
        assert figures["episodes"] == len(episodes)
        assert (figures["write_precision"], figures["write_recall"]) == (1.0, 1.0)
        assert figures["action_recall"] == 1.0
        assert figures["action_precision"] == 2 / 5, "thoughts are no actions"
        assert figures["read_f1"] == pytest.approx(2 * (1 / 4) / (1 + 1 / 4))
        assert figures["violations"] == {
            "total": 2 * len(episodes),
            "episodes_with": len(episodes),
            "by_kind": {
                "unconfirmed change": len(episodes),
                "unidentified customer": 0,
                "another customer": len(episodes),
            },
            "by_tool": {"cancel_pending_order": len(episodes), "get_order_details": len(episodes)},
        }
    assert ended.terms["violations"].value == 2.0


@pytest.mark.anyio
async def test_conduct_says_where_its_world_is_gone(tmp_path: Path, tables: dict[str, Any]) -> None:
    write_world(tmp_path / "shop", RetailDB(**tables), {})
    env = make("retail", data=str(tmp_path / "shop"))
    episode = await rollout(env, ScriptedPolicy([Turn("Hello.")]), ada())
    shutil.rmtree(tmp_path / "shop")
    with pytest.raises(DataFileError):
        RetailEnv(tmp_path / "shop")
    assert "no users.json" in str(conduct(iter([episode]))["not_available"])
    assert conduct(iter([]))["episodes"] == 0


@pytest.mark.anyio
@pytest.mark.parametrize("profile", ["compat", "typed"])
async def test_the_contract_is_kept(profile: Any, anyio_backend: str) -> None:
    report = await check_env(
        lambda: RetailEnv(profile=profile, user="rules"), seeds=2, instances=5, max_block_ms=100, timeout_s=600
    )
    assert report.ok, str(report)
    assert (report.idle is not None, report.oracle is not None) == (True, True)
    told = {finding.rule: finding.message for finding in report.findings if finding.status == "warning"}
    if profile == "compat":  # where the original hands a customer over whatever the arguments are
        assert "end the episode, such as transfer_to_human_agents" in told.pop("bad-arguments")
    assert told == {}
