"""Settings: where each comes from, what is refused, and that no secret shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import DataFileError, UsageError
from environments.retail.factory.config import MASK, TauBenchConfig, variable

DOCUMENTED = {
    "envs_path": "envs/retail",
    "user_model": "gpt-4o",
    "user_base_url": "https://api.openai.com/v1",
    "user_api_key": None,
    "default_model": "vllm-a40-gpt-oss-120b",
    "default_base_url": None,
    "default_api_key": None,
    "num_tasks": 10,
    "temperature": 0.0,
    "max_tokens": 16384,
    "max_retries": 3,
    "timeout": 180.0,
    "test_timeout": 180.0,
    "max_workers": 2,
    "output_dir": "tau_bench_results",
    "save_visualizations": True,
    "min_success_rate": 0.7,
    "min_action_recall": 0.6,
    "min_action_precision": 0.6,
    "scenario_keys": [
        *("order_cancellation", "order_modification", "item_return", "item_exchange"),
        *("address_change", "payment_update", "order_inquiry", "product_inquiry"),
    ],
}
KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    for name in DOCUMENTED:
        monkeypatch.delenv(variable(name), raising=False)


def _file(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_defaults_are_the_documented_ones() -> None:
    assert TauBenchConfig().shown() == DOCUMENTED


def test_flag_before_variable_before_file_before_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _file(tmp_path, "[tasks]\nnum-tasks = 4\ntemperature = 0.5\nmax_tokens = 7\n[bench]\nlimit = 1\n")
    monkeypatch.setenv("AGENTGYM_NUM_TASKS", "5")
    monkeypatch.setenv("AGENTGYM_TEMPERATURE", "0.25")
    monkeypatch.setenv("AGENTGYM_TIMEOUT", "")
    config = TauBenchConfig.load(file, num_tasks=6, timeout=None)
    names = ("num_tasks", "temperature", "max_tokens", "timeout")
    assert [getattr(config, name) for name in names] == [6, 0.25, 7, 180.0]
    assert [config.source(name) for name in names] == ["flag", "environment", "file", "default"]


def test_keys_come_from_the_environment_and_never_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("AGENTGYM_USER_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:1/v1")
    config = TauBenchConfig()
    assert config.secret("default_api_key") == config.secret("user_api_key") == KEY
    assert config.default_base_url == "http://localhost:1/v1"
    assert config.shown()["default_api_key"] == config.shown()["user_api_key"] == MASK
    for text in (repr(config), str(config), config.model_dump_json(), str(config.model_dump()), str(config.shown())):
        assert KEY not in text


def test_the_key_of_an_endpoint_that_asks_for_none_is_no_secret() -> None:
    assert TauBenchConfig(default_api_key="EMPTY").shown()["default_api_key"] == "EMPTY"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[tasks]\ndefault_api_key = "x"\n', "a secret comes from the environment or a flag, never from a file"),
        ("[tasks]\nnum_task = 1\n", "did you mean 'num_tasks'"),
        ("[task]\nnum_tasks = 1\n", r"no table \[task\]"),
        ("num_tasks = 1\n", "outside a table"),
        ("[tasks", "cannot be read"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DataFileError, match=told):
        TauBenchConfig.load(_file(tmp_path, text))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"num_tasks": 0}, "num_tasks"),
        ({"temperature": float("nan")}, "temperature"),
        ({"min_success_rate": 1.5}, "min_success_rate"),
        ({"timeout": -1}, "timeout"),
        ({"scenario_keys": "item_retrun"}, "did you mean 'item_return'"),
        ({"scenario_keys": "item_return,item_return"}, "each once"),
        ({"scenario_keys": []}, "at least one"),
        ({"user_base_url": "http://me:pw@host/v1"}, "user name or a password"),
        ({"nothing": 1}, "nothing"),
    ],
)
def test_values_that_cannot_be_are_refused_in_one_line(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        TauBenchConfig.load(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["user_base_url", "default_base_url"])
def test_an_address_never_shows_what_may_be_a_secret(name: str) -> None:
    with pytest.raises(UsageError, match=f"^{name}: the address") as caught:
        TauBenchConfig.load(**{name: f"http://me:{KEY}@host/v1"})
    assert KEY not in str(caught.value)
    config = TauBenchConfig.load(**{name: f"http://host/v1?key={KEY}"})
    assert config.shown()[name] == f"http://host/v1?{MASK}"
    assert getattr(config, name).endswith(KEY)


def test_a_key_of_another_kind_is_refused_without_being_told() -> None:
    with pytest.raises(UsageError) as caught:
        TauBenchConfig.load(user_api_key=8_141_592)
    assert "8141592" not in str(caught.value)


def test_settings_change_until_they_are_used() -> None:
    config = TauBenchConfig()
    config.num_tasks = 3
    assert (config.num_tasks, config.source("num_tasks")) == (3, "flag")
    with pytest.raises(ValueError, match="num_tasks"):
        config.num_tasks = -1
    config.use()
    with pytest.raises(UsageError, match="in use"):
        config.num_tasks = 4
    other = config.model_copy()
    other.num_tasks = 5
    assert (config.num_tasks, other.num_tasks) == (3, 5)


def test_scenarios_are_listed_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTGYM_SCENARIO_KEYS", "item_return, order_inquiry")
    assert TauBenchConfig().scenario_keys == ("item_return", "order_inquiry")
