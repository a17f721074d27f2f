"""Plans held against what torch really allocates for a step of a tiny model."""

from __future__ import annotations

from typing import Any

import pytest

from trainers.recipe import LoraSettings, Recipe
from trainers.recipes.geometry import geometry_of
from trainers.recipes.measuring import TINY, check_plan

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

SETTINGS: dict[str, dict[str, Any]] = {
    "all weights": {},
    "checkpointing": {"gradient_checkpointing": True},
    "adapter": {"lora": LoraSettings()},
    "adapter and checkpointing": {"lora": LoraSettings(rank=4), "gradient_checkpointing": True},
    "eager attention": {"attention": "eager"},
}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("kind", SETTINGS)
def test_weights_gradients_and_averages_are_exact_and_the_rest_within_a_factor_of_2(kind: str) -> None:
    check = check_plan(Recipe(stage="sft", **SETTINGS[kind]), steps=1)
    for name, planned, measured in check.lines():
        if name == "updating":
            assert 0.5 <= planned / measured <= 2, kind
        else:
            assert planned == measured, (kind, name)
    assert "the plan held against" in check.told()


def test_a_wider_and_deeper_model_is_foretold_as_well() -> None:
    wide = {**TINY, "hidden_size": 160, "intermediate_size": 512, "num_hidden_layers": 4, "vocab_size": 2000}
    for name, planned, measured in check_plan(Recipe(stage="sft"), config=wide, steps=1).lines():
        assert 0.5 <= planned / measured <= 2, name


def test_the_tokens_a_second_of_one_model_tell_those_of_another() -> None:
    """By operations, as the plan has it; within a factor of 4, for small matrices are slower and machines are busy."""
    large = {**TINY, "hidden_size": 192, "intermediate_size": 512, "head_dim": 48}
    small, other = (check_plan(Recipe(stage="sft"), config=config).measured for config in (TINY, large))
    foretold = small.flops_a_second / other.flops_a_token
    assert 0.25 <= foretold / other.tokens_a_second <= 4


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("qwen3", {"head_dim": 16}),
        ("qwen3", {"head_dim": 16, "tie_word_embeddings": True}),
        ("qwen2", {}),
        ("llama", {}),
        ("llama", {"attention_bias": True}),
        ("mistral", {"head_dim": 8}),
        ("gpt_oss", {"head_dim": 16, "num_local_experts": 4, "num_experts_per_tok": 2}),
        ("qwen3_moe", {"head_dim": 16, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}),
        ("mixtral", {"num_local_experts": 4}),
    ],
)
def test_the_weights_of_a_config_are_counted_exactly(kind: str, sizes: dict[str, Any], tmp_path: Any) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    told = {
        "vocab_size": 101,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "tie_word_embeddings": False,
        "pad_token_id": None,
    }
    config = AutoConfig.for_model(kind, **told | sizes)
    config.save_pretrained(tmp_path)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert geometry_of(str(tmp_path)).parameters == sum(weights.numel() for weights in model.parameters())
