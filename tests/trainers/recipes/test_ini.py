"""Old INI files become recipes; nothing in them is dropped without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgym.errors import DataFileError
from trainers.recipe import Recipe
from trainers.recipes.catalog import parse_recipe_file
from trainers.recipes.ini import Imported, read_ini
from trainers.recipes.settling import settle

OLD = """
; the settings of the old scripts
[DEFAULT]
model_name = unsloth/gpt-oss-20b   ; the base
seed = 3407

[default]
max_seq_length = 2048
load_in_4bit = True
lora_r = 16
lora_alpha = 32
lora_dropout = 0
target_modules = ["q_proj", 'k_proj']
per_device_train_batch_size = 2
gradient_accumulation_steps = 8
num_train_epochs = 2
learning_rate = 1e-4
warmup_steps = 50
lr_scheduler_type = cosine
bf16 = true
use_gradient_checkpointing = unsloth
max_steps = -1
optim = adamw_8bit
hub_token = hf_abcdef

[a100 40gb]
lora_rank = 8
target_modules = q_proj, v_proj
learning_rate = 5e-5
warmup_ratio = 0.03
packing = false
load_in_4bit = no
fp16 = off
"""


def imported(folder: Path, text: str, **options: str) -> Imported:
    (folder / "training_configs.ini").write_text(text, encoding="utf-8")
    return read_ini(folder / "training_configs.ini", **options)  # type: ignore[arg-type]  # a stage, told as text


def recipe(made: Imported, profile: str | None = None) -> Recipe:
    return settle(file=parse_recipe_file(made.text, "made"), profile=profile).recipe


def test_sections_become_profiles_and_the_usual_spellings_are_known(tmp_path: Path) -> None:
    made = imported(tmp_path, OLD)
    assert made.profiles == ("a100 40gb",)
    base = recipe(made)
    assert (base.stage, base.model, base.seed) == ("sft", "unsloth/gpt-oss-20b", 3407)
    assert (base.batch_size, base.accumulation, base.epochs, base.max_steps) == (2, 8, 2, None)
    assert (base.quantization, base.numbers, base.gradient_checkpointing) == ("4bit", "bfloat16", True)
    assert (base.optimizer.learning_rate, base.optimizer.warmup_steps) == (1e-4, 50)
    assert base.data.max_length == 2048
    assert base.lora is not None
    assert (base.lora.rank, base.lora.alpha, base.lora.target_modules) == (16, 32, ("q_proj", "k_proj"))
    other = recipe(made, "a100 40gb")
    assert other.lora is not None
    assert (other.lora.rank, other.lora.alpha, other.lora.target_modules) == (8, 32, ("q_proj", "v_proj"))
    assert (other.optimizer.learning_rate, other.quantization, other.batch_size) == (5e-5, "none", 2)


def test_what_no_recipe_knows_is_told_and_kept_but_no_secret(tmp_path: Path) -> None:
    made = imported(tmp_path, OLD)
    assert [note.partition("training_configs.ini: ")[2].partition(":")[0] for note in made.notes] == [
        "[default] optim",
        "[default] hub_token",
        "[a100 40gb] warmup_ratio",
        "[a100 40gb] packing",
    ]
    for kept in ("# optim = adamw_8bit", "# warmup_ratio = 0.03", "# packing = false"):
        assert kept in made.text
    assert "hf_abcdef" not in made.text + "".join(made.notes)


def test_a_file_for_grpo_is_known_by_its_keys(tmp_path: Path) -> None:
    text = "[default]\nnum_generations = 4\nmax_completion_length = 256\ntemperature = 0.7\nbeta = 0.04\nlora_r = 8\n"
    made = recipe(imported(tmp_path, text))
    assert made.live is not None
    assert (made.stage, made.live.group_size, made.live.max_tokens, made.live.temperature) == ("grpo", 4, 256, 0.7)
    assert made.grpo.beta == 0.04
    told = imported(tmp_path, text, stage="sft")
    assert recipe(told).live is None
    assert all("is for --stage grpo" in note for note in told.notes)
    assert len(told.notes) == 4


def test_an_adapter_can_be_switched_off(tmp_path: Path) -> None:
    made = imported(tmp_path, "[default]\nlora_r = 8\n[full]\nuse_lora = false\nlora_r = 8\n[on]\nuse_peft = yes\n")
    assert recipe(made, "full").lora is None
    on = recipe(made, "on").lora
    assert on is not None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[a]\nlearning_rate = fast", "[a] learning_rate: 'fast' is not a number"),
        ("[a]\nlearning_rate = nan", "[a] learning_rate: 'nan' is not a number"),
        ("[a]\nlearning_rate = -1", "[a] learning_rate: optimizer.learning_rate: Input should be greater than 0"),
        ("[a]\nlora_r = 1.5", "[a] lora_r: '1.5' is not a whole number"),
        ("[a]\nlora_r = 8\nlora_rank = 16", "[a] lora_rank: 16, but lora_r says 8"),
        ("[a]\nload_in_4bit = maybe", "[a] load_in_4bit: 'maybe' is neither true nor false"),
        ("[a]\nbf16 = 1\nfp16 = 1", "[a] bf16 and fp16 are both on"),
        ("[a]\nlr_scheduler_type = polynomial", "[a] lr_scheduler_type: 'polynomial' is none of"),
        ("[a]\ntarget_modules = [1]", "[a] target_modules: '[1]' is no list of names"),
        ("lora_r = 8", "no section headers"),
        ("[a]\nx = 1\nx = 2", "already exists"),
        ("[a]", "holds no settings"),
        ("", "holds no settings"),
    ],
)
def test_what_cannot_be_read_is_told_with_file_section_and_key(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DataFileError if "Input" not in told else ValueError) as error:
        imported(tmp_path, text)
    assert told in str(error.value)
    assert "training_configs.ini" in str(error.value)
