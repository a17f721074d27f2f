"""What tokens cost, from tables people write and from litellm's."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from agentgym import Usage
from agentgym.errors import DataFileError
from agentgym.prices import Price, find_price

USAGE = Usage(prompt_tokens=1_000_000, completion_tokens=500_000, cached_tokens=400_000)


def table(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "prices.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_a_call_costs_what_its_tokens_do_and_cached_ones_less() -> None:
    assert Price(2.0, 8.0).cost_usd(USAGE) == 2.0 + 4.0
    assert Price(2.0, 8.0, cached=0.5).cost_usd(USAGE) == pytest.approx(1.2 + 0.2 + 4.0)
    assert Price(2.0, 8.0).cost_usd(Usage()) == 0.0


def test_a_table_in_json_or_toml_names_dollars_for_a_million_tokens(tmp_path: Path) -> None:
    path = table(tmp_path, {"mine": {"prompt": 2, "completion": 8.5, "cached": 0.5}})
    assert find_price("mine", path) == Price(2.0, 8.5, 0.5)
    assert find_price("another", path) is None
    toml = tmp_path / "prices.toml"
    toml.write_text('["org/mine"]\nprompt = 1\ncompletion = 2\n', encoding="utf-8")
    assert find_price("org/mine", toml) == Price(1.0, 2.0)


def test_a_model_with_its_provider_before_it_is_found_without(tmp_path: Path) -> None:
    assert find_price("openai/mine", table(tmp_path, {"mine": {"prompt": 1, "completion": 2}})) == Price(1.0, 2.0)


def test_litellms_form_is_read_too(tmp_path: Path) -> None:
    entry = {
        "input_cost_per_token": 2e-06,
        "output_cost_per_token": 8e-06,
        "cache_read_input_token_cost": 5e-07,
        "mode": "chat",
    }
    price = find_price("mine", table(tmp_path, {"mine": entry}))
    assert price is not None
    assert (price.prompt, price.completion, price.cached) == pytest.approx((2.0, 8.0, 0.5))


def test_without_a_file_litellms_own_map_is_read_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "litellm"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')\n")
    table(tmp_path, {"mine": {"prompt": 1, "completion": 2}}).rename(
        package / "model_prices_and_context_window_backup.json"
    )
    monkeypatch.delitem(sys.modules, "litellm", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_price("mine") == Price(1.0, 2.0)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "cannot be read"),
        ([1], "not a table"),
        ({"mine": 3}, "not a price"),
        ({"mine": {"prompt": 1}}, "no price for prompt and completion"),
        ({"mine": {"prompt": -1, "completion": 1}}, "-1 is no price"),
        ({"mine": {"prompt": True, "completion": 1}}, "True is no price"),
        ('{"mine": {"prompt": NaN, "completion": 1}}', "cannot be read"),
        ({"mine": {"prompt": "2", "completion": 1}}, "'2' is no price"),
    ],
)
def test_what_is_no_price_is_refused_with_the_form(tmp_path: Path, content: object, told: str) -> None:
    with pytest.raises(DataFileError, match=told) as refused:
        find_price("mine", table(tmp_path, content))
    assert "in dollars for a million tokens" in str(refused.value)
    assert "prices.json" in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"none\.json: cannot be read"):
        find_price("mine", tmp_path / "none.json")


@pytest.mark.parametrize("number", ["nan", "inf", "-1.0"])
def test_a_price_is_a_finite_number(tmp_path: Path, number: str) -> None:
    toml = tmp_path / "prices.toml"
    toml.write_text(f"[mine]\nprompt = {number}\ncompletion = 1\n", encoding="utf-8")
    with pytest.raises(DataFileError, match=r"is no price; write"):
        find_price("mine", toml)
