"""Customers whose words a policy finds: how lines come about, what they cost, and whose fault it is when they fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentgym import Job, OpenAIPolicy, Policy, ScriptedPolicy, ToolCall, Turn, rollout, run
from agentgym.episode import Episode
from agentgym.errors import UsageError
from agentgym.messages import Conversation, Usage
from agentgym.policy import Context, Session
from agentgym.testing import ChatRequest, FakeEndpoint, FakeReply, context_too_long
from agentgym.tools import Say
from environments.retail.database import RetailDB
from environments.retail.env import RetailEnv
from environments.retail.task import RetailTask
from environments.retail.users.costs import user_costs
from environments.retail.users.llm import LlmUser
from environments.retail.users.react import ReactUser
from environments.retail.users.reflection import ReflectionUser
from environments.retail.users.user import STOP
from environments.retail.users.verify import VerifyUser

pytestmark = pytest.mark.anyio
CANCEL = {"order_id": "#W1", "reason": "no longer needed"}
TASK = RetailTask(
    id="t",
    user_id="ada_ito_1000",
    instruction="You are Ada. You want to cancel #W1 {now}.",
    actions=[{"name": "cancel_pending_order", "kwargs": CANCEL}],
)
AGENT: tuple[str | ToolCall, ...] = ("Who are you?", ToolCall("cancel_pending_order", CANCEL), "Done.")


def system(request: ChatRequest) -> str:
    return str(request.messages[0]["content"])


def last(request: ChatRequest) -> str:
    return str(request.messages[-1]["content"])


def model(endpoint: FakeEndpoint, **settings: Any) -> Policy:
    return OpenAIPolicy("m", base_url=endpoint.base_url, api_key="k", **settings)


async def said(db: RetailDB, user: LlmUser, *lines: str) -> list[str]:
    """What the customer says first, and to each line."""
    async with RetailEnv(db, user=user) as env:
        opening = (await env.reset(TASK, seed=1)).observation.text
        return [opening, *[(await env.step(Say(line))).observation.text for line in lines]]


async def test_the_model_sees_the_conversation_from_the_customers_side(db: RetailDB) -> None:
    async with FakeEndpoint(["Cancel it.", "<think>Hm.</think>\nAda.", STOP]) as endpoint:
        episode = await rollout(RetailEnv(db, user=LlmUser(model(endpoint))), ScriptedPolicy(AGENT), TASK, seed=1)
        assert episode.outcome == "solved"
        *_, final = endpoint.requests
        assert TASK.instruction in system(final), "braces and all"
        assert [(message["role"], message["content"]) for message in final.messages[1:]] == [
            ("user", "Hi! How can I help you today?"),
            ("assistant", "Cancel it."),
            ("user", "Who are you?"),
            ("assistant", "Ada."),
            ("user", "Done."),
        ], "tools are none of the customer's business"
        assert not final.tools


async def test_what_the_customer_costs_is_in_the_record_and_not_the_agents(db: RetailDB) -> None:
    used = Usage(prompt_tokens=10, completion_tokens=5, cost_usd=0.25, calls=1)
    user = LlmUser(ScriptedPolicy([Turn(text, usage=used) for text in ("Cancel it.", "Ada.", STOP)]))
    episode = await rollout(RetailEnv(db, user=user), ScriptedPolicy(AGENT), TASK, seed=1)
    told: list[Any] = [step.info.get("user") for step in episode.steps()]
    assert [entry and (entry["name"], entry["calls"], entry["cost_usd"]) for entry in told] == [
        ("llm:scripted", 2, 0.5),  # with the opening
        None,
        ("llm:scripted", 1, 0.25),
    ]
    assert (episode.usage.calls, episode.usage.cost_usd) == (0, 0.0)
    costs: Any = user_costs(iter([episode, episode]))
    assert (costs["llm:scripted"]["calls"], costs["llm:scripted"]["cost_usd"]) == (6, 1.5)


async def test_no_model_is_asked_before_the_first_line(db: RetailDB) -> None:
    async with FakeEndpoint(["Hello."]) as endpoint:
        RetailEnv(db, user="llm:openai:m", user_settings={"base_url": endpoint.base_url})
        LlmUser(model(endpoint)).start(TASK, db=db, seed=1)
        assert endpoint.count == 0


async def test_specs_reach_the_model_with_their_settings(db: RetailDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTGYM_USER_API_KEY", "the-users-own")
    async with FakeEndpoint(["Hello."], model="m", api_key="the-users-own") as endpoint:
        settings = {"base_url": endpoint.base_url, "temperature": 0.5}
        async with RetailEnv(db, user="llm:openai:m", user_settings=settings) as env:
            assert (await env.reset(TASK)).observation.text == "Hello."
        assert endpoint.requests[0].body["temperature"] == 0.5


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Thought:\nThey ask.\n\nUser Response:\nI am Ada.", "I am Ada."),
        ("**Thought:** one\n**User Response:** I am Ada.", "I am Ada."),
        ("Thought:\nThe User Response: marker\nUser Response: no\nUser Response:\nI am Ada.", "I am Ada."),
        ("I am Ada.", "I am Ada."),
        (f"Thought: not {STOP} yet\nUser Response: I am Ada.", "I am Ada."),
    ],
)
async def test_thoughts_stay_with_the_customer(db: RetailDB, text: str, line: str) -> None:
    async with FakeEndpoint(["User Response: Hello.", text, "User Response: Bye."]) as endpoint:
        assert await said(db, ReactUser(model(endpoint)), "Who?", "Well?") == ["Hello.", line, "Bye."]
        kept = [message["content"] for message in endpoint.requests[2].messages if message["role"] == "assistant"]
        assert kept == ["User Response: Hello.", text], "its own history keeps them"


def answering(lines: Sequence[str], verdicts: Sequence[str] = (), better: str = "") -> Callable[[ChatRequest], str]:
    """A model that customers, judges and reflection share; each is answered in order."""
    said, judged = iter(lines), iter(verdicts)

    def answer(request: ChatRequest) -> str:
        if "true or false" in system(request):
            return next(judged)
        if "Reflection:" in system(request):
            return f"Reflection:\nIt is too short.\n\nUser Response:\n{better}"
        return next(said)

    return answer


@pytest.mark.parametrize(
    ("verdicts", "line", "calls"),
    [
        (["It fits.\nTrue"], "one", 2),
        (["I would not say it is true.\nfalse", "true"], "two", 4),
        (["false", "hm"], "three", 5),
    ],
)
async def test_unfit_lines_are_found_and_the_third_is_said_in_any_case(
    db: RetailDB, verdicts: list[str], line: str, calls: int
) -> None:
    async with FakeEndpoint(answering(["one", "two", "three"], verdicts)) as endpoint:
        assert await said(db, VerifyUser(model(endpoint))) == [line]
        assert endpoint.count == calls
        judged = last(endpoint.requests[1])
        assert TASK.instruction in judged
        assert "Agent: Hi!" in judged
        assert judged.endswith("Customer: one")


@pytest.mark.parametrize(
    ("verdicts", "line", "calls"), [(["true"], "one", 2), (["false", "true"], "two", 4), (["false", "false"], "one", 4)]
)
async def test_unfit_lines_are_thought_over(db: RetailDB, verdicts: list[str], line: str, calls: int) -> None:
    async with FakeEndpoint(answering(["one", "next"], [*verdicts, "true"], "two")) as endpoint:
        assert await said(db, ReflectionUser(model(endpoint)), "And?") == [line, "next"]
        assert endpoint.count == calls + 2
        kept = [m["content"] for m in endpoint.requests[-2].messages if m["role"] == "assistant"]
        assert kept == [line], "what was thrown away is not remembered"


@pytest.mark.parametrize("kind", [LlmUser, ReactUser])
async def test_the_best_of_several_lines_is_said(db: RetailDB, kind: type[LlmUser]) -> None:
    lines = iter(["good", "bad", "good", "best"])

    def answer(request: ChatRequest) -> str:
        if "Answer with the number alone" not in system(request):
            return next(lines)
        return {"good": "7", "bad": "no idea", "best": "9.5 of 10"}[last(request).rpartition("Customer: ")[2]]

    async with FakeEndpoint(answer) as endpoint:
        assert await said(db, kind(model(endpoint), best_of=4)) == ["best"]
        assert endpoint.count == 4 + 3, "each different line is scored once"


async def test_lines_that_agree_are_not_scored(db: RetailDB) -> None:
    async with FakeEndpoint("same") as endpoint:
        assert await said(db, LlmUser(model(endpoint), best_of=4)) == ["same"]
        assert endpoint.count == 4


async def test_a_model_that_says_nothing_is_asked_again(db: RetailDB) -> None:
    async with FakeEndpoint(["", "<think>only</think>", "Hello."]) as endpoint:
        assert await said(db, LlmUser(model(endpoint))) == ["Hello."]


@pytest.mark.parametrize("best_of", [1, 3])
@pytest.mark.parametrize(
    "answer",
    [
        FakeReply(body="no", status=400),
        context_too_long(),
        "",
    ],
    ids=["refused", "too long", "nothing said"],
)
async def test_a_model_that_fails_is_no_fault_of_the_agents(db: RetailDB, answer: Any, best_of: int) -> None:
    def answers(request: ChatRequest) -> Any:
        return "Cancel it." if len(request.messages) == 2 else answer

    async with FakeEndpoint(answers) as endpoint:
        env = RetailEnv(db, user=LlmUser(model(endpoint), best_of=best_of))
        episode = await rollout(env, ScriptedPolicy(AGENT), TASK, seed=1)
    assert (episode.outcome, episode.limit, len(episode.turns)) == ("not_evaluable", None, 1)
    assert episode.cause is not None
    assert episode.cause.boundary == "user"
    assert "openai:m" in episode.cause.message


async def test_a_policy_that_breaks_is_the_users_fault(db: RetailDB) -> None:
    episode = await rollout(RetailEnv(db, user=LlmUser(Broken())), ScriptedPolicy(AGENT), TASK, seed=1)
    assert episode.cause is not None
    assert (episode.outcome, episode.cause.boundary, episode.cause.error) == ("not_evaluable", "user", "KeyError")


class Broken(ScriptedPolicy):
    def __init__(self) -> None:
        super().__init__([])

    def start(self, context: Any) -> Any:
        raise KeyError("gone")


async def test_a_missing_key_is_told_at_once(db: RetailDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        await rollout(RetailEnv(db, user="llm:openai:m"), ScriptedPolicy(AGENT), TASK)


async def test_forks_ask_for_themselves(db: RetailDB) -> None:
    async with (
        FakeEndpoint(lambda request: f"{len(request.messages)}: {last(request)}") as endpoint,
        RetailEnv(db, user=LlmUser(model(endpoint))) as env,
    ):
        await env.reset(TASK, seed=1)
        async with env.fork() as twin:
            assert (await twin.step(Say("a"))).observation.text == "4: a"
            assert (await env.step(Say("b"))).observation.text == "4: b"
            assert (await env.step(Say("c"))).observation.text == "6: c"


class Interrupted(Policy):
    """Says its lines, and at the one that is None cancels the scope it was given."""

    def __init__(self, lines: Sequence[str | None], scope: anyio.CancelScope) -> None:
        self._lines = lines
        self._scope = scope

    def start(self, context: Context) -> Session:
        return _Interrupted(iter(self._lines), self._scope)


class _Interrupted(Session):
    def __init__(self, lines: Iterator[str | None], scope: anyio.CancelScope) -> None:
        self._lines = lines
        self._scope = scope

    async def act(self, conversation: Conversation) -> Turn:
        line = next(self._lines)
        if line is None:
            self._scope.cancel()
            await anyio.sleep_forever()
        return Turn(str(line))


@pytest.mark.parametrize("best_of", [1, 3])
async def test_an_episode_that_goes_on_pays_no_call_of_the_customers_twice(
    db: RetailDB, tmp_path: Path, best_of: int
) -> None:
    """Its second line, chosen of several or not, is what it was before, though the model would now say another."""
    numbers = iter(range(1000))

    def answer(request: ChatRequest) -> str:
        if "number alone" in system(request):
            return "5"
        return STOP if last(request) == "Done." else f"line {next(numbers)}"

    async with FakeEndpoint(answer) as endpoint:
        user = LlmUser(model(endpoint), best_of=best_of)
        jobs = [Job(make=lambda: RetailEnv(db, user=user), task=TASK, seed=1)]
        with anyio.CancelScope() as scope:
            await run(jobs, Interrupted(["Who are you?", None], scope), tmp_path / "run", preflight=False)
        assert scope.cancelled_caught
        before = endpoint.count
        agent = Interrupted(["Who are you?", "Done."], anyio.CancelScope())
        records: list[Episode] = []
        await run(jobs, agent, tmp_path / "run", preflight=False, on_episode=records.append)
        (episode,) = records
        assert endpoint.count == before + best_of, "the last line alone is new, and all candidates agree on it"
    asked = [message for message in endpoint.requests[-1].messages if message["role"] == "assistant"]
    assert [message["content"] for message in asked] == [m.content for m in episode.messages() if m.role == "user"][:2]
    assert episode.divergences == 0
    told: list[Any] = [step.info["user"] for step in episode.steps()]
    assert sum(entry["calls"] for entry in told) == endpoint.count, "what was recalled was paid for in this episode"
