"""Tasks as tau2-bench writes them: what they say, how they begin, and what is told of those that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import pytest

from agentgym import OraclePolicy, rollout
from agentgym.errors import DataFileError
from agentgym.messages import JsonObject
from agentgym.tools import Say
from environments.retail.audit import audit_tasks
from environments.retail.database import RetailDB
from environments.retail.env import RetailEnv
from environments.retail.task import RetailTask
from environments.retail.tau2.entries import read_entry, write_entry
from environments.retail.tau2.env import Tau2RetailEnv
from environments.retail.tau2.files import read_tau2_tasks, write_tau2_world
from environments.retail.tau2.task import Tau2Task
from environments.retail.tau2.world import Tau2DB
from environments.retail.users.scripted import ScriptedUser
from environments.retail.users.user import GREETING, UserSession

CANCEL: JsonObject = {"order_id": "#W1", "reason": "no longer needed"}
ACTION = {"action_id": "t_0", "name": "cancel_pending_order", "arguments": CANCEL, "info": None}
INSTRUCTIONS = {
    "domain": "retail",
    "reason_for_call": "You want to cancel order #W1.",
    "known_info": "You are Ada Ito in zip code 00001.",
    "unknown_info": "You do not remember your e-mail address.",
    "task_instructions": "You are brief.",
}
ENTRY: dict[str, Any] = {
    "id": "t",
    "description": {"purpose": "cancelling", "relevant_policies": None, "notes": None},
    "user_scenario": {"persona": None, "instructions": INSTRUCTIONS},
    "ticket": None,
    "initial_state": None,
    "evaluation_criteria": {
        "actions": [ACTION],
        "env_assertions": None,
        "communicate_info": ["32.55"],
        "nl_assertions": ["The agent is kind."],
        "reward_basis": ["DB", "NL_ASSERTION"],
    },
    "annotations": "of no meaning here",
}
Entry = dict[str, Any]


def entry(*path: str, to: Any) -> Entry:
    """The entry with another value at a key."""
    changed: Entry = json.loads(json.dumps(ENTRY))
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return changed


@pytest.fixture
def shop(db: RetailDB) -> Tau2DB:
    return Tau2DB.of(db)


def folder_with(shop: Tau2DB, folder: Path, *entries: Any, splits: Any = None) -> Path:
    write_tau2_world(folder, shop, {})
    (folder / "tasks.json").write_text(json.dumps(list(entries)))
    (folder / "split_tasks.json").unlink()
    if splits is not None:
        (folder / "split_tasks.json").write_text(json.dumps(splits))
    return folder


def test_an_entry_becomes_a_task(shop: Tau2DB, tmp_path: Path) -> None:
    [task] = Tau2RetailEnv(folder_with(shop, tmp_path, ENTRY)).tasks("test")
    assert isinstance(task, Tau2Task)
    assert task.instruction == (
        "You are Ada Ito in zip code 00001.\nYou do not remember your e-mail address.\n"
        "You want to cancel order #W1.\nYou are brief."
    )
    assert (task.user_id, task.outputs, task.reward_basis) == ("ada_ito_1000", ("32.55",), ("DB", "NL_ASSERTION"))
    assert task.nl_assertions == ("The agent is kind.",)
    assert (task.actions[0].kwargs, task.actions[0].compare_args) == (CANCEL, None)
    assert Tau2Task.model_validate_json(task.model_dump_json()) == task


def test_what_may_be_null_or_missing_has_its_default() -> None:
    bare = read_entry({"id": "t", "user_scenario": {"persona": "You are shy.", "instructions": "You want a mug."}})
    assert (bare.instruction, bare.reward_basis, bare.actions) == ("You are shy.\nYou want a mug.", (), ())
    nulls = dict.fromkeys(("actions", "communicate_info", "nl_assertions", "reward_basis"))
    task = read_entry({**ENTRY, "evaluation_criteria": nulls})
    assert (task.reward_basis, task.actions, task.outputs) == (("DB", "COMMUNICATE"), (), ())


def test_entries_come_back_as_they_went() -> None:
    past = [{"role": "assistant", "content": GREETING, "turn_idx": 0}, {"role": "user", "content": "Hello."}]
    for given in (ENTRY, entry("initial_state", to={"message_history": past})):
        task = read_entry(given)
        written: Any = write_entry(task)
        assert read_entry(json.loads(json.dumps(written))) == task
        assert written["user_scenario"] == given["user_scenario"]
        assert written["description"] == given["description"]
        assert Tau2Task.model_validate_json(task.model_dump_json()) == task


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (5, "task 1: not a RetailTask"),
        (entry("user_scenario", to={}), "user_scenario.instructions: Field required"),
        (entry("user_scenario", "instructions", "domain", to="airline"), "domain: is 'airline'; this is retail"),
        (entry("user_scenario", "instructions", to=7), "user_scenario.instructions"),
        (entry("evaluation_criteria", "reward_basis", to=["DBS"]), "evaluation_criteria.reward_basis.0"),
        (entry("evaluation_criteria", to={"reward_bases": []}), "evaluation_criteria: unknown key 'reward_bases'"),
        (entry("evaluation_criteria", "actions", to={}), "evaluation_criteria.actions"),
        (entry("evaluation_criteria", "actions", to=[{"name": "x"}]), "evaluation_criteria.actions.0.arguments"),
        (
            entry("evaluation_criteria", "actions", to=[{**ACTION, "requestor": "user"}]),
            "evaluation_criteria.actions.0.requestor",
        ),
        (
            entry("evaluation_criteria", "env_assertions", to=[{"func_name": "x"}]),
            "evaluation_criteria.env_assertions: the shop has nothing of the kind; leave it out",
        ),
        (entry("evaluation_criteria", "communicate_info", to=[5]), "evaluation_criteria.communicate_info.0"),
        (entry("id", to=5), "id: Input should be a valid string"),
        (
            entry("initial_state", to={"initialization_data": {"agent_data": {"order": {}}}}),
            "task 't': initial_state.initialization_data.agent_data: there is no table 'order'; did you mean 'orders'?",
        ),
        (
            entry("initial_state", to={"initialization_data": {"agent_data": {"orders": {"#W1": {"status": 5}}}}}),
            "initial_state.initialization_data.agent_data: orders: #W1.status",
        ),
        (
            entry("initial_state", to={"initialization_actions": [{"env_type": "user", "func_name": "x"}]}),
            "initial_state.initialization_actions.0.env_type",
        ),
        (
            entry("initial_state", to={"initialization_actions": [{"func_name": "x", "arguments": {}}]}),
            "initial_state.x: cannot be done before the episode: there is no tool 'x'",
        ),
        (entry("initial_state", to={"message_history": [{"role": "tool", "content": "x"}]}), "must end with something"),
    ],
)
def test_what_is_wrong_with_a_task_is_told_with_its_key(shop: Tau2DB, tmp_path: Path, given: Any, told: str) -> None:
    env = Tau2RetailEnv(folder_with(shop, tmp_path, given))
    with pytest.raises(DataFileError) as caught:
        env.tasks()
    text = str(caught.value)
    assert text.startswith(str(tmp_path / "tasks.json"))
    assert told in text
    assert "\n" not in text


def test_splits_say_which_tasks_belong_to_them(shop: Tau2DB, tmp_path: Path) -> None:
    entries = [{**ENTRY, "id": name} for name in "abc"]
    env = Tau2RetailEnv(folder_with(shop, tmp_path, *entries, splits={"train": ["c", "a"], "test": ["b"]}))
    assert [[task.id for task in env.tasks(split)] for split in (None, "train", "test", "dev")] == [
        ["a", "b", "c"],
        ["c", "a"],
        ["b"],
        [],
    ]
    (tmp_path / "split_tasks.json").unlink()
    assert [len(env.tasks(split)) for split in (None, "test", "train")] == [3, 3, 0]


@pytest.mark.parametrize(
    ("splits", "told"),
    [
        ([], "holds a list"),
        ({"test": "a"}, "test: holds a str"),
        ({"test": ["t", "x"]}, "test.1: there is no task 'x' in tasks.json"),
        ({"test": ["t", "t"]}, "test.1: 't' stands twice"),
        ({"test": [5]}, "test.0: there is no task 5"),
    ],
)
def test_what_is_wrong_with_splits_is_told(shop: Tau2DB, tmp_path: Path, splits: Any, told: str) -> None:
    env = Tau2RetailEnv(folder_with(shop, tmp_path, ENTRY, splits=splits))
    with pytest.raises(DataFileError, match=r"split_tasks\.json: ") as caught:
        env.tasks("test")
    assert told in str(caught.value)


def test_ids_must_differ_and_there_must_be_a_task(shop: Tau2DB, tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="'t' stands twice"):
        Tau2RetailEnv(folder_with(shop, tmp_path / "a", ENTRY, ENTRY)).tasks()
    with pytest.raises(DataFileError, match="holds no task"):
        Tau2RetailEnv(folder_with(shop, tmp_path / "b")).tasks()


def test_a_file_of_tasks_is_one_list(shop: Tau2DB, tmp_path: Path) -> None:
    folder = folder_with(shop, tmp_path, ENTRY)
    for text in (json.dumps({"tasks": [ENTRY]}, indent=1), "null", "", json.dumps(ENTRY)):
        (folder / "tasks.json").write_text(text)
        with pytest.raises(DataFileError, match="must be one JSON list of tasks") as caught:
            Tau2RetailEnv(folder).tasks()
        assert str(caught.value).startswith(str(folder / "tasks.json"))
    (folder / "tasks.json").write_text("[{]")
    with pytest.raises(DataFileError, match=r"tasks\.json: not JSON"):
        Tau2RetailEnv(folder).tasks()


def flaws(shop: Tau2DB, given: Entry, **settings: Any) -> list[str]:
    env: Any = RetailEnv(shop, profile="tau2", **settings)
    found: list[str] = env.flaws(read_entry(given))
    return found


def test_an_idle_agent_is_found_out_part_by_part(shop: Tau2DB) -> None:
    idle = "doing nothing solves it"
    sound = entry("evaluation_criteria", "reward_basis", to=["DB"])
    assert flaws(shop, sound) == []
    only_judged = entry("evaluation_criteria", "reward_basis", to=["NL_ASSERTION"])
    assert idle in flaws(shop, only_judged)[0]
    assert flaws(shop, only_judged, judge="idle") == []
    for basis, solved in (("COMMUNICATE", False), ("ACTION", False), ("ENV_ASSERTION", True)):
        assert bool(flaws(shop, entry("evaluation_criteria", "reward_basis", to=[basis]))) == solved
    done = {"initialization_actions": [{"func_name": "cancel_pending_order", "arguments": CANCEL}]}
    nothing = entry("initial_state", to=done)
    nothing["evaluation_criteria"] = {"actions": [], "reward_basis": ["DB"]}
    assert idle in flaws(shop, nothing)[0], "what is done before the episode is none of the agent's doing"


def test_outputs_that_do_not_count_are_no_flaw(shop: Tau2DB) -> None:
    comma = entry("evaluation_criteria", "communicate_info", to=["1,024"])
    assert flaws(shop, comma) == []
    comma["evaluation_criteria"]["reward_basis"] = ["DB", "COMMUNICATE"]
    assert "holds a comma" in flaws(shop, comma)[0]


def test_references_that_fail_are_found(shop: Tau2DB) -> None:
    lost = entry("evaluation_criteria", "actions", to=[{**ACTION, "arguments": {**CANCEL, "order_id": "#W9"}}])
    env = Tau2RetailEnv(shop)
    kinds = {finding.kind for finding in audit_tasks([read_entry(lost)], env)}
    assert kinds == {"failing action", "dangling reference", "nothing to do"}
    unknown = entry("evaluation_criteria", "actions", to=[{"name": "think", "arguments": {"thought": "x"}}])
    assert flaws(shop, unknown)[0] == "action 0: Error: Tool 'think' not found."


@pytest.mark.anyio
async def test_a_task_may_begin_with_other_data_and_with_calls(shop: Tau2DB) -> None:
    state = {
        "initialization_data": {"agent_data": {"orders": {"#W2": {"status": "pending"}}, "users": {}}},
        "initialization_actions": [{"func_name": "cancel_pending_order", "arguments": {**CANCEL, "order_id": "#W3"}}],
    }
    given = entry("initial_state", to=state)
    given["evaluation_criteria"]["actions"] = [{**ACTION, "arguments": {**CANCEL, "order_id": "#W2"}}]
    task = read_entry(given)
    env = RetailEnv(shop, profile="tau2")
    await env.reset(task)
    assert '"status": "cancelled"' in (await env.call("get_order_details", {"order_id": "#W3"})).observation.text
    untouched = env.state_hash()
    assert not env.score().state
    await env.call("cancel_pending_order", {**CANCEL, "order_id": "#W2"})
    assert env.score().state
    assert env.state_hash() != untouched
    assert shop.orders["#W2"]["status"] == "delivered", "the shared world is as it was"
    assert (await rollout(RetailEnv(shop, profile="tau2"), OraclePolicy(), task)).outcome == "solved"


@pytest.mark.anyio
async def test_many_tasks_with_data_of_their_own_are_played_at_once(shop: Tau2DB) -> None:
    envs = [RetailEnv(shop, profile="tau2") for _ in range(50)]
    for number, env in enumerate(envs):
        data = {"users": {"ada_ito_1000": {"email": f"ada{number}@example.com"}}}
        await env.reset(read_entry(entry("initial_state", to={"initialization_data": {"agent_data": data}})))
    for number, env in enumerate(envs):
        found = await env.call("find_user_id_by_email", {"email": f"ada{number}@example.com"})
        assert found.observation.text == "ada_ito_1000"
        await env.call("cancel_pending_order", CANCEL)
        assert env.score().state


@pytest.mark.anyio
async def test_a_new_order_may_come_with_a_task(shop: Tau2DB) -> None:
    order = {**shop.orders["#W1"], "order_id": "#W77"}
    user = {"orders": [*shop.users["ada_ito_1000"]["orders"], "#W77"]}
    data = {"orders": {"#W77": order}, "users": {"ada_ito_1000": user}}
    given = entry("initial_state", to={"initialization_data": {"agent_data": data}})
    given["evaluation_criteria"]["actions"] = [{**ACTION, "arguments": {**CANCEL, "order_id": "#W77"}}]
    env = RetailEnv(shop, profile="tau2")
    await env.reset(read_entry(given))
    await env.call("cancel_pending_order", {**CANCEL, "order_id": "#W77"})
    assert env.score().state
    assert env.score().info()["expected_db_hash"] == env.state_hash()


HISTORY = [
    {"role": "assistant", "content": GREETING},
    {"role": "user", "content": "I am Ada."},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "name": ACTION["name"], "arguments": CANCEL}]},
    {"role": "tool", "id": "1", "content": "{}", "requestor": "assistant"},
    {"role": "assistant", "content": "It is cancelled, $32.55."},
]


@pytest.mark.anyio
@pytest.mark.parametrize("last", ["assistant", "user"])
async def test_a_conversation_goes_on_where_it_stood(shop: Tau2DB, last: str) -> None:
    history = [*HISTORY, {"role": "user", "content": "And now?"}] if last == "user" else HISTORY
    task = read_entry(entry("initial_state", to={"message_history": history}))
    heard: list[str] = []
    env = RetailEnv(shop, profile="tau2", user=Listening(heard))
    opening, _ = await env.reset(task)
    told = opening.text.splitlines()
    assert told[:2] == [f"Agent: {GREETING}", "Customer: I am Ada."]
    assert told[2].startswith("Tool cancel_pending_order(")
    assert told[3:] == ["Agent: It is cancelled, $32.55.", "Customer: And now?" if last == "user" else "Customer: 1"]
    assert heard == ([] if last == "user" else ["It is cancelled, $32.55."])
    assert env.state.orders["#W1"]["status"] == "cancelled"
    await env.step(Say("Bye."))
    assert heard[-1] == "Bye."
    score: Any = env.score()
    assert (score.told, score.actions) == (True, (True,)), "what was said and done before counts"


class Listening(ScriptedUser):
    """Notes what it hears, and answers with how much that was."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__()
        self._heard = heard

    def start(self, task: RetailTask, *, db: RetailDB, seed: int) -> UserSession:
        assert "Customer: I am Ada." in task.instruction
        return _Listening(self._heard)


class _Listening(UserSession):
    def __init__(self, heard: list[str]) -> None:
        self._heard = heard

    async def reply(self, line: str) -> str:
        self._heard.append(line)
        return str(len(self._heard))

    def fork(self) -> Self:
        return self


def test_a_file_is_read_task_by_task(shop: Tau2DB, tmp_path: Path) -> None:
    folder = folder_with(shop, tmp_path, ENTRY, 5, {**ENTRY, "id": "u"})
    kinds = [type(read).__name__ for read in read_tau2_tasks(folder / "tasks.json", shop)]
    assert kinds == ["Tau2Task", "DataFileError", "Tau2Task"]
