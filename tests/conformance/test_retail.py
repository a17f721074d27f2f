"""The retail environment against what the original benchmark's own code answered, hashed and scored."""

from __future__ import annotations

import gzip
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from environments.retail.database import RetailDB
from environments.retail.desk import TERMINAL, perform
from environments.retail.env import RESPOND, Profile, RetailEnv
from environments.retail.state import State
from environments.retail.task import RetailTask
from environments.retail.taskfiles import read_task_file

KINDS = {"string": "string", "array": "array<string>"}
FLAWED = (24, 27, 81, 148, 161, 214, 229, 252, 253, 288, 314, 349, 351, 369, 376, 427, 431, 441, 469)
"""The train tasks whose reference is known to fail."""
PROFILES: tuple[Profile, ...] = ("compat", "typed")


@pytest.fixture(scope="module")
def folder(outside_data: Callable[[str], Path]) -> Path:
    return outside_data("tau_retail")


@pytest.fixture(scope="module")
def db(folder: Path) -> RetailDB:
    return RetailDB.load(folder)


def records(path: Path) -> Iterator[dict[str, Any]]:
    packed = path.read_bytes()
    text = gzip.decompress(packed) if path.suffix == ".gz" else packed
    yield from map(json.loads, text.splitlines())


def tells_the_same(text: str, expected: str, category: str = "domain") -> bool:
    """Whether a text is as it was, or an error like the interpreter's, whose words differ between versions."""
    return text == expected if category == "domain" else text.startswith("Error: ")


def run(play: Callable[[], Awaitable[None]]) -> None:
    anyio.run(play)


def test_the_data_is_what_the_original_hashes(db: RetailDB, folder: Path) -> None:
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    assert State(db).digest() == manifest["initial_hash"]
    counts = {"users": len(db.users), "orders": len(db.orders), "products": len(db.products)}
    assert {**counts, "variants": len(db.index.product_of_item)} == manifest["counts"]


def test_models_are_told_of_the_same_tools(db: RetailDB, folder: Path) -> None:
    told = {spec.name: spec.parameters for spec in RetailEnv(db).tool_specs()}
    expected = json.loads((folder / "tools.json").read_text())
    assert set(told) == {spec["name"] for spec in expected}
    for spec in expected:
        schema: Any = told[spec["name"]]
        kinds = {
            name: "array<string>" if part["type"] == "array" else part["type"] for name, part in properties(schema)
        }
        assert kinds == spec["parameters"], spec["name"]
        assert sorted(schema.get("required", [])) == sorted(spec["required"])
        assert {name: part["enum"] for name, part in properties(schema) if "enum" in part} == spec["enum"]


def properties(schema: Any) -> list[tuple[str, Any]]:
    return list(schema.get("properties", {}).items())


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("split", "tasks", "variants"), [("dev", 20, 153), ("train", 500, 4462)])
def test_every_reference_and_every_variant_of_it(
    db: RetailDB, folder: Path, split: str, tasks: int, variants: int, profile: Profile
) -> None:
    held = read_task_file(folder / f"tasks_{split}.jsonl", db)
    seen = [0, 0]

    async def play() -> None:
        env = RetailEnv(db, profile=profile)
        for record in records(folder / f"golden_{split}.jsonl.gz"):
            task = held[record["task_index"]]
            await env.reset(task, seed=0)
            assert env.state_hash() == record["initial_hash"]
            await check_steps(env, [*record["lookups"], *record["actions"]])
            assert env.state_hash() == record["final_hash"], task.id
            assert env.score().reward == record["reward"], task.id
            assert tau_info(env) == record["reward_info"], task.id
            for variant in record["variants"]:
                await check_variant(env, task, variant)
            seen[0] += 1
            seen[1] += len(record["variants"])

    run(play)
    assert seen == [tasks, variants]


async def check_variant(env: RetailEnv, task: RetailTask, variant: dict[str, Any]) -> None:
    told = (task.id, variant["kind"])
    await env.reset(task, seed=0)
    await check_steps(env, variant["steps"])
    assert env.terminated == (variant["ended_by"] == "tool"), told
    if not env.over:
        assert not (await env.call(RESPOND, {"content": "Done."})).reward or variant["reward"], told
    assert env.terminated, told
    assert env.state_hash() == variant["final_hash"], told
    assert env.reward == variant["reward"], told
    assert env.solved == (variant["reward"] == 1.0), told


async def check_steps(env: RetailEnv, steps: list[dict[str, Any]]) -> None:
    for step in steps:
        observation = (await env.call(step["name"], step["kwargs"])).observation
        assert observation.text == step["observation"], step


def tau_info(env: RetailEnv) -> dict[str, object]:
    """What the original reports of a reward: one of the two verdicts."""
    info = env.score().info()
    if env.task.outputs:
        return {"r_outputs": info["r_outputs"], "outputs": info["outputs"]}
    return {"r_actions": info["r_actions"], "gt_data_hash": info["gt_data_hash"]}


def test_the_flawed_references_are_those_that_are_known(db: RetailDB) -> None:
    env = RetailEnv(db)
    flaws = {task.id: env.flaws(task) for task in env.tasks("train")}
    assert [name for name, found in flaws.items() if found] == [f"train-{number}" for number in FLAWED]
    told = [flaw for found in flaws.values() for flaw in found]
    assert sum(flaw.startswith("action ") for flaw in told) == 20
    assert sum(flaw.startswith("doing nothing") for flaw in told) == 5
    assert len(RetailEnv(db, skip_flawed=True).tasks("train")) == len(flaws) - len(FLAWED)


@pytest.mark.parametrize("profile", PROFILES)
def test_whole_episodes(db: RetailDB, folder: Path, profile: Profile) -> None:
    cases = list(records(folder / "golden_reward.jsonl"))
    assert len(cases) == 45

    async def play() -> None:
        for case in cases:
            if profile == "compat" or case["case"] != "transfer_with_bad_arguments_ends":
                await check_case(case)

    async def check_case(case: dict[str, Any]) -> None:
        env = RetailEnv(db, profile=profile, user=case["user_replies"])
        await env.reset(RetailTask(id=case["case"], **case["task"]), seed=0)
        for step in case["steps"]:
            taken = await env.call(step["name"], step["kwargs"])
            assert tells_the_same(taken.observation.text, step["observation"], category_of(step)), case["case"]
            assert (taken.terminated, taken.reward) == (step["done"], step["reward"]), case["case"]
        assert (env.terminated, env.reward) == (case["done"], case["reward"]), case["case"]
        assert tau_info(env) == case["reward_info"], case["case"]

    run(play)


def category_of(step: dict[str, Any]) -> str:
    """Whole episodes do not say which of their texts are the interpreter's."""
    return "interp" if ".invoke()" in step["observation"] else "domain"


def test_arbitrary_calls_on_the_bare_shop(db: RetailDB, folder: Path) -> None:
    calls = 0
    for sequence in records(folder / "golden_fuzz.jsonl.gz"):
        state = State(db)
        for call in sequence["calls"]:
            outcome = perform(state, call["name"], call["kwargs"])
            assert tells_the_same(outcome.text, call["observation"], call["category"]), call
            assert state.digest() == call["state_hash"], call
            calls += 1
    assert calls == 1418


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("written", [False, True], ids=["values", "json"])
def test_arbitrary_calls_in_the_environment(db: RetailDB, folder: Path, profile: Profile, written: bool) -> None:
    """Up to the first transfer, which ends an episode, or the first call of which the profiles differ."""
    seen = {"domain": 0, "interp": 0, "refused": 0, "more": 0}

    async def play() -> None:
        for sequence in records(folder / "golden_fuzz.jsonl.gz"):
            env = RetailEnv(db, profile=profile)
            await env.reset(RetailTask(id="fuzz", instruction="-"), seed=0)
            env.max_turns = None
            for call in sequence["calls"]:
                seen[await check_call(env, call)] += 1
                assert not env.over or call["name"] == TERMINAL
                if env.over or (profile == "typed" and call["state_hash"] != env.state_hash()):
                    break

    async def check_call(env: RetailEnv, call: dict[str, Any]) -> str:
        before = env.state_hash()
        arguments = json.dumps(call["kwargs"]) if written else call["kwargs"]
        text = (await env.call(call["name"], arguments)).observation.text
        if profile == "typed" and not call["schema_valid"]:
            if takes_more(call):
                return "more"
            assert text.startswith(("Error: ", "Unknown action ")), call
            assert env.state_hash() == before, call
            return "refused"
        assert tells_the_same(text, call["observation"], call["category"]), call
        assert env.state_hash() == call["state_hash"], call
        return str(call["category"])

    run(play)
    assert seen["domain"] > 400
    assert seen["interp"] + seen["refused"] > 30


def takes_more(call: dict[str, Any]) -> bool:
    """Whether the `typed` profile takes what the original does not: to cancel for no reason."""
    return call["name"] == "cancel_pending_order" and set(call["kwargs"]) == {"order_id"}
