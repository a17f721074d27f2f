"""A setting comes from its flag, or its variable, or the file, or is the default; in that order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentgym import ToolCall, Turn, Usage
from agentgym.testing import FakeEndpoint
from tests.agentgym.cli.conftest import Cli

ANSWER = Turn(tool_calls=(ToolCall("guess", {"n": 3}),))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text('[bench]\nlimit = 3\npolicy = "random"\nseed = 5\n')
    return path


def planned(cli: Cli, *words: str) -> dict[str, Any]:
    ran = cli("bench", "guess", "--json", "--quiet", *words)
    assert ran.code == 0, ran.err
    told: dict[str, Any] = json.loads(ran.out)
    return {"seed": told["seed"], **{name: told["scores"][-1][name] for name in ("policy", "planned")}}


def test_flag_then_variable_then_file_then_default(cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ("--config", str(config))
    assert planned(cli, "--policy", "oracle") == {"seed": 0, "policy": "oracle", "planned": 10}
    assert planned(cli, *file) == {"seed": 5, "policy": "random", "planned": 3}
    monkeypatch.setenv("AGENTGYM_LIMIT", "4")
    monkeypatch.setenv("AGENTGYM_POLICY", "oracle")
    assert planned(cli, *file) == {"seed": 5, "policy": "oracle", "planned": 4}
    assert planned(cli, *file, "--limit", "2", "--seed", "6") == {"seed": 6, "policy": "oracle", "planned": 2}


def test_what_a_policy_takes_may_stand_in_the_file(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    with FakeEndpoint(ANSWER) as endpoint:
        path.write_text(
            f'[bench]\nmodel = "fake"\nbase-url = "{endpoint.base_url}"\nlimit = 1\ntemperature = 0.5\n'
            '[policy]\nstop = ["x"]\nextra_body = {top_k = 3}\n'
        )
        assert cli("bench", "guess", "--config", str(path), "--quiet").code == 0
        body = endpoint.requests[0].body
    assert (body["temperature"], body["stop"], body["top_k"]) == (0.5, ["x"], 3)


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[bench]\nlimmit = 3", "no setting 'limmit'; did you mean 'limit'?"),
        ("limit = 3", "'limit' stands outside a table; write it under [bench] or [policy]"),
        ("[bnch]\nlimit = 3", "no table [bnch] is known"),
        ("[bench]\nlimit = 0", "limit: "),
        ("[bench]\nlimit = true", "limit: True is neither text nor a number"),
        ("[bench]\napi_key = 'sk-1'", "a secret comes from the environment or a flag"),
        ("[policy]\napi_key = 'sk-1'", "a secret comes from the environment or a flag"),
        ("[policy]\napi-key = 'sk-1'", "a secret comes from the environment or a flag"),
        ("[policy.roles]\nverifier = {policy = 'openai:m', api_key = 'sk-1'}", "roles.verifier: api_key: a secret"),
        ("[policy]\nroles = 'x'", "roles: 'x' is no table; write [policy.roles]"),
        ("[policy]\nroles = [['verifier', 'oracle']]", "is no table; write [policy.roles]"),
        ("[policy]\nprice = 3", "price: only a program can give it"),
        ("[bench]\npolicy = [['x']]", "policy: ['x'] is neither text nor a number"),
        ("[bench", "cannot be read"),
    ],
)
def test_a_file_with_a_mistake_is_told_by_name_and_mend(cli: Cli, tmp_path: Path, toml: str, told: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(toml)
    ran = cli("bench", "guess", "--config", str(path))
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "settings.toml" in ran.err
    assert told in ran.err
    assert "sk-1" not in ran.err


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("AGENTGYM_LIMIT", "many", "AGENTGYM_LIMIT: "),
        ("AGENTGYM_CONCURRENCY", "0", "AGENTGYM_CONCURRENCY: "),
        ("AGENTGYM_SEED", str(2**64), f"AGENTGYM_SEED: '{2**64}' is not a whole number from 0, below 2**64"),
        ("AGENTGYM_TRIALS", "9" * 30, "AGENTGYM_TRIALS: "),
        ("AGENTGYM_PATIENCE", "nan", "AGENTGYM_PATIENCE: 'nan' is not a positive number of seconds"),
        ("AGENTGYM_CAP", "sandbox", "AGENTGYM_CAP: 'sandbox' is not KEY=VALUE"),
        ("AGENTGYM_TOOLS", "magic", "AGENTGYM_TOOLS: 'magic' is none of: auto, native, text"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL: 'loud' is none of: debug"),
    ],
)
def test_a_variable_with_a_mistake_is_told_by_its_name(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    ran = cli("bench", "guess", "--policy", "oracle")
    assert ran.code == 2
    assert told in ran.err


@pytest.mark.parametrize("flag", ["--seed=-1", "--seed=1e3", "--limit=0", "--timeout=0", "--seeed=1"])
def test_a_flag_with_a_mistake_is_told_in_one_line(cli: Cli, flag: str) -> None:
    ran = cli("bench", "guess", "--policy", "oracle", flag)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert flag.partition("=")[0] in ran.err
    assert not Path("runs").exists()


def test_where_a_model_is_served_is_said_by_the_nearest(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.toml"
    words = ("bench", "guess", "--model", "fake", "--limit", "1", "--quiet", "--new")
    with FakeEndpoint(ANSWER) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        assert cli(*words).code == 0
        monkeypatch.setenv("OPENAI_BASE_URL", "nowhere")
        path.write_text(f'[bench]\nbase-url = "{endpoint.base_url}"\n')
        assert cli(*words, "--config", str(path)).code == 0
        path.write_text('[bench]\nbase-url = "nowhere"\n')
        monkeypatch.setenv("AGENTGYM_BASE_URL", endpoint.base_url)
        assert cli(*words, "--config", str(path)).code == 0
        monkeypatch.setenv("AGENTGYM_BASE_URL", "nowhere")
        assert cli(*words, "--config", str(path)).code == 2
        assert cli(*words, "--config", str(path), "--base-url", endpoint.base_url).code == 0
        assert endpoint.count == 4 * 8


def test_a_file_may_hold_lists(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[bench]\npolicy = ["oracle", "random"]\ncap = ["sandbox=2", "gpu=1"]\nlimit = 2\n')
    scores = json.loads(cli("bench", "guess", "--config", str(path), "--json", "--quiet").out)["scores"]
    assert [score["policy"] for score in scores] == ["idle", "oracle", "random"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.json", None, "none.json: cannot be read"),
        ("torn.json", '{"fake": {', "torn.json: cannot be read: not JSON"),
        ("list.json", "[1]", "list.json: not a table"),
        ("half.json", '{"fake": {"prompt": 1}}', "half.json: fake: names no price for prompt and completion"),
        ("words.toml", "fake = {prompt = 'much', completion = 1}", "words.toml: fake: 'much' is no price"),
        ("less.toml", "fake = {prompt = -1, completion = 1}", "less.toml: fake: -1 is no price"),
        ("true.json", '{"fake": true}', "true.json: fake: not a price"),
    ],
)
def test_a_table_of_prices_with_a_mistake_is_told_with_its_form(
    cli: Cli, tmp_path: Path, name: str, content: str | None, told: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    ran = cli("bench", "guess", "--model", "fake", "--base-url", "http://127.0.0.1:9/v1", "--prices", str(path))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert told in ran.err
    assert 'write {"MODEL": {"prompt": 2.0' in ran.err


def test_money_needs_a_price_and_stops_the_run_in_time(cli: Cli, tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"fake": {"prompt": 1000000, "completion": 0}}')
    answer = Turn(tool_calls=ANSWER.tool_calls, usage=Usage(prompt_tokens=1, calls=1))
    with FakeEndpoint(answer) as endpoint:
        words = ("bench", "guess", "--model", "fake", "--base-url", endpoint.base_url, "--max-cost", "5", "--quiet")
        unknown = cli(*words)
        assert unknown.code == 2
        assert "--prices" in unknown.err
        ran = cli(*words, "--prices", str(prices), "--concurrency", "1", "--out", "run")
        assert ran.code == 1
        assert "without that bound, or with a new --max-cost, resume with: agentgym resume run" in ran.err
        assert endpoint.count == 5
        more = cli("resume", "run", "--prices", str(prices), "--quiet", "--concurrency", "1")
        assert more.code == 0, more.err
        assert endpoint.count == 8 * 9 + 1


def test_what_bounds_a_run_bounds_it_also_after_it_was_cut(cli: Cli, tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"fake": {"prompt": 1000000, "completion": 0}}')
    answer = Turn(tool_calls=ANSWER.tool_calls, usage=Usage(prompt_tokens=1, calls=1))
    with FakeEndpoint(answer) as endpoint:
        words = ("--model", "fake", "--base-url", endpoint.base_url, "--prices", str(prices), "--concurrency", "1")
        bounds = ("--max-cost", "5", "--max-run-tokens", "3")
        ran = cli("bench", "guess", *words, *bounds, "--out", "run", "--quiet")
        told = (
            "the run's budget of 3 tokens is used up; without that bound, or with a new --max-run-tokens, resume with: "
        )
        kept = f"--max-cost 5.0 --prices {prices}"
        assert ran.err == f"{told}agentgym resume run {kept}\n", "for the tokens there must be more"
        ran = cli("resume", "run", "--max-cost", "5.0", "--max-run-tokens", "100", "--quiet", "--concurrency", "1")
        told = "the run's budget of 5 dollars is used up; without that bound, or with a new --max-cost, resume with: "
        assert ran.err == f"{told}agentgym resume run --max-run-tokens 100\n"
        assert endpoint.count == 5


def test_the_log_level_may_stand_anywhere(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    words = ("bench", "guess", "--policy", "oracle", "--quiet")
    assert cli(*words).err == ""
    for line in (("--log-level", "info", *words), (*words, "--new", "--log-level=info")):
        assert "a run begins" in cli(*line).err
    monkeypatch.setenv("LOG_FORMAT", "json")
    told = [json.loads(line) for line in cli(*words, "--new", "--log-level", "debug").err.splitlines()]
    assert [line["outcome"] for line in told if line["message"] == "an episode ends"][-10:] == ["solved"] * 10
    wrong = cli(*words, "--log-level", "loud")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
