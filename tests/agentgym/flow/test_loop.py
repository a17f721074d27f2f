"""The loop in an environment: turn by turn, its budgets, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentgym import Conversation, Episode, Limits, OraclePolicy, Policy, ScriptedPolicy, ToolCall, Turn, Usage, rollout
from agentgym.errors import UsageError
from agentgym.flow.policy import AgentFlowPolicy
from agentgym.flow.types import AgentFlowTrace
from agentgym.policy import Context, Session
from agentgym.testing import virtual_backend

GOLDEN = Path(__file__).with_name("golden.json")
Wishes = Callable[..., Any]

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Hours pass in no time."""
    return virtual_backend(str(request.param))


def look(book: str, **notes: str) -> Turn:
    return Turn(json.dumps(notes) if notes else "", (ToolCall("look", {"book": book}),), usage=Usage(10, 2, calls=1))


def says(**fields: Any) -> Turn:
    return Turn(json.dumps(fields), usage=Usage(5, 1, calls=1))


CONTINUE = says(status="continue", analysis="found")
STOP = says(status="stop", analysis="all is known", memory_sufficient=True)
ANSWER = says(answer="It is on shelf 7.", confidence=0.9, evidence=[1, 99])


def agent(
    planner: Iterable[Turn | str],
    *,
    verifier: Iterable[Turn | str] = (),
    generator: Iterable[Turn | str] = (),
    traces: list[AgentFlowTrace] | None = None,
    **options: Any,
) -> AgentFlowPolicy:
    roles: dict[str, Policy] = {"verifier": ScriptedPolicy(verifier), "generator": ScriptedPolicy(generator)}
    told = None if traces is None else traces.append
    return AgentFlowPolicy(ScriptedPolicy(planner), roles=roles, on_trace=told, **options)


def roles(episode: Episode) -> list[tuple[str, int]]:
    return [(call.role, call.turn) for call in episode.model_calls()]


async def test_three_turns_as_they_have_always_been(library: Any, wish: Wishes) -> None:
    """The file is what a trace looks like; it is written anew only where the loop is meant to change."""
    traces: list[AgentFlowTrace] = []
    policy = agent(
        [
            look("b2", analysis="the reader wants b1", sub_goal="find the shelf", context="book b2"),
            look("b1", analysis="it was b1", sub_goal="find the shelf", context="book b1", expected="a shelf"),
        ],
        verifier=[STOP],
        generator=[ANSWER],
        traces=traces,
    )
    episode = await rollout(library, policy, wish(), seed=1)
    assert episode.solved
    assert roles(episode) == [("planner", 1), ("planner", 2), ("verifier", 2), ("generator", 3)]
    found = json.loads(json.dumps(_plain(traces[0]), default=str))
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


def _plain(trace: AgentFlowTrace) -> dict[str, Any]:
    told = asdict(trace)
    told["records"] = told.pop("memory")["records"]
    for call in told["llm_calls"]:
        call["messages"] = [message["role"] for message in call["messages"]]  # the words are in prompts.md
    for record in told["records"]:
        del record["started_at"], record["elapsed_s"]
        for result in record["execution"]["results"]:
            del result["latency_s"]
    return told


async def test_every_call_is_kept_with_its_role_and_the_turn_holds_their_sum(library: Any, wish: Wishes) -> None:
    policy = agent([look("b1")], verifier=[STOP], generator=[ANSWER])
    episode = await rollout(library, policy, wish())
    turns = [record.turn for record in episode.turns]
    assert [turn.role for turn in turns] == ["planner", "generator"]
    assert [[call.role for call in turn.calls] for turn in turns] == [["planner"], ["verifier", "generator"]]
    assert [turn.usage for turn in turns] == [Usage(10, 2, calls=1), Usage(10, 2, calls=2)]
    assert episode.usage == Usage(20, 4, calls=3)
    assert [call.reply.usage.tokens for call in episode.model_calls({"planner"})] == [12]
    assert Episode.from_json(episode.to_json()) == episode


async def test_the_verdict_is_told_to_the_planner(library: Any, wish: Wishes) -> None:
    verdict = says(status="replan", analysis="not asked for", hint="tell the reader", unmet=["the shelf"])
    episode = await rollout(library, agent([look("b1"), look("b1")], verifier=[verdict, CONTINUE]), wish())
    prompt = list(episode.model_calls({"planner"}))[1].messages[-1].content
    assert "Last verdict: replan" in prompt
    assert "Hint: tell the reader" in prompt
    assert 'Do not make this call again: look({"book":"b1"})' in prompt


async def test_a_rule_speaks_before_any_model_is_asked(library: Any, wish: Wishes) -> None:
    traces: list[AgentFlowTrace] = []
    await rollout(library, agent([look("b2"), look("b1")], verifier=[STOP], generator=[ANSWER], traces=traces), wish())
    verdicts = [record.verdict for record in traces[0].records]
    assert [verdict and (verdict.status, verdict.source) for verdict in verdicts] == [
        ("replan", "rule"),
        ("stop", "llm"),
        None,
    ]
    assert [call.turn for call in traces[0].llm_calls if call.role == "verifier"] == [2]


@pytest.mark.parametrize("garbage", ["STOP! stop the loop", '{"status": "halt"}', "", '{"status": "stop"'])
async def test_a_verdict_that_cannot_be_read_means_go_on(library: Any, wish: Wishes, garbage: str) -> None:
    traces: list[AgentFlowTrace] = []
    policy = agent([look("b1"), "..."], verifier=[garbage] * 9, traces=traces)
    episode = await rollout(library, policy, wish(), limits=Limits(turns=2))
    assert traces[0].records[0].verdict is not None
    assert (traces[0].records[0].verdict.status, traces[0].records[0].verdict.source) == ("continue", "fallback")
    assert [role for role, _ in roles(episode)].count("verifier") == 3, "asked again twice"


async def test_who_is_asked_again_is_told_what_was_wrong(library: Any, wish: Wishes) -> None:
    policy = agent([look("b1")], verifier=['{"status": "halt"}', STOP], generator=[ANSWER])
    episode = await rollout(library, policy, wish())
    assert episode.solved
    asked = list(episode.model_calls({"verifier"}))[1].messages
    assert [message.role for message in asked] == ["system", "user", "assistant", "user"]
    assert "status" in asked[-1].content


async def test_a_call_that_is_wrong_is_answered_as_a_call(library: Any, wish: Wishes) -> None:
    wrong = Turn(tool_calls=(ToolCall("verdict", {"status": "halt"}),))
    right = Turn(tool_calls=(ToolCall("verdict", {"status": "stop"}),))
    episode = await rollout(library, agent([look("b1")], verifier=[wrong, right], generator=[ANSWER]), wish())
    asked = list(episode.model_calls({"verifier"}))[1].messages
    assert asked[-1].role == "tool"
    assert asked[-1].tool_call_id == asked[-2].tool_calls[0].id != ""


@pytest.mark.parametrize(("said", "goes_on"), [("true", False), ("false", True), ('{"status": true}', False)])
async def test_a_verifier_may_know_yes_and_no_only(library: Any, wish: Wishes, said: str, goes_on: bool) -> None:
    policy = agent([look("b1"), look("b1")], verifier=[said], generator=[ANSWER])
    episode = await rollout(library, policy, wish(), limits=Limits(turns=2))
    assert [record.turn.role for record in episode.turns][1] == ("planner" if goes_on else "generator")


async def test_a_stop_for_want_of_hope_needs_a_reason(library: Any, wish: Wishes) -> None:
    traces: list[AgentFlowTrace] = []
    hopeless = says(status="stop", memory_sufficient=False, issues=["the book is lost"])
    policy = agent(
        [look("b1")],
        verifier=[says(status="stop", memory_sufficient=False), hopeless],
        generator=[says(answer="It is lost.", confidence=0.2)],
        traces=traces,
    )
    episode = await rollout(library, policy, wish())
    assert episode.outcome == "failed"
    assert traces[0].output.stop_reason == "escalated"
    prompt = next(episode.model_calls({"generator"})).messages[-1].content
    assert "the book is lost" in prompt


@pytest.mark.parametrize(
    "said",
    [
        '{"calls": [{"name": "look", "arguments": {"book": "b1"}}], "sub_goal": "find"}',
        '```json\n{"calls": [{"name": "look", "arguments": {"book": "b1"}}]}\n```',
        'I look it up: {"name": "look", "arguments": {"book": "b1"}}',
    ],
)
async def test_a_plan_may_be_text(library: Any, wish: Wishes, said: str) -> None:
    episode = await rollout(library, agent([said], verifier=[STOP], generator=[ANSWER]), wish())
    assert episode.solved
    assert episode.turns[0].turn.tool_calls[0].arguments == {"book": "b1"}


async def test_a_planner_without_a_plan_asks_the_user(library: Any, wish: Wishes) -> None:
    policy = agent(["I will look.", "Soon.", "Really."])
    episode = await rollout(library, policy, wish("go on", "bye"), limits=Limits(turns=1))
    assert len(episode.turns[0].turn.calls) == 3
    assert library.heard == [episode.turns[0].turn.text]
    assert "Could you" in episode.turns[0].turn.text


async def test_words_to_the_user_are_a_tool(library: Any, wish: Wishes) -> None:
    tell = Turn(tool_calls=(ToolCall("respond", {"content": "It is on shelf 7."}),))
    traces: list[AgentFlowTrace] = []
    episode = await rollout(library, agent([look("b1"), tell], verifier=[CONTINUE] * 2, traces=traces), wish())
    assert episode.solved
    assert library.heard == ["It is on shelf 7."]
    assert not episode.turns[1].turn.tool_calls
    last = traces[0].records[-1]
    assert (last.plan.calls[0].name, last.execution.observation) == ("respond", "Thank you.")
    assert last.execution.terminated
    assert (traces[0].output.stop_reason, traces[0].output.confidence) == ("env_terminated", 0.0)


async def test_words_and_calls_do_not_go_together(library: Any, wish: Wishes) -> None:
    both = Turn(tool_calls=(ToolCall("respond", {"content": "a"}), ToolCall("look", {"book": "b1"})))
    policy = agent([both, look("b1")], verifier=[STOP], generator=[ANSWER], max_calls_per_turn=2)
    episode = await rollout(library, policy, wish())
    assert episode.solved
    assert "stands alone" in list(episode.model_calls({"planner"}))[1].messages[-1].content


async def test_no_more_calls_a_turn_than_allowed(library: Any, wish: Wishes) -> None:
    two = Turn(tool_calls=(ToolCall("look", {"book": "b1"}), ToolCall("look", {"book": "b2"})))
    for most in (1, 2):
        policy = agent([two], verifier=[STOP], generator=[ANSWER], max_calls_per_turn=most)
        episode = await rollout(type(library)(), policy, wish())
        assert len(episode.turns[0].turn.tool_calls) == most


async def test_after_the_answer_the_loop_goes_on_with_the_same_memory(library: Any, wish: Wishes) -> None:
    policy = agent([look("b1"), look("b1")], verifier=[STOP, STOP], generator=[ANSWER, ANSWER])
    episode = await rollout(library, policy, wish("Are you sure?", "Thank you."))
    assert episode.solved
    assert [record.turn.role for record in episode.turns] == ["planner", "generator", "planner", "generator"]
    prompt = list(episode.model_calls({"planner"}))[1].messages[-1].content
    assert "shelf 7 holds b1" in prompt
    assert "Are you sure?" in prompt


async def test_the_replan_budget(library: Any, wish: Wishes) -> None:
    traces: list[AgentFlowTrace] = []
    replan = says(status="replan", hint="no")
    books = [look("b1")] * 2
    policy = agent([*books, look("b2"), look("b3"), look("b4")], verifier=[replan] * 9, traces=traces)
    await rollout(library, policy, wish(), limits=Limits(turns=5))
    verdicts = [record.verdict.status for record in traces[0].records if record.verdict is not None]
    assert verdicts == ["replan", "replan", "continue", "replan"]


async def test_the_loop_guard(library: Any, wish: Wishes) -> None:
    traces: list[AgentFlowTrace] = []
    policy = agent([look("b1")] * 4, verifier=[CONTINUE] * 9, traces=traces)
    await rollout(library, policy, wish(), limits=Limits(turns=4))
    verdicts = [record.verdict for record in traces[0].records if record.verdict is not None]
    assert [(verdict.status, verdict.source) for verdict in verdicts] == [
        ("continue", "llm"),
        ("continue", "llm"),
        ("replan", "rule"),
    ]


async def test_the_turns_of_its_own(library: Any, wish: Wishes) -> None:
    traces: list[AgentFlowTrace] = []
    policy = agent([look("b1")] * 5, verifier=[CONTINUE] * 5, generator=[ANSWER], max_turns=2, traces=traces)
    episode = await rollout(library, policy, wish())
    assert episode.solved
    assert [record.turn.role for record in episode.turns] == ["planner", "planner", "generator"]
    assert traces[0].output.stop_reason == "max_turns"
    assert traces[0].output.evidence == (1,)
    prompts = [call.messages[-1].content for call in episode.model_calls({"planner"})]
    assert ["Turns left: 1" in prompts[0], "Turns left: 0" in prompts[1]] == [True, True]


async def test_a_generator_that_cannot_answer_gives_the_last_output(library: Any, wish: Wishes) -> None:
    traces: list[AgentFlowTrace] = []
    policy = agent([look("b1")], verifier=[STOP], generator=["hm"] * 3, traces=traces)
    episode = await rollout(library, policy, wish())
    assert library.heard == ["shelf 7 holds b1"]
    assert traces[0].output.confidence == 0.0
    assert roles(episode)[-3:] == [("generator", 2)] * 3


class Slow(Policy):
    """Looks, and then thinks for ever."""

    def __init__(self) -> None:
        self.cancelled = 0

    def start(self, context: Context) -> Session:
        return _SlowSession(self)


class _SlowSession(Session):
    def __init__(self, policy: Slow) -> None:
        self._policy = policy
        self._made = 0

    async def act(self, conversation: Conversation) -> Turn:
        self._made += 1
        if self._made == 1:
            return look("b1")
        try:
            await anyio.sleep(10_000)
        except BaseException:
            self._policy.cancelled += 1
            raise
        raise AssertionError("nobody waits so long")


async def test_time_that_runs_out_is_remembered_and_the_generator_speaks(library: Any, wish: Wishes) -> None:
    traces: list[AgentFlowTrace] = []
    slow = Slow()
    others: dict[str, Policy] = {"verifier": ScriptedPolicy([CONTINUE]), "generator": ScriptedPolicy([ANSWER])}
    policy = AgentFlowPolicy(slow, roles=others, max_time_s=60, on_trace=traces.append)
    began = anyio.current_time()
    episode = await rollout(library, policy, wish())
    assert anyio.current_time() - began == pytest.approx(60, abs=1)
    assert episode.solved
    assert slow.cancelled == 1
    assert traces[0].output.stop_reason == "max_time"
    cut = traces[0].records[1].execution.results[0]
    assert (cut.error_type, cut.ok) == ("timeout", False)
    assert roles(episode) == [("planner", 1), ("verifier", 1), ("generator", 2)]


async def test_a_generator_that_hangs_too_does_not_hold_the_answer_up(library: Any, wish: Wishes) -> None:
    policy = AgentFlowPolicy(Slow(), roles={"verifier": ScriptedPolicy([CONTINUE])}, max_time_s=60)
    began = anyio.current_time()
    await rollout(library, policy, wish())
    assert anyio.current_time() - began == pytest.approx(90, abs=1)
    assert library.heard == ["shelf 7 holds b1"]


async def test_who_cancels_the_episode_is_obeyed(library: Any, wish: Wishes) -> None:
    slow = Slow()
    others: dict[str, Policy] = {"verifier": ScriptedPolicy([CONTINUE]), "generator": ScriptedPolicy([ANSWER])}
    with anyio.move_on_after(10) as scope:
        await rollout(library, AgentFlowPolicy(slow, roles=others), wish())
    assert scope.cancelled_caught
    assert (slow.cancelled, library.heard) == (1, [])


async def test_the_episodes_own_limit_comes_first(library: Any, wish: Wishes) -> None:
    policy = AgentFlowPolicy(Slow(), roles={"verifier": ScriptedPolicy([CONTINUE])})
    episode = await rollout(library, policy, wish(), limits=Limits(seconds=20))
    assert (episode.outcome, episode.limit, library.heard) == ("truncated", "time", [])


async def test_the_executor_may_be_a_model(library: Any, wish: Wishes) -> None:
    executor = ScriptedPolicy(
        [
            Turn(tool_calls=(ToolCall("think", {}),)),
            '{"shelf": "b1"}',
            '{"book": "b1"}',
        ]
    )
    others: dict[str, Policy] = {
        "executor": executor,
        "verifier": ScriptedPolicy([STOP]),
        "generator": ScriptedPolicy([ANSWER]),
    }
    episode = await rollout(library, AgentFlowPolicy(ScriptedPolicy([look("b9")]), roles=others), wish())
    assert episode.solved
    assert episode.turns[0].turn.tool_calls[0].arguments == {"book": "b1"}
    asked = list(episode.model_calls({"executor"}))
    assert "the tool is look, not think" in asked[1].messages[-1].content
    assert "is missing" in asked[2].messages[-1].content


async def test_an_executor_that_fails_leaves_the_planners_arguments(library: Any, wish: Wishes) -> None:
    others: dict[str, Policy] = {
        "executor": ScriptedPolicy(["hm"] * 3),
        "verifier": ScriptedPolicy([STOP]),
        "generator": ScriptedPolicy([ANSWER]),
    }
    episode = await rollout(library, AgentFlowPolicy(ScriptedPolicy([look("b1")]), roles=others), wish())
    assert episode.solved


async def test_a_policy_that_knows_is_played_as_it_is(library: Any, wish: Wishes) -> None:
    policy = AgentFlowPolicy(OraclePolicy(), roles={"verifier": ScriptedPolicy([CONTINUE] * 9)})
    episode = await rollout(library, policy, wish("And?", "Thank you."))
    assert episode.solved
    assert len(episode.turns) == 3
    assert all(call.messages == () for call in episode.model_calls({"planner"}))


class _Spy(Policy):
    """Writes down what it is told in the beginning, and stops."""

    def __init__(self) -> None:
        self.contexts: list[Context] = []

    def start(self, context: Context) -> Session:
        self.contexts.append(context)
        return ScriptedPolicy([STOP]).start(context)


async def test_nobody_but_the_oracle_sees_the_reference(library: Any, wish: Wishes) -> None:
    spies: dict[str, Policy] = {"verifier": _Spy(), "generator": _Spy(), "executor": _Spy()}
    traces: list[AgentFlowTrace] = []
    oracle = AgentFlowPolicy(OraclePolicy(), roles=spies, on_trace=traces.append)
    assert oracle.reads_reference
    assert not AgentFlowPolicy(ScriptedPolicy([])).reads_reference
    assert not AgentFlowPolicy.reads_reference
    await rollout(library, oracle, wish())
    contexts = [spy.contexts[0] for spy in spies.values() if isinstance(spy, _Spy)]
    assert [context.reference for context in contexts] == [None] * 3
    knowledge = traces[0].memory.knowledge
    assert not any("reference" in name or "task" in name for name in type(knowledge).__dataclass_fields__)
    assert "shelf 7" not in repr(knowledge)


async def test_an_oracle_may_only_plan() -> None:
    with pytest.raises(UsageError, match="must not see the reference"):
        AgentFlowPolicy(ScriptedPolicy([]), roles={"verifier": OraclePolicy()})


@pytest.mark.parametrize(
    "options",
    [
        {"max_turns": 0},
        {"max_turns": True},
        {"max_replans": -1},
        {"max_calls_per_turn": None},
        {"max_time_s": 0},
        {"max_time_s": float("nan")},
        {"executor": "fast"},
        {"roles": {"verifer": ScriptedPolicy([])}},
        {"roles": {"planner": ScriptedPolicy([])}},
        {"executor": "llm", "prompted": False},
        {"executor": "direct", "roles": {"executor": ScriptedPolicy([])}},
    ],
)
async def test_wrong_settings_are_refused(options: Any) -> None:
    with pytest.raises(UsageError):
        AgentFlowPolicy(ScriptedPolicy([]), **options)


async def test_a_broken_role_makes_the_episode_not_evaluable(library: Any, wish: Wishes) -> None:
    class Broken(Policy):
        def start(self, context: Context) -> Session:
            return _BrokenSession()

    policy = AgentFlowPolicy(ScriptedPolicy([look("b1")]), roles={"verifier": Broken()})
    episode = await rollout(library, policy, wish())
    assert episode.outcome == "not_evaluable"
    assert episode.cause is not None
    assert episode.cause.boundary == "policy"


class _BrokenSession(Session):
    async def act(self, conversation: Conversation) -> Turn:
        raise RuntimeError("out of order")
