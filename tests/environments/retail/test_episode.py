"""Whole episodes: who speaks, what ends them, and what they score."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any, Self

import pytest

from agentgym import OraclePolicy, ScriptedPolicy, ToolCall, ToolError, Turn, rollout
from agentgym.errors import EpisodeStateError, InvalidActionError, UnknownNameError, UsageError, UserFault
from agentgym.testing import check_env
from agentgym.tools import Say
from environments.retail.database import RetailDB
from environments.retail.desk import TERMINAL, WRITES
from environments.retail.env import Profile, RetailEnv
from environments.retail.observations import CallError, ToolResult, UserLine
from environments.retail.task import RetailTask
from environments.retail.typed import TypedRetailEnv
from environments.retail.users.scripted import ScriptedUser
from environments.retail.users.user import GREETING, STOP, User, UserSession

pytestmark = pytest.mark.anyio
CANCEL = {"order_id": "#W1", "reason": "no longer needed"}
PROFILES: tuple[Profile, ...] = ("compat", "typed")


def task(*actions: tuple[str, dict[str, Any]], outputs: Sequence[str] = ()) -> RetailTask:
    listed = [{"name": name, "kwargs": kwargs} for name, kwargs in actions]
    return RetailTask(id="t", user_id="ada_ito_1000", instruction="You are Ada.", actions=listed, outputs=outputs)


async def test_a_conversation_goes_to_its_end(db: RetailDB) -> None:
    env = RetailEnv(db, user=["Cancel #W1.", "Yes."])
    opening, _ = await env.reset(task(("cancel_pending_order", CANCEL)), seed=1)
    assert opening == UserLine(text="You are Ada.")
    assert (await env.step(Say("What can I do?"))).observation == UserLine(text="Cancel #W1.")
    looked = (await env.call("get_order_details", {"order_id": "#W1"})).observation
    assert isinstance(looked, ToolResult)
    assert (looked.tool, looked.changed, looked.failed) == ("get_order_details", False, False)
    await env.step(Say("Cancel #W1, no longer needed: yes or no?"))
    done = (await env.step(RetailEnv.cancel_pending_order.action(**CANCEL))).observation
    assert isinstance(done, ToolResult)
    assert (done.changed, done.failed) == (True, False)
    again = (await env.call("cancel_pending_order", CANCEL)).observation
    assert again == ToolResult(
        text="Error: non-pending order cannot be cancelled", tool="cancel_pending_order", failed=True
    )
    step = await env.call("respond", {"content": "Done."})
    assert (step.observation.text, step.reward, step.terminated, env.solved) == (STOP, 1.0, True, True)
    assert verdicts(env) == {"reward": 1.0, "state": 1.0, "outputs": 1.0}
    assert env.reward == 1.0


def verdicts(env: RetailEnv) -> dict[str, float]:
    return {name: env.reward_terms[name].value for name in ("reward", "state", "outputs")}


@pytest.mark.parametrize("profile", PROFILES)
async def test_both_verdicts_are_told_apart(db: RetailDB, profile: Profile) -> None:
    wanted = task(("cancel_pending_order", CANCEL), outputs=["32.55", "1,000"])
    for acts, says, state, told in (
        (True, "$32.55 and 1000", 1.0, 0.0),
        (False, "$32.55", 0.0, 0.0),
        (True, "nothing", 1.0, 0.0),
    ):
        env = RetailEnv(db, profile=profile)
        await env.reset(wanted)
        if acts:
            await env.call("cancel_pending_order", CANCEL)
        await env.step(Say(says))
        assert verdicts(env) == {"reward": 0.0, "state": state, "outputs": told}
    strict = RetailEnv(db, profile=profile, strict_outputs=True)
    await strict.reset(wanted)
    await strict.call("cancel_pending_order", CANCEL)
    await strict.step(Say("$32.55 of $1,000."))
    assert strict.solved


async def test_strict_outputs_are_whole_words(db: RetailDB) -> None:
    for strict, solved in ((False, True), (True, False)):
        env = RetailEnv(db, strict_outputs=strict)
        await env.reset(task(outputs=["10"]))
        await env.step(Say("2104 of them"))
        assert env.solved == solved


@pytest.mark.parametrize(
    ("acts", "outputs", "says", "solved"),
    [
        (True, ["32.55", "Order #W1 is cancelled."], "$32.55", True),
        (True, ["32.55"], "It is 32.5", False),
        (True, ["1,032"], "1032 in all", True),
        (True, ["blue  Mug"], "a Blue mug", True),
        (False, ["32.55"], "$32.55", False),
        (None, ["Order #W1 is pending and costs $32.55."], "#W1: pending, 32.550", True),
        (None, ["Order #W1 is pending and costs $32.55."], "#W1: pending", False),
        (None, ["Order #W1 is pending and costs $32.55."], "#W11: pending, 32.55", False),
        (None, ["We have three mugs and one cap."], "We have three mugs, and a cap.", True),
        (None, ["We have three mugs and one cap."], "Hello.", False),
        (None, ["一共是32.55元\N{IDEOGRAPHIC FULL STOP}"], "总额为 32.55 元", True),
        (None, ["一共是32.55元\N{IDEOGRAPHIC FULL STOP}"], "总额为 132.55 元", False),
    ],
)
async def test_facts_are_judged_by_their_own_rule(
    db: RetailDB, acts: bool | None, outputs: list[str], says: str, solved: bool
) -> None:
    """After a change only plain values must be told; without one, everything."""
    env = RetailEnv(db, scoring="facts", profile="typed")
    await env.reset(task(*([] if acts is None else [("cancel_pending_order", CANCEL)]), outputs=outputs))
    if acts:
        await env.call("cancel_pending_order", CANCEL)
    await env.step(Say(says))
    assert env.solved == solved


async def test_doing_nothing_scores_nothing_and_the_oracle_everything(db: RetailDB) -> None:
    wanted = task(("cancel_pending_order", CANCEL), outputs=["32.55"])
    for profile in PROFILES:
        idle = await rollout(RetailEnv(db, profile=profile), ScriptedPolicy([Turn("Hello.")]), wanted)
        assert (idle.outcome, idle.reward) == ("failed", 0.0)
        assert (await rollout(RetailEnv(db, profile=profile), OraclePolicy(), wanted)).outcome == "solved"


async def test_the_oracle_tells_before_it_hands_over(db: RetailDB) -> None:
    wanted = task(("transfer_to_human_agents", {"summary": "s"}), ("cancel_pending_order", CANCEL), outputs=["x"])
    episode = await rollout(RetailEnv(db, user=["go on"]), OraclePolicy(), wanted)
    assert episode.outcome == "solved"


async def test_turns_that_run_out_score_nothing(db: RetailDB) -> None:
    env = RetailEnv(db, user=["more"] * 40)
    await env.reset(task(("cancel_pending_order", CANCEL)))
    await env.call("cancel_pending_order", CANCEL)
    for _ in range(29):
        step = await env.step(Say("Anything else?"))
    assert (step.truncated, step.terminated, env.reward) == (True, False, 0.0)


async def test_scoring_touches_nothing(db: RetailDB) -> None:
    env = RetailEnv(db)
    await env.reset(task(("cancel_pending_order", CANCEL), ("cancel_pending_order", {**CANCEL, "order_id": "#W3"})))
    await env.call("cancel_pending_order", CANCEL)
    before = env.state_hash()
    first, second = env.score(), env.score()
    assert (first.reward, second.reward, env.state_hash()) == (0.0, 0.0, before)
    assert first.info()["gt_data_hash"] != before
    await env.call("cancel_pending_order", {**CANCEL, "order_id": "#W3"})
    assert env.score().info()["gt_data_hash"] == env.state_hash()
    assert env.score().solved


async def test_forks_go_their_own_way(db: RetailDB) -> None:
    env = RetailEnv(db, user=["first", "second"])
    await env.reset(task(("cancel_pending_order", CANCEL), outputs=["abc"]), seed=3)
    await env.step(Say("one"))
    twin = env.fork()
    assert twin.db is env.db
    await twin.call("cancel_pending_order", CANCEL)
    assert twin.state_hash() != env.state_hash()
    assert (await twin.step(Say("abc"))).observation.text == "second"
    assert (await env.step(Say("two"))).observation.text == "second"
    await twin.step(Say("bye"))
    await env.step(Say("bye"))
    assert (twin.reward, env.reward) == (1.0, 0.0)


async def test_compat_takes_arguments_as_they_are(db: RetailDB) -> None:
    env = RetailEnv(db)
    await env.reset(task())
    address = {"address1": "1", "address2": "", "city": "Oslo", "state": "CA", "country": "USA", "zip": 94110}
    seen = (await env.call("modify_user_address", {"user_id": "ada_ito_1000", **address})).observation
    assert isinstance(seen, CallError)
    assert (seen.kind, seen.changed, '"zip": 94110}' in seen.text) == ("invalid_arguments", True, True)
    found = await env.call("find_user_id_by_name_zip", {"first_name": "ADA", "last_name": "ito", "zip": 94110})
    assert found.observation.text == "ada_ito_1000"
    for text in ('{"user_id": "no", "user_id": "ada_ito_1000"}', '{"user_id": "ada_ito_1000"}'):
        assert (await env.call("get_user_details", text)).observation.text.startswith('{"name"')
    for name, arguments in (
        ("modify_user_address", "{"),
        ("modify_user_address", "[]"),
        ("modify_user_address", {"user_id": "ada_ito_1000", **address, "zip": nested(400)}),
        ("cancel_pending_order", {"order_id": "#W1"}),
        ("cancel_pending_order", {**CANCEL, "user_id": "ada_ito_1000"}),
        ("cancel_pending_order", {**CANCEL, "desk": 1}),
        ("respond", {"content": 5}),
    ):
        before = env.state_hash()
        seen = (await env.call(name, arguments)).observation
        assert isinstance(seen, CallError)
        assert seen.text.startswith(("Error: ", "Unknown action respond"))
        assert env.state_hash() == before
    assert (await env.call("nothing", {})).observation.text == "Unknown action nothing"


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


async def test_bad_calls_can_be_done_again_from_their_record(db: RetailDB) -> None:
    address = {"address1": float("nan"), "address2": "\ud83d", "city": [], "state": {}, "country": 10**30, "zip": None}
    env, other = RetailEnv(db), RetailEnv(db)
    await env.reset(task())
    await other.reset(task())
    untouched = env.state_hash()
    action = env.parse_call(ToolCall("modify_user_address", {"user_id": "ada_ito_1000", **address}))
    await env.step(action)
    await other.step(other.load_action(env.dump_action(action)))
    assert env.state_hash() == other.state_hash() != untouched


async def test_transfer_ends_whatever_it_is_passed(db: RetailDB) -> None:
    for profile, ends in (("compat", True), ("typed", False)):
        env = make_env(db, profile)
        await env.reset(task())
        assert (await env.call("transfer_to_human_agents", {})).terminated == ends


def make_env(db: RetailDB, profile: Any) -> RetailEnv:
    return RetailEnv(db, profile=profile)


async def test_typed_refuses_before_it_looks(db: RetailDB) -> None:
    env = RetailEnv(db, profile="typed")
    assert isinstance(env, TypedRetailEnv)
    await env.reset(task())
    seen = (await env.call("get_user_details", {"user_id": 5})).observation
    assert isinstance(seen, ToolError)
    assert seen.text.startswith("Error: get_user_details: user_id: ")
    surrogate = (await env.call("get_user_details", {"user_id": "\ud83d"})).observation
    assert surrogate.text == "Error: user not found", "it fits the schema, though no validator takes it"


async def test_typed_order_tools_take_their_owner(db: RetailDB) -> None:
    env = RetailEnv(db, profile="typed")
    wanted = task(("cancel_pending_order", {"user_id": "ada_ito_1000", "order_id": "#W1"}))
    await env.reset(wanted)
    other = await env.call("get_order_details", {"order_id": "#W1", "user_id": "ben_ray_2000"})
    assert other.observation.text.startswith("Error: user_id: ")
    await env.call("cancel_pending_order", {**CANCEL, "user_id": "ben_ray_2000"})
    assert not env.score().state
    own = await env.call("get_order_details", {"order_id": "#W1", "user_id": "ada_ito_1000"})
    assert own.observation.text == db.text("orders", "#W1")
    await env.step(RetailEnv.cancel_pending_order.action(**CANCEL))
    assert env.score().state, "the reference gives no reason, so any will do"
    await env.reset(wanted)
    await env.call("cancel_pending_order", {"order_id": "#W1"})
    assert env.state.orders["#W1"]["cancel_reason"] is None
    assert env.score().state
    await env.reset(task(("cancel_pending_order", CANCEL)))
    await env.call("cancel_pending_order", {"order_id": "#W1"})
    assert not env.score().state, "the reference gives a reason"


async def test_typed_actions_leave_out_what_was_not_given(db: RetailDB) -> None:
    env = RetailEnv(db, profile="typed")
    action = TypedRetailEnv.cancel_pending_order.action(**CANCEL)
    assert env.dump_action(action)["arguments"] == CANCEL
    assert env.compose(action).tool_calls[0].arguments == CANCEL
    assert env.load_action(env.dump_action(action)) == action
    assert pickle.loads(pickle.dumps(action)) == action
    with pytest.raises(InvalidActionError):
        RetailEnv.cancel_pending_order.action(order_id=5, reason="x")  # type: ignore[arg-type]


async def test_lookups_of_one_turn_keep_their_order(db: RetailDB) -> None:
    calls = [ToolCall("get_order_details", {"order_id": order_id}) for order_id in ("#W1", "#W2", "#W3")]
    wanted = task(*((call.name, call.arguments) for call in calls))
    for profile in PROFILES:
        env = RetailEnv(db, profile=profile)
        assert {name for name, found in env.tools.items() if found.readonly} == set(env.tools) - WRITES - {TERMINAL}
        await env.reset(wanted)
        await env.take(env.parse(Turn(tool_calls=tuple(calls))))
        assert env.conduct().exact


async def test_the_profiles_have_schemas_of_their_own(db: RetailDB) -> None:
    compat, typed = ({spec.name: spec.parameters for spec in make_env(db, name).tool_specs()} for name in PROFILES)
    assert compat.keys() == typed.keys()
    assert len(compat) == 16
    differing = {name for name in compat if compat[name] != typed[name]}
    assert differing == {name for name in compat if "order_id" in str(compat[name]["properties"])}
    assert typed["cancel_pending_order"]["required"] == ["order_id"]


class Broken(User):
    def start(self, task: RetailTask, *, db: RetailDB, seed: int) -> UserSession:
        return BrokenSession()


class BrokenSession(UserSession):
    async def reply(self, line: str) -> str:
        if line == GREETING:
            return "Hello."
        raise OSError("the line is dead")

    def fork(self) -> Self:
        return self


async def test_a_broken_user_is_no_fault_of_the_agent(db: RetailDB) -> None:
    env = RetailEnv(db, user=Broken())
    await env.reset(task())
    with pytest.raises(UserFault, match="the line is dead"):
        await env.step(Say("Hi"))
    episode = await rollout(RetailEnv(db, user=Broken()), ScriptedPolicy([Turn("Hi")]), task())
    assert episode.outcome == "not_evaluable"
    assert episode.cause is not None
    assert episode.cause.boundary == "user"


async def test_an_opening_may_be_given(db: RetailDB) -> None:
    env = RetailEnv(db, user=ScriptedUser(opening="I want my money back."))
    assert (await env.reset(task())).observation.text == "I want my money back."


async def test_wrong_settings_say_what_to_do(db: RetailDB) -> None:
    with pytest.raises(UsageError, match="profile='tau'"):
        make_env(db, "tau")
    with pytest.raises(UsageError, match="scoring='x'"):
        RetailEnv(db, scoring="x")  # type: ignore[arg-type]
    for switch in ("fixed_refunds", "strict_outputs", "skip_flawed"):
        settings: Any = {switch: "false"}
        with pytest.raises(UsageError, match=f"{switch}='false': give true or false"):
            RetailEnv(db, **settings)
    with pytest.raises(UnknownNameError, match="did you mean 'scripted'"):
        RetailEnv(db, user="script")
    with pytest.raises(EpisodeStateError, match="reset"):
        RetailEnv(db).state_hash()
    with pytest.raises(EpisodeStateError, match="reset"):
        RetailEnv(db).score()

    class Mine(RetailEnv, id="mine"):
        pass

    with pytest.raises(UsageError, match="TypedRetailEnv"):
        Mine(db, profile="typed")


async def test_the_contract_is_kept(db: RetailDB, anyio_backend: str) -> None:
    wanted = [task(("cancel_pending_order", CANCEL)), task(outputs=["32.55"]).model_copy(update={"id": "u"})]
    report = await check_env(
        lambda: RetailEnv(db, profile="typed"), tasks=wanted, seeds=2, instances=5, max_block_ms=100, timeout_s=600
    )
    assert report.ok, str(report)
