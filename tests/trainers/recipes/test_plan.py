"""Plans: exact where sizes are known, near the documented anchors, and told with their formulae."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import DataFileError, UsageError
from trainers.recipe import LoraSettings, Recipe
from trainers.recipes.catalog import read_recipe_file
from trainers.recipes.geometry import geometry_of
from trainers.recipes.measuring import TINY
from trainers.recipes.plan import Plan, plan_of
from trainers.recipes.settling import Change, settle


def plan(name: str, profile: str | None = None, **keys: object) -> Plan:
    changes = [Change(tuple(key.split("__")), value, "--set") for key, value in keys.items()]
    settled = settle(file=read_recipe_file(name), profile=profile, changes=changes)
    return plan_of(settled.recipe, settled.assumed)


@pytest.mark.parametrize(
    ("name", "billions", "active"),
    [
        ("openai/gpt-oss-20b", 20.9, 3.6),
        ("openai/gpt-oss-120b", 116.8, 5.1),
        ("gpt-oss-20b-tau", 20.9, 3.6),
        ("Qwen/Qwen3-8B", 8.19, 7.57),
        ("Qwen/Qwen2.5-32B-Instruct", 32.76, 31.98),
        ("somebody/some-8B", 8, 7.4),
        ("some-20b-it", 20, 19),
        ("some_32B", 32, 31),
        ("some-120b", 120, 118),
        ("some-500m", 0.5, 0.5),
        ("some-30B-A3B", 30, 2.6),
    ],
)
def test_a_name_tells_the_size(name: str, billions: float, active: float) -> None:
    geometry = geometry_of(name)
    assert geometry.parameters / 1e9 == pytest.approx(billions, rel=0.01)
    assert geometry.active / 1e9 == pytest.approx(active, rel=0.04)


def test_a_config_at_hand_is_more_than_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config: dict[str, Any] = {**TINY}
    folder = tmp_path / "model-70b"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    assert geometry_of(str(folder)).parameters == 251_328
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(folder)}))
    assert geometry_of(str(adapter)).parameters == 251_328
    kept = tmp_path / "hub" / "models--some--model-70b" / "snapshots" / "abc"
    kept.mkdir(parents=True)
    (kept / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert geometry_of("some/model-70b").parameters == 251_328
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": "96"}))
    with pytest.raises(DataFileError, match="hidden_size is '96'"):
        geometry_of(str(folder))
    (folder / "config.json").write_text("{")
    with pytest.raises(DataFileError, match="cannot be read"):
        geometry_of(str(folder))


def test_a_model_of_unknown_size_is_told() -> None:
    with pytest.raises(UsageError, match="nothing tells how large"):
        plan_of(Recipe(stage="sft", model="outputs/merged_model"))
    with pytest.raises(UsageError, match="--model"):
        plan_of(Recipe(stage="sft"))


@pytest.mark.parametrize("name", ["retail_sft", "retail_grpo"])
@pytest.mark.parametrize("profile", ["a100_40gb", "a100_80gb_4bit", "memory_constrained", "high_quality"])
def test_20_billion_weights_in_4_bit_take_a_gpu_of_24_to_40_gb(name: str, profile: str) -> None:
    made = plan(name, profile)
    assert made.peak_gb > 16
    assert made.fits(40)
    assert profile != "memory_constrained" or made.fits(24)


def test_in_4_bit_without_checkpointing_it_is_still_one_gpu_of_40_gb() -> None:
    without = plan("retail_sft", "a100_40gb", gradient_checkpointing=False)
    assert 24 < without.peak_gb <= 40
    assert plan("retail_sft", "a100_40gb").peak_gb < without.peak_gb


@pytest.mark.parametrize("profile", ["default", "a100_80gb_16bit", "multi_a100_80gb", "h100_80gb", "multi_node"])
def test_in_16_bit_it_takes_80_gb(profile: str) -> None:
    for name in ("retail_sft", "retail_grpo"):
        made = plan(name, profile)
        assert made.fits(80)
        assert not made.fits(40)


def test_120_billion_weights_in_4_bit_take_about_68_gb() -> None:
    made = plan("retail_sft", "a100_80gb_4bit", model="openai/gpt-oss-120b", batch_size=1)
    assert made.peak_gb == pytest.approx(68, rel=0.05)
    assert made.fits(80)
    assert not made.fits(40)


@pytest.mark.parametrize("rows", [560, 2450])
@pytest.mark.parametrize("profile", ["a100_40gb", "a100_80gb_4bit", "a100_80gb_16bit"])
def test_both_stages_on_one_gpu_take_4_to_6_hours(profile: str, rows: int) -> None:
    """With 800 or 3,500 tasks to imitate, of which 70 % train, and rewards for 800."""
    settled = settle(file=read_recipe_file("retail_sft"), profile=profile)
    sft = plan_of(settled.recipe, settled.assumed.model_copy(update={"rows": rows})).hours
    grpo = plan("retail_grpo", profile).hours
    assert sft is not None
    assert grpo is not None
    assert 4 <= round(sft + grpo) <= 6


def test_several_gpus_take_less_time_and_not_less_memory_each() -> None:
    one, eight = plan("retail_grpo", "a100_80gb_16bit"), plan("retail_grpo", "multi_node")
    assert one.hours is not None
    assert eight.hours is not None
    assert eight.hours < one.hours / 5
    assert eight.peak_gb == pytest.approx(one.peak_gb, rel=0.1)


def test_all_weights_take_16_bytes_each_and_what_they_are_computed_with() -> None:
    made = plan("code_debug_sft", lora=None)
    parts = {part.name: part.bytes for part in made.lasting}
    weights = made.geometry.parameters
    assert parts == {
        "weights": 4 * weights,
        "copies": 2 * weights,
        "gradients": 4 * weights,
        "optimizer": 8 * weights,
    }
    assert "--set lora.rank=16" in made.told()


def test_a_reference_is_held_only_where_beta_asks_for_one_and_no_adapter_can_be_taken_off() -> None:
    def has(**keys: object) -> bool:
        return any(part.name == "reference" for part in plan("retail_grpo", **keys).lasting)

    assert has(lora=None, grpo__beta=0.1)
    assert not has(grpo__beta=0.1)
    assert not has(lora=None)


def test_rollouts_of_a_server_take_no_memory_here() -> None:
    assert plan("retail_grpo").sampling
    assert not plan("retail_grpo", live__base_url="http://127.0.0.1:8000/v1").sampling
    assert not plan("retail_sft").sampling


def test_rows_are_counted_where_the_data_is_at_hand(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n" * 100)
    run = tmp_path / "run"
    run.mkdir()
    (run / "episodes.jsonl").write_text("{}\n" * 20)
    sources = [str(tmp_path / "rows.jsonl"), str(run)]
    made = plan("retail_sft", data__sources=sources)
    assert "84 rows (counted)" in made.amounts.told
    assert made.amounts.updates == 11
    assert "assumed" in plan("retail_sft", data__sources=[*sources, str(tmp_path / "none.jsonl")]).amounts.told
    unknown = plan_of(Recipe(stage="sft", model="x-8b"))
    assert unknown.hours is None
    assert "give --data" in unknown.told()


def test_the_print_out_names_each_formula_and_is_no_more_than_an_estimate() -> None:
    told = plan("retail_grpo", "a100_40gb").told()
    for words in (
        "an estimate for openai/gpt-oss-20b",
        "19.7B weights in 4 bit x 0.516 bytes",
        "AdamW: 7.96M that train x 2 x 4 bytes",
        "1 x 2048 tokens x (24 layers x 2880 x 2 bytes",
        "32 rows x 2048 tokens",
        "a GPU of 24 GB: enough",
        "560 tasks (assumed) x 8 rollouts x 2 epochs: 280 steps",
        "give or take a factor of 2",
    ):
        assert words in told, told
    json.dumps(plan("retail_grpo").as_json())


def test_an_adapter_has_no_weights_beside_experts_but_may_train_the_embeddings() -> None:
    rows = plan_of(Recipe(stage="sft", model="Qwen/Qwen3-8B", lora=LoraSettings()))
    assert rows.as_json()["memory_bytes"]["lasting"]["adapter"] == 4 * 43_646_976  # type: ignore[index,call-overload]
    every = plan_of(Recipe(stage="sft", model="Qwen/Qwen3-8B", lora=LoraSettings(new_tokens="embeddings")))
    sizes = [next(part.bytes for part in made.lasting if part.name == "adapter") for made in (rows, every)]
    assert sizes[1] - sizes[0] == 4 * 151_936 * 4096
