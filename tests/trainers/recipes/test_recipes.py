"""Recipe files: every documented number, layers in their order, and print-outs that read back to the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentgym.errors import DataFileError, UnknownNameError, UsageError
from trainers.recipe import PROJECTIONS, Recipe
from trainers.recipes.catalog import parse_recipe_file, read_recipe_file, recipe_names
from trainers.recipes.settling import Change, settle
from trainers.recipes.writing import as_json, as_toml

NAMES = (
    "code_debug_grpo",
    "code_debug_sft",
    "retail_grpo",
    "retail_sft",
    "special_tokens_grpo",
    "special_tokens_sft",
)
PROFILES = (
    *("default", "a100_40gb", "a100_80gb_4bit", "a100_80gb_16bit", "multi_a100_80gb", "h100_80gb", "multi_h100_80gb"),
    *("dev", "high_quality", "memory_constrained", "multi_node"),
)
EVERY = [(name, profile) for name in NAMES for profile in (None, *(PROFILES if name.startswith("retail") else ()))]


def recipe(name: str, profile: str | None = None, **keys: object) -> Recipe:
    changes = [Change(tuple(key.split("__")), value, "--set") for key, value in keys.items()]
    return settle(file=read_recipe_file(name), profile=profile, changes=changes).recipe


def test_every_recipe_comes_along_and_the_retail_ones_have_all_profiles() -> None:
    assert tuple(recipe_names()) == NAMES
    for name in NAMES:
        file = read_recipe_file(name)
        assert file.about
        assert tuple(file.profiles) == (PROFILES if name.startswith("retail") else ())
        assert all(profile.about for profile in file.profiles.values())


def test_the_documented_numbers() -> None:
    tokens = recipe("special_tokens_sft")
    assert (tokens.model, tokens.lora and tokens.lora.new_tokens) == ("Qwen/Qwen3-8B", "rows")
    code = recipe("code_debug_sft")
    assert (code.model, code.batch_size, code.accumulation) == ("Qwen/Qwen2.5-32B-Instruct", 1, 8)
    assert (code.optimizer.learning_rate, code.epochs, code.data.max_length) == (5e-6, 3, 4096)
    ppo = recipe("code_debug_grpo")
    assert (ppo.optimizer.learning_rate, ppo.max_steps) == (1e-6, 1000)
    assert ppo.live is not None
    rates = {"reward_scale": 1.0, "debug_penalty": 0.1, "tool_bonus": 0.05, "test_case_bonus": 0.3}
    assert (ppo.live.environment, ppo.live.settings) == ("code-debug", rates)
    retail = recipe("retail_sft")
    assert (retail.model, retail.epochs, retail.batch_size, retail.accumulation) == ("openai/gpt-oss-20b", 2, 2, 8)
    assert (retail.optimizer.learning_rate, retail.optimizer.warmup_steps, retail.seed) == (1e-4, 50, 3407)
    assert (retail.data.validation_share, retail.data.test_share) == (0.15, 0.15)
    rewards = recipe("retail_grpo")
    assert (rewards.epochs, rewards.batch_size, rewards.accumulation) == (2, 2, 16)
    course = rewards.optimizer
    assert (course.learning_rate, course.warmup_steps, course.schedule, course.max_grad_norm) == (
        5e-5,
        200,
        "cosine",
        0.5,
    )
    assert rewards.live is not None
    assert (rewards.live.max_tokens, rewards.live.temperature, rewards.live.top_p) == (512, 0.7, 1.0)
    for name in NAMES:
        lora = recipe(name).lora
        assert lora is not None
        assert (lora.rank, lora.alpha, lora.target_modules) == (16, 32, PROJECTIONS)


@pytest.mark.parametrize("name", ["retail_sft", "retail_grpo"])
def test_profiles_stay_within_what_is_documented_and_keep_the_rows_of_an_update(name: str) -> None:
    assert recipe(name, "default") == recipe(name)
    whole = recipe(name)
    for profile in PROFILES[1:]:
        held = settle(file=read_recipe_file(name), profile=profile)
        made, machines = held.recipe, held.assumed.nodes * held.assumed.gpus
        assert made.lora is not None
        assert 8 <= made.lora.rank <= 64
        assert made.data.max_length is not None
        assert 1024 <= made.data.max_length <= 3072
        if profile == "dev":
            assert made.max_steps == 10
            continue
        assert made.optimizer.learning_rate in (3e-5, 5e-5)
        assert made.batch_size * made.accumulation * machines == whole.batch_size * whole.accumulation


@pytest.mark.parametrize(("name", "profile"), EVERY)
def test_what_is_printed_reads_back_to_the_same(name: str, profile: str | None) -> None:
    settled = settle(file=read_recipe_file(name), profile=profile)
    again = settle(file=parse_recipe_file(as_toml(settled), "again"))
    assert again.recipe == settled.recipe
    assert again.assumed == settled.assumed
    assert json.loads(json.dumps(as_json(settled)))["recipe"] == settled.recipe.model_dump(mode="json")


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
free = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    run_name=text.filter(lambda name: name and name[0] != "." and not {*name} & {*"/\\"}),
    keys=st.dictionaries(text, free, max_size=3),
    weights=st.dictionaries(text, st.floats(-5, 5), max_size=3),
    delta=st.none() | st.floats(0.1, 9),
    rate=st.floats(1e-12, 1),
)
def test_whatever_a_recipe_holds_reads_back(
    run_name: str, keys: dict[str, object], weights: dict[str, float], delta: float | None, rate: float
) -> None:
    given = [
        (("run_name",), run_name),
        (("live", "settings"), keys),
        (("grpo", "reward_weights"), weights),
        (("grpo", "delta"), delta),
        (("optimizer", "learning_rate"), rate),
    ]
    made = settle(
        file=read_recipe_file("retail_grpo"), changes=[Change(place, value, "--set") for place, value in given]
    )
    assert made.recipe.live is not None
    assert made.recipe.live.settings == keys
    assert settle(file=parse_recipe_file(as_toml(made), "again")).recipe == made.recipe


FILE = """
stage = "sft"
model = "a"
batch_size = 4
[lora]
rank = 8
[profiles.small]
batch_size = 1
lora = "none"
[profiles.large.lora]
rank = 64
"""


def test_layers_win_in_their_order_and_each_value_tells_its_origin() -> None:
    file = parse_recipe_file(FILE, "mine.toml")
    settled = settle(
        "sft",
        file=file,
        profile="large",
        changes=[
            Change(("batch_size",), 2, "--set"),
            Change(("lora", "alpha"), 64, "--set"),
            Change(("batch_size",), 3, "--batch-size"),
        ],
    )
    made = settled.recipe
    assert made.lora is not None
    assert (made.model, made.batch_size, made.lora.rank, made.lora.alpha) == ("a", 3, 64, 64)
    places = [("model",), ("batch_size",), ("lora", "rank"), ("lora", "alpha"), ("lora", "dropout"), ("seed",)]
    origins = ["mine.toml", "--batch-size", "profile large of mine.toml", "--set", "default", "default"]
    assert [settled.source(place) for place in places] == origins
    printed = as_toml(settled)
    assert 'model = "a"  # mine.toml' in printed
    assert "rank = 64  # profile large of mine.toml" in printed
    assert "# max_steps is not set" in printed


def test_a_table_can_be_taken_away_and_put_back() -> None:
    file = parse_recipe_file(FILE, "mine.toml")
    assert settle(file=file, profile="small").recipe.lora is None
    again = settle(file=file, profile="small", changes=[Change(("lora", "rank"), 4, "--set")]).recipe.lora
    assert again is not None
    assert (again.rank, again.alpha) == (4, 32)
    assert settle(file=file, changes=[Change(("lora",), None, "--set")]).recipe.lora is None
    whole = settle(file=file, changes=[Change(("lora",), {"alpha": 8}, "--set")]).recipe.lora
    assert whole is not None
    assert (whole.rank, whole.alpha) == (16, 8)


def test_null_takes_a_free_key_away() -> None:
    live = recipe("code_debug_grpo", live__settings__tool_bonus=None).live
    assert live is not None
    assert "tool_bonus" not in live.settings


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("lora", "rnk"), 3, "lora.rnk: there is no such key; did you mean 'rank'"),
        (("batch_size",), True, "batch_size: Input should be a valid integer (got True)"),
        (("batch_size",), "4", "batch_size: Input should be a valid integer (got '4')"),
        (("batch_size",), 0, "batch_size: Input should be greater than or equal to 1"),
        (("optimizer", "learning_rate"), float("nan"), "optimizer.learning_rate: "),
        (("optimizer", "schedule"), "step", "optimizer.schedule: "),
        (("model", "name"), "x", "model is 'a', which holds no keys"),
        (("data", "sources"), "runs/x", "data.sources: "),
        (("data", "validation_share"), 1, "data.validation_share: Input should be less than 1"),
        (
            ("data",),
            {"validation_share": 0.5, "test_share": 0.5},
            "data: validation_share and test_share leave nothing",
        ),
        (("seed",), 2**32, "seed: Input should be less than 4294967296"),
        (("lora", "target_modules"), 3, "lora.target_modules: "),
        (("stage",), "ppo", "'ppo'"),
    ],
)
def test_what_cannot_be_is_told_with_its_origin(place: tuple[str, ...], value: object, told: str) -> None:
    with pytest.raises(UsageError) as error:
        settle("sft", file=parse_recipe_file(FILE, "mine.toml"), changes=[Change(place, value, "--flag")])
    assert told in str(error.value)
    assert place == ("stage",) or "--flag" in str(error.value)


def test_shares_that_leave_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="leave nothing to train on"):
        recipe("retail_sft", data__validation_share=0.9)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stage = ", "is no TOML"),
        ("profiles = 3", "profiles = 3 is no table"),
        ("[profiles]\na = 3", "a = 3 is no table"),
        ('[profiles.a]\nstage = "sft"', "neither profiles nor a stage"),
        ("about = 3", "is no text"),
        ("[assumed]\ngpu = 'abacus'", "assumed.gpu"),
        ("[assumed]\nrows = '3'", "assumed.rows"),
    ],
)
def test_a_file_that_is_no_recipe_is_told(text: str, told: str) -> None:
    with pytest.raises(DataFileError, match=r"mine\.toml") as error:
        parse_recipe_file(text, "mine.toml")
    assert told in str(error.value)


def test_names_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'retail_sft'"):
        read_recipe_file("retail_stf")
    with pytest.raises(UnknownNameError, match="did you mean 'a100_40gb'"):
        settle(file=read_recipe_file("retail_sft"), profile="a100_40")
    with pytest.raises(DataFileError, match="cannot be read"):
        read_recipe_file(str(tmp_path / "none.toml"))
    with pytest.raises(DataFileError, match="cannot be read"):
        read_recipe_file(str(tmp_path))
    with pytest.raises(UsageError, match="use: agentgym train grpo"):
        settle("sft", file=read_recipe_file("retail_grpo"))
    with pytest.raises(UsageError, match="names no stage"):
        settle(file=parse_recipe_file('model = "a"', "mine.toml"))
    with pytest.raises(UsageError, match="give --config too"):
        settle("sft", profile="small")
