"""`agentgym train recipe`, and the flags by which training takes a recipe."""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path

import pytest

from agentgym.cli import Parser
from agentgym.errors import UsageError
from tests.trainers.cli.conftest import Train
from trainers.cli.options import add_recipe, only_told, recipe_of, words_of
from trainers.recipe import Stage
from trainers.recipes.catalog import recipe_names


def parsed(*words: str, stage: Stage = "sft") -> argparse.Namespace:
    parser = Parser(prog="train")
    add_recipe(parser, stage)
    return parser.parse_args(list(words))


def test_the_list_names_recipes_and_profiles(train: Train) -> None:
    told = train("recipe", "--list")
    assert told.code == 0
    assert all(name in told.out for name in (*recipe_names(), "memory_constrained"))
    found = json.loads(train("recipe", "--list", "--json").out)
    assert [entry["name"] for entry in found] == recipe_names()


def test_a_recipe_is_printed_with_its_origins_and_can_be_used_as_a_file(train: Train) -> None:
    words = ("retail_sft", "--profile", "a100_40gb", "--set", "lora.rank=32", "--set", "run_name=mine")
    told = train("recipe", *words)
    assert (told.code, told.err) == (0, "")
    assert "rank = 32  # --set" in told.out
    assert 'quantization = "4bit"  # profile a100_40gb of retail_sft' in told.out
    assert tomllib.loads(told.out)["run_name"] == "mine"
    Path("mine.toml").write_text(told.out, encoding="utf-8")
    again = json.loads(train("recipe", "mine.toml", "--json").out)
    assert again["recipe"] == json.loads(train("recipe", *words, "--json").out)["recipe"]
    assert again["config"] == "mine.toml"


def test_a_plan_is_printed(train: Train) -> None:
    told = train("recipe", "retail_grpo", "--profile", "a100_40gb", "--plan")
    assert told.code == 0
    assert "a GPU of 40 GB: enough" in told.out
    figures = json.loads(train("recipe", "retail_grpo", "--plan", "--json").out)
    assert figures["fits_gb"] == {"24": False, "40": False, "80": True}


def test_an_ini_file_becomes_a_recipe(train: Train) -> None:
    Path("old.ini").write_text("[default]\nlora_r = 8\nmodel_name = a-8b\n[big]\nlora_r = 64\noptim = x\n")
    told = train("recipe", "--from-ini", "old.ini", "--out", "new/mine.toml")
    assert (told.code, told.out) == (0, "new/mine.toml: a recipe, profiles: big\n")
    assert told.err == "old.ini: [big] optim: AdamW always; kept as a comment\n"
    assert "rank = 64" in train("recipe", "new/mine.toml", "--profile", "big").out
    assert train("recipe", "--from-ini", "old.ini").out == Path("new/mine.toml").read_text()
    twice = train("recipe", "--from-ini", "old.ini", "--out", "new/mine.toml")
    assert (twice.code, "--force" in twice.err) == (2, True)
    assert train("recipe", "--from-ini", "old.ini", "--out", "new/mine.toml", "--force").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "give one of"),
        (("retail_sft", "--list"), "give one of"),
        (("retial_sft",), "did you mean 'retail_sft'"),
        (("none.toml",), "cannot be read"),
        (("retail_sft", "--profile", "x"), "has no profile 'x'"),
        (("retail_sft", "--set", "rank"), "is not KEY=VALUE"),
        (("retail_sft", "--set", "lora..rank=3"), "is not KEY=VALUE"),
        (("retail_sft", "--set", "lora.rank=0"), "--set: lora.rank"),
        (("retail_sft", "--out", "x.toml"), "--out and --stage are for --from-ini"),
        (("retail_sft", "--measure"), "--measure is for --plan"),
        (("--from-ini", "none.ini"), "none.ini: cannot be read"),
        (("--from-ini", "none.ini", "--out", "x.txt"), "*.toml"),
        (("--from-ini", "none.ini", "--profile", "x"), "takes a file as it is"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(train: Train, words: tuple[str, ...], told: str) -> None:
    ran = train("recipe", *words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert told in ran.err


def test_a_flag_wins_over_set_that_over_the_profile_and_that_over_the_file() -> None:
    whole = ("--config", "retail_sft", "--profile", "a100_40gb")
    assert recipe_of(parsed(*whole), "sft").batch_size == 1
    assert recipe_of(parsed(*whole, "--set", "batch_size=3"), "sft").batch_size == 3
    flagged = parsed("--batch-size", "4", *whole, "--set", "batch_size=3")
    assert recipe_of(flagged, "sft").batch_size == 4


def test_every_flag_is_in_the_recipe() -> None:
    words = (
        *("--data", "runs/a", "b.jsonl", "--data", "c", "--validation", "v", "--model", "m", "--tokenizer", "t"),
        *("--output-dir", "o", "--log-dir", "l", "--run-name", "r", "--backend", "torch", "--seed", "7"),
        *("--epochs", "0.5", "--max-steps", "9", "--batch-size", "3", "--learning-rate", "1e-3"),
        *("--outcome", "solved", "--outcome", "failed", "--suite", "s", "--role", "planner"),
        *("--min-reward", "-1", "--max-reward", "1", "--set", "data.distinct=true", "--set", "grpo.delta=null"),
    )
    args = parsed(*words)
    made = recipe_of(args, "sft")
    assert made.data.sources == (Path("runs/a"), Path("b.jsonl"), Path("c"))
    assert (made.data.validation, made.data.outcomes) == ((Path("v"),), ("solved", "failed"))
    assert (made.data.suites, made.data.roles, made.data.distinct) == (("s",), ("planner",), True)
    assert (made.data.min_reward, made.data.max_reward, made.grpo.delta) == (-1, 1, None)
    assert (made.model, made.tokenizer, made.output_dir, made.log_dir) == ("m", "t", Path("o"), Path("l"))
    assert (made.run_name, made.backend, made.seed, made.epochs) == ("r", "torch", 7, 0.5)
    assert (made.max_steps, made.batch_size, made.optimizer.learning_rate) == (9, 3, 1e-3)
    assert recipe_of(parsed(*words_of(args)), "sft") == made


def test_a_recipe_of_the_other_stage_is_refused() -> None:
    with pytest.raises(UsageError, match="use: agentgym train grpo"):
        recipe_of(parsed("--config", "retail_grpo"), "sft")


def test_printing_trains_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert not only_told(parsed("--config", "retail_sft"), "sft")
    assert only_told(parsed("--config", "retail_sft", "--print-config", "--model", "x"), "sft")
    assert 'model = "x"  # --model' in capsys.readouterr().out
    assert only_told(parsed("--config", "retail_sft", "--plan"), "sft")
    assert "estimate" in capsys.readouterr().out
