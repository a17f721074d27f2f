"""Many episodes: each ends as one record, whatever breaks, and a run goes on where it was cut."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from agentgym import (
    Context,
    Conversation,
    Episode,
    Limits,
    Message,
    Observation,
    OpenAIPolicy,
    Policy,
    RandomPolicy,
    ScriptedPolicy,
    Session,
    Task,
    ToolCall,
    ToolEnv,
    Turn,
    Usage,
    tool,
)
from agentgym.caps import capped
from agentgym.crew import Budget
from agentgym.errors import DataFileError, Interrupted, UsageError
from agentgym.jobs import Job
from agentgym.lines import Lines, Retries
from agentgym.messages import JsonObject
from agentgym.runner import rollouts, run
from agentgym.runs import read_episodes
from agentgym.suite import Suite, load_suite
from agentgym.testing import ChatRequest, FakeEndpoint, FakeReply, Trouble

pytestmark = pytest.mark.anyio


class Count(ToolEnv[Task, Observation], id="count-for-runner", max_turns=3):
    "Count to three."

    async def begin(self, task: Task) -> Observation:
        self.counted = 0
        return Observation(text=f"count for {task.id}")

    @tool
    async def count(self, n: int) -> str:
        "Say the next number."
        self.counted += 1
        if self.counted == 3:
            self.finish(reward=float(n))
        return f"heard {n}"


class Worded(Task):
    """Says more than the opening shows."""

    text: str


class Slow(Count, id="count-slowly"):
    "Count to three, after a while."

    async def begin(self, task: Task) -> Observation:
        for _ in range(20 + Random(task.id).randrange(50)):
            await anyio.lowlevel.checkpoint()
        return await super().begin(task)


def jobs(count: int, *, limits: Limits | None = None) -> Iterator[Job]:
    return (
        Job(make=Count, task=Task(id=f"t{number}"), seed=number, limits=limits or Limits()) for number in range(count)
    )


COUNTING = ScriptedPolicy([ToolCall("count", {"n": 1})] * 3)


def counted(request: ChatRequest) -> Turn:
    """What a model says that counts the messages it sees."""
    call = ToolCall("count", {"n": 1}, id=f"call-{len(request.messages)}")
    return Turn(tool_calls=(call,), usage=Usage(100, 10, calls=1))


def outcomes(episodes: Iterator[Episode]) -> list[str]:
    return [episode.outcome for episode in episodes]


async def test_episodes_come_as_they_end_or_in_the_order_of_their_jobs() -> None:
    planned = [Job(make=Slow, task=Task(id=f"t{number}"), seed=number) for number in range(40)]
    ids = [job.task_id for job in planned]
    as_they_end = [episode.task_id async for episode in rollouts(planned, COUNTING)]
    assert as_they_end != ids
    assert sorted(as_they_end) == sorted(ids)
    assert [episode.task_id async for episode in rollouts(planned, COUNTING, ordered=True)] == ids


async def test_who_reads_slowly_or_leaves_early_is_not_run_ahead_of() -> None:
    begun: list[str] = []

    class Told(Count, id="count-told"):
        async def begin(self, task: Task) -> Observation:
            begun.append(task.id)
            return await super().begin(task)

    endless = (Job(make=Told, task=Task(id=str(number)), seed=number) for number in range(10**9))
    async with rollouts(endless, COUNTING, concurrency=5) as episodes:
        async for episode in episodes:
            assert episode.solved
            await anyio.wait_all_tasks_blocked()
            break
    assert len(begun) <= 11


async def test_no_more_episodes_play_at_a_time_than_concurrency_says() -> None:
    playing, most = 0, 0

    class Watched(Slow, id="count-watched"):
        async def begin(self, task: Task) -> Observation:
            nonlocal playing, most
            playing += 1
            most = max(most, playing)
            return await super().begin(task)

        async def aclose(self) -> None:
            nonlocal playing
            playing -= 1

    planned = [Job(make=Watched, task=Task(id=str(number)), seed=number) for number in range(30)]
    result = await run(planned, COUNTING, concurrency=4)
    assert (most, playing, result.summary["episodes"]) == (4, 0, 30)


async def test_a_resource_is_used_by_as_many_as_its_cap_allows() -> None:
    using, most = 0, 0

    class Capped(Count, id="count-capped"):
        async def begin(self, task: Task) -> Observation:
            nonlocal using, most
            async with capped("sandbox"):
                using += 1
                most = max(most, using)
                for _ in range(5):
                    await anyio.lowlevel.checkpoint()
                using -= 1
            return await super().begin(task)

    planned = [Job(make=Capped, task=Task(id=str(number)), seed=number) for number in range(30)]
    await run(planned, COUNTING, caps={"sandbox": 3})
    assert most == 3
    await run(planned, COUNTING)
    assert most > 3


async def test_an_environment_that_cannot_be_made_costs_only_its_own_episodes() -> None:
    def make() -> Count:
        raise RuntimeError("no more of these")

    planned = [*jobs(3), Job(make=make, task=Task(id="broken"), seed=1)]
    episodes = [episode async for episode in rollouts(planned, COUNTING, ordered=True)]
    assert outcomes(iter(episodes)) == ["solved"] * 3 + ["not_evaluable"]
    cause = episodes[-1].cause
    assert cause is not None
    assert (cause.boundary, cause.error) == ("environment", "RuntimeError")


async def test_wrong_use_ends_a_run_and_is_raised_as_it_is() -> None:
    one = Slow()
    planned = [Job(make=lambda: one, task=Task(id=str(number)), seed=number) for number in range(5)]
    with pytest.raises(UsageError, match="being played already"):
        await run(planned, COUNTING)
    with pytest.raises(UsageError, match="no job"):
        await run([], COUNTING)
    with pytest.raises(UsageError, match="concurrency"):
        await run(jobs(1), COUNTING, concurrency=0)


async def test_a_run_is_kept_and_what_is_there_is_not_played_again(tmp_path: Path) -> None:
    suite = load_suite("guess")
    first = await run(suite, RandomPolicy(), tmp_path / "run", seed=3, trials=4)
    assert (first.summary["episodes"], first.summary["planned"], first.stopped) == (40, 40, None)
    before = (tmp_path / "run" / "episodes.jsonl").read_bytes()
    played: list[Episode] = []
    again = await run(suite, RandomPolicy(), tmp_path / "run", seed=3, trials=4, on_episode=played.append)
    assert (again.summary, played) == (first.summary, [])
    assert (tmp_path / "run" / "episodes.jsonl").read_bytes() == before
    more = await run(suite, RandomPolicy(), tmp_path / "run", seed=3, trials=5, on_episode=played.append)
    assert (more.summary["episodes"], len(played)) == (50, 10)
    with pytest.raises(UsageError, match="holds another run: its seed is 3, not 4"):
        await run(suite, RandomPolicy(), tmp_path / "run", seed=4)


async def test_equal_runs_have_equal_records_up_to_their_times(tmp_path: Path) -> None:
    suite = load_suite("guess")
    for name in ("a", "b"):
        await run(suite, RandomPolicy(), tmp_path / name, concurrency=1 if name == "a" else 64)
    a, b = ({episode.task_id: timeless(episode) for episode in read_episodes(tmp_path / name)} for name in "ab")
    assert len(a) == 10
    assert a == b


def timeless(episode: Episode) -> dict[str, object]:
    """A record without what differs between equal runs."""
    import orjson

    record: dict[str, object] = orjson.loads(episode.to_json())
    return _without(record, {"timings", "elapsed_s", "latency_s"})


def _without(value: object, names: set[str]) -> object:  # type: ignore[misc]
    if isinstance(value, dict):
        return {key: _without(inner, names) for key, inner in value.items() if key not in names}
    return [_without(inner, names) for inner in value] if isinstance(value, list) else value


@pytest.fixture
async def mixed() -> AsyncIterator[FakeEndpoint]:
    """An endpoint that fails one call in five, in every way that passes, and never twice in a row."""
    troubles = iter(
        [
            FakeReply(status=429, headers={"Retry-After": "0.01"}),
            FakeReply(status=500),
            Trouble.DISCONNECT,
            FakeReply(status=503),
            Trouble.NOT_JSON,
            Trouble.NO_CHOICES,
        ]
        * 100
    )
    asked = 0

    def answer(request: ChatRequest) -> Turn | FakeReply | Trouble:
        nonlocal asked
        asked += 1
        return next(troubles) if asked % 5 == 0 else counted(request)

    async with FakeEndpoint(answer) as endpoint:
        yield endpoint


QUICK = Retries(first_wait_s=0.01)


async def test_faults_of_an_endpoint_cost_calls_and_no_episode(mixed: FakeEndpoint) -> None:
    result = await run(list(jobs(40)), OpenAIPolicy("fake", base_url=mixed.base_url), retries=QUICK)
    assert result.summary["outcomes"] == {"solved": 40, "failed": 0, "truncated": 0, "not_evaluable": 0}
    faults = mixed.count // 5
    assert mixed.count == 40 * 3 + faults


async def test_a_run_that_was_stopped_goes_on_without_paying_a_call_twice(tmp_path: Path) -> None:
    lines, ended = Lines(pinned=4), list[Episode]()

    def stop_at_six(episode: Episode) -> None:
        ended.append(episode)
        if len(ended) == 6:
            lines.stop(Interrupted("enough"))

    async with FakeEndpoint(counted) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        cut = await run(list(jobs(20)), policy, tmp_path, lines=lines, on_episode=stop_at_six)
        assert isinstance(cut.stopped, Interrupted)
        assert 0 < int(str(cut.summary["episodes"])) < 20
        assert cut.summary["outcomes"] == {"solved": cut.summary["episodes"], **NONE_ELSE}
        whole = await run(list(jobs(20)), policy, tmp_path)
        assert (whole.stopped, whole.summary["outcomes"]) == (None, {"solved": 20, **NONE_ELSE})
        assert endpoint.count == 60
        straight = await run(list(jobs(20)), policy)
    assert {key: value for key, value in whole.summary.items() if key in straight.summary and key != "timings"} == {
        key: value for key, value in straight.summary.items() if key != "timings"
    }


NONE_ELSE = {"failed": 0, "truncated": 0, "not_evaluable": 0}


async def test_a_page_between_good_answers_is_a_proxys_trouble_and_costs_no_episode() -> None:
    def answer(request: ChatRequest) -> Turn | FakeReply:
        return FakeReply(body=b"<html>busy</html>") if endpoint.count % 7 == 0 else counted(request)

    async with FakeEndpoint(answer) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        result = await run(list(jobs(20)), policy, retries=Retries(first_wait_s=0.01))
    assert result.summary["outcomes"] == {"solved": 20, **NONE_ELSE}


async def test_in_an_outage_all_that_is_left_is_recorded_and_tried_again_later(tmp_path: Path) -> None:
    breaks, first = True, {f"count for t{number}" for number in range(5)}

    def answer(request: ChatRequest) -> Turn | FakeReply:
        spared = any(message["content"] in first for message in request.messages)
        return counted(request) if spared or not breaks else FakeReply(status=500)

    async with FakeEndpoint(answer) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        retries = Retries(first_wait_s=0.01, longest_wait_s=0.05, patience_s=0.5, attempts=100)
        out = await run(list(jobs(50)), policy, tmp_path, retries=retries)
        assert type(out.stopped).__name__ == "Outage"
        found = {episode.task_id: episode for episode in read_episodes(tmp_path)}
        assert len(found) == 50
        broken = [episode for episode in found.values() if not episode.solved]
        assert 45 <= len(broken) < 50
        assert {(episode.outcome, episode.cause and episode.cause.error) for episode in broken} == {
            ("not_evaluable", "Outage")
        }
        breaks = False
        again = await run(list(jobs(50)), policy, tmp_path)
    assert again.summary["outcomes"] == {"solved": 50, **NONE_ELSE}
    assert len(outcomes(read_episodes(tmp_path))) == 50


async def test_a_budget_ends_a_run_and_says_so(tmp_path: Path) -> None:
    async with FakeEndpoint(counted) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        cut = await run(list(jobs(20)), policy, tmp_path, budget=Budget(tokens=1100), concurrency=1)
        assert str(cut.stopped) == "the run's budget of 1100 tokens is used up"
        assert endpoint.count == 10
        assert cut.summary["outcomes"] == {"solved": 3, "failed": 0, "truncated": 0, "not_evaluable": 17}
        spent = await run(list(jobs(20)), policy, tmp_path, budget=Budget(tokens=1100), concurrency=1)
        assert spent.stopped is not None
        assert endpoint.count == 10
        more = await run(list(jobs(20)), policy, tmp_path)
        assert (endpoint.count, more.summary["outcomes"]) == (60, {"solved": 20, **NONE_ELSE})


async def test_a_task_that_changed_does_not_go_on_with_what_was_answered_to_another(tmp_path: Path) -> None:
    def planned(text: str, seed: int) -> list[Job]:
        return [Job(make=Count, task=Worded(id="mine", text=text), seed=seed)]

    async with FakeEndpoint(counted) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        cut = await run(planned("one", 1), policy, tmp_path, budget=Budget(tokens=220))
        assert (str(cut.stopped), endpoint.count) == ("the run's budget of 220 tokens is used up", 2)
        for text, seed in (("two", 1), ("one", 2)):
            with pytest.raises(UsageError, match="trial 0 of the task 'mine' is not what it was when it was begun"):
                await run(planned(text, seed), policy, tmp_path)
        whole = await run(planned("one", 1), policy, tmp_path)
        assert (whole.summary["outcomes"], endpoint.count) == ({"solved": 1, **NONE_ELSE}, 3)


PART = """
import anyio, sys
from agentgym import Job, OpenAIPolicy, Task, run
from agentgym.crew import Budget
from environments.guess import Guess, Secret

class Tagged(Secret):
    tags: frozenset[str] = frozenset(f"tag{number}" for number in range(20))

class Game(Guess, id="guess-tagged"):
    task_type = Tagged

async def play():
    policy = OpenAIPolicy("fake", base_url=sys.argv[1])
    jobs = [Job(make=Game, task=Tagged(id=str(number), digit=7), seed=1) for number in range(2)]
    await run(jobs, policy, sys.argv[2], budget=Budget(tokens=int(sys.argv[3])), concurrency=1)

anyio.run(play)
"""


def test_a_task_with_a_set_goes_on_in_another_process(tmp_path: Path) -> None:
    """Where a set comes in another order, also for the episode that was cut."""

    def answer(request: ChatRequest) -> Turn:
        guess = ToolCall("guess", {"n": 5 if len(request.messages) < 3 else 7})
        return Turn(tool_calls=(guess,), usage=Usage(100, 10))

    with FakeEndpoint(answer) as endpoint:
        for tokens in ("110", "330", "1000"):
            subprocess.run([sys.executable, "-c", PART, endpoint.base_url, str(tmp_path), tokens], check=True)
    assert [episode.outcome for episode in read_episodes(tmp_path)] == ["solved", "solved"]
    assert endpoint.count == 4


async def test_a_damaged_line_of_the_journal_is_passed_over_and_asked_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with FakeEndpoint(counted) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        await run(jobs(1), policy, tmp_path, budget=Budget(tokens=220))
        first, *others = (tmp_path / "calls.jsonl").read_bytes().splitlines(keepends=True)
        (tmp_path / "calls.jsonl").write_bytes(first[: len(first) // 2] + b"\n" + b"".join(others))
        whole = await run(jobs(1), policy, tmp_path)
    assert (whole.summary["outcomes"], endpoint.count) == ({"solved": 1, **NONE_ELSE}, 4)
    assert "a damaged line of the journal is passed over" in caplog.text


async def test_time_that_is_up_while_an_endpoint_fails_is_not_the_agent_s() -> None:
    async with FakeEndpoint(FakeReply(status=503)) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        (episode,) = [episode async for episode in rollouts(jobs(1, limits=Limits(seconds=0.1)), policy)]
    assert (episode.outcome, episode.limit) == ("not_evaluable", None)
    assert episode.cause is not None
    assert "status 503" in episode.cause.message


async def test_a_request_that_is_always_too_large_is_asked_once_and_is_nobody_s_doing() -> None:
    told = "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 45120."
    async with FakeEndpoint(FakeReply(status=429, body={"error": {"message": told}})) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        (episode,) = [episode async for episode in rollouts(jobs(1), policy)]
    assert (episode.outcome, endpoint.count) == ("not_evaluable", 1)


async def test_a_conversation_too_long_for_the_model_is_truncated_and_not_asked_again() -> None:
    def answer(request: ChatRequest) -> Turn | FakeReply:
        if len(request.messages) > 2:
            told = "This model's maximum context length is 10 tokens. However, you requested 11 tokens."
            return FakeReply(status=400, body={"error": {"message": told}})
        return counted(request)

    async with FakeEndpoint(answer) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        episodes = [episode async for episode in rollouts(jobs(5), policy)]
        assert {(episode.outcome, episode.limit, len(episode.turns)) for episode in episodes} == {
            ("truncated", "context", 1)
        }
        assert endpoint.count == 10


async def test_a_wrong_model_is_found_before_anything_is_played(tmp_path: Path) -> None:
    async with FakeEndpoint(counted, model="right") as endpoint:
        with pytest.raises(UsageError, match="lists no model 'wrong'; there are: right"):
            await run(jobs(3), OpenAIPolicy("wrong", base_url=endpoint.base_url), tmp_path)
        assert endpoint.count == 0
        result = await run(jobs(3), OpenAIPolicy("wrong", base_url=endpoint.base_url), tmp_path, preflight=False)
        assert result.summary["solved_rate"] == 1.0


class Costly(Policy):
    def __init__(self, call: ToolCall) -> None:
        self.call = call

    def start(self, context: Context) -> Session:
        return _Costly(self.call)


class _Costly(Session):
    def __init__(self, call: ToolCall) -> None:
        self._call = call

    async def act(self, conversation: Conversation) -> Turn:
        return Turn(tool_calls=(self._call,), usage=Usage(cost_usd=1.0, calls=1))


async def test_a_policy_of_ones_own_counts_towards_the_budget() -> None:
    policy = Costly(ToolCall("count", {"n": 1}))
    cut = await run(list(jobs(20)), policy, budget=Budget(cost_usd=6.0), concurrency=1)
    assert cut.summary["outcomes"] == {"solved": 2, "failed": 0, "truncated": 0, "not_evaluable": 18}


async def test_a_policy_of_ones_own_counts_where_the_environment_asks_a_model_too() -> None:
    async with FakeEndpoint("this") as endpoint:
        model = OpenAIPolicy("fake", base_url=endpoint.base_url)
        asking = [Job(make=lambda: Asking(model), task=Task(id=str(number)), seed=number) for number in range(20)]
        cut = await run(asking, Costly(ToolCall("ask")), budget=Budget(cost_usd=6.0), concurrency=1)
    assert cut.summary["outcomes"] == {"solved": 6, "failed": 0, "truncated": 0, "not_evaluable": 14}


async def test_a_changed_environment_does_not_go_on_with_what_another_version_recorded(tmp_path: Path) -> None:
    suite = Suite("s", "guess", "A suite.")
    await run(suite, RandomPolicy(), tmp_path)
    text = (tmp_path / "run.json").read_text()
    (tmp_path / "run.json").write_text(text.replace('"version": "1"', '"version": "0"'))
    with pytest.raises(UsageError, match="begun with version 0 of guess, which is now 1"):
        await run(suite, RandomPolicy(), tmp_path)


async def test_a_changed_environment_is_found_among_others(tmp_path: Path) -> None:
    class Later(Slow, id="count-slowly", version="2"):
        "Count by other rules."

    first = Job(make=Count, task=Task(id="a"), seed=1)
    await run([first, Job(make=Slow, task=Task(id="b"), seed=1)], COUNTING, tmp_path)
    with pytest.raises(UsageError, match="was begun with version 1 of count-slowly, which is now 2"):
        await run([first, Job(make=Later, task=Task(id="c"), seed=1)], COUNTING, tmp_path)


async def test_who_leaves_a_plain_iteration_leaves_nothing_running_and_keeps_its_own_errors() -> None:
    closed = anyio.Event()

    class Watched(Count):
        async def aclose(self) -> None:
            closed.set()

    async def find_fault() -> None:
        async for _ in rollouts(endless(), COUNTING, concurrency=5):
            raise KeyError("mine")

    def endless() -> Iterator[Job]:
        return (Job(make=Watched, task=Task(id=str(number)), seed=number) for number in range(10**9))

    async for episode in rollouts(endless(), COUNTING, concurrency=5):
        assert episode.outcome != "not_evaluable"
        break
    with anyio.fail_after(100), pytest.raises(KeyError, match="mine"):
        await find_fault()
    await closed.wait()
    await anyio.lowlevel.checkpoint()


async def test_what_a_list_of_jobs_raises_is_raised_by_a_plain_iteration() -> None:
    def jobs_that_break() -> Iterator[Job]:
        yield from jobs(2)
        raise LookupError("no more tasks")

    async def play_all() -> None:
        async for _ in rollouts(jobs_that_break(), COUNTING):
            pass

    with pytest.raises(LookupError, match="no more tasks"):
        await play_all()
    with pytest.raises(LookupError, match="no more tasks"):
        await run(jobs_that_break(), COUNTING)


class Stumbling(Count, id="count-stumbling"):
    "Count to three, over many pauses."

    async def begin(self, task: Task) -> Observation:
        await anyio.lowlevel.checkpoint()
        return await super().begin(task)


def stumbling(count: int) -> list[Job]:
    return [Job(make=Stumbling, task=Task(id=str(number)), seed=number) for number in range(count)]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_plain_iteration_may_be_left_as_the_last_thing_a_program_does(backend: str) -> None:
    async def returns() -> str:
        async for episode in rollouts(stumbling(100), COUNTING):
            return episode.outcome
        return "nothing"

    async def breaks() -> None:
        async for _ in rollouts(stumbling(100), COUNTING):
            break

    async def raises() -> None:
        async for _ in rollouts(stumbling(100), COUNTING):
            raise KeyError("mine")

    assert anyio.run(returns, backend=backend) == "solved"
    anyio.run(breaks, backend=backend)
    with pytest.raises(KeyError, match="mine"):
        anyio.run(raises, backend=backend)


class Panic(BaseException):
    """As extensions in Rust raise it."""


class Panicking(Count, id="count-panicking"):
    "Its third episode panics."

    async def begin(self, task: Task) -> Observation:
        await anyio.lowlevel.checkpoint()
        if task.id == "3":
            raise Panic("at the disco")
        return await super().begin(task)


async def test_a_panic_is_raised_to_who_iterates_and_ends_nothing_in_silence() -> None:
    planned = [Job(make=Panicking, task=Task(id=str(number)), seed=number) for number in range(9)]
    seen = list[str]()

    async def read() -> None:
        async for episode in rollouts(planned, COUNTING, concurrency=1):
            seen.append(episode.task_id)

    with pytest.raises(Panic, match="at the disco"):
        await read()
    assert seen == ["0", "1", "2"]


async def test_what_the_reader_raises_in_a_block_of_rollouts_goes_on_as_it_is() -> None:
    mine = KeyError("mine")

    async def read() -> None:
        async with rollouts(stumbling(50), COUNTING) as episodes:
            async for _ in episodes:
                raise mine

    with pytest.raises(KeyError) as caught:
        await read()
    assert caught.value is mine


async def test_a_block_of_rollouts_is_cancelled_from_outside_as_any_other() -> None:
    with anyio.CancelScope() as scope:
        async with rollouts(stumbling(50), COUNTING) as episodes:
            async for _ in episodes:
                scope.cancel()
                await anyio.sleep_forever()
    assert scope.cancelled_caught


@pytest.mark.parametrize("make", [lambda: list(jobs(40)), lambda: stumbling(40)])
async def test_what_a_callback_raises_arrives_as_it_is_and_it_is_not_called_again(
    make: Callable[[], list[Job]], tmp_path: Path
) -> None:
    called = list[str]()

    def fail(episode: Episode) -> None:
        called.append(episode.task_id)
        raise KeyError("mine")

    for store in (None, tmp_path):
        called.clear()
        with pytest.raises(KeyError, match="mine"):
            await run(make(), COUNTING, store, on_episode=fail)
        assert len(called) == 1


def guesses(*digits: int, count: int = 3) -> list[Job]:
    from environments.guess import Guess, Secret

    tasks = [Secret(id=f"t{number}", digit=digits[number % len(digits)]) for number in range(count)]
    return [Job(make=Guess, task=task, seed=1) for task in tasks]


async def test_tasks_that_changed_under_the_same_name_are_not_mixed_with_what_they_were(tmp_path: Path) -> None:
    await run(guesses(5), COUNTING, tmp_path / "run")
    await run(guesses(5, count=5), COUNTING, tmp_path / "run")
    assert len(list(read_episodes(tmp_path / "run"))) == 5
    with pytest.raises(UsageError, match="trial 0 of the task 't0' is not what it was when it was played"):
        await run(guesses(7, count=6), COUNTING, tmp_path / "run")
    first, *others = guesses(5, count=6)
    limited = [first, *(replace(job, limits=Limits(turns=1)) for job in others)]
    with pytest.raises(UsageError, match="trial 0 of the task 't1' is not what it was when it was played"):
        await run(limited, COUNTING, tmp_path / "run")


async def test_a_run_does_not_shrink(tmp_path: Path) -> None:
    suite = load_suite("guess")
    await run(suite, COUNTING, tmp_path / "run", limit=4, trials=2)
    for fewer in ({"limit": 3, "trials": 2}, {"limit": 4}):
        with pytest.raises(UsageError, match="was begun with more: 8 episodes of 2 trials"):
            await run(suite, COUNTING, tmp_path / "run", **fewer)
    result = await run(suite, COUNTING, tmp_path / "run", trials=3)
    assert result.summary["episodes"] == result.summary["planned"] == 30


async def test_what_never_began_leaves_nothing_behind(tmp_path: Path) -> None:
    async with FakeEndpoint("hello") as endpoint:
        wrong, right = (OpenAIPolicy(name, base_url=endpoint.base_url) for name in ("wrong", "fake"))
        with pytest.raises(UsageError, match="lists no model 'wrong'"):
            await run(jobs(2), wrong, tmp_path / "run")
        assert not (tmp_path / "run").exists()
        result = await run(jobs(2), right, tmp_path / "run")
        await right.aclose()
    assert result.summary["episodes"] == 2


async def test_a_folder_of_somebody_elses_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty and holds no run"):
        await run(jobs(2), COUNTING, tmp_path)
    assert os.listdir(tmp_path) == ["mine.txt"]


async def test_a_record_of_a_later_version_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    await run(list(jobs(3)), COUNTING, tmp_path)
    path = tmp_path / "episodes.jsonl"
    later = path.read_bytes().replace(b'"schema_version":1', b'"schema_version":99', 1)
    path.write_bytes(later)
    told = r"episodes\.jsonl: an episode of schema version 99; this agentgym reads up to 1: upgrade it"
    with pytest.raises(UsageError, match=told):
        await run(list(jobs(5)), COUNTING, tmp_path)
    with pytest.raises(UsageError, match=told):
        list(read_episodes(tmp_path))
    assert path.read_bytes() == later


async def test_a_damaged_record_is_told_with_its_mend_and_played_again(tmp_path: Path) -> None:
    await run(list(jobs(5)), COUNTING, tmp_path)
    lines = (tmp_path / "episodes.jsonl").read_bytes().splitlines(keepends=True)
    lines[2] = b'{"task_id": "t\n'
    (tmp_path / "episodes.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(
        DataFileError, match=r"episodes\.jsonl: a record is damaged: .*; without its line `agentgym resume .*` plays"
    ):
        list(read_episodes(tmp_path))
    result = await run(list(jobs(5)), COUNTING, tmp_path)
    assert result.summary["episodes"] == 5
    assert len((tmp_path / "episodes.jsonl").read_bytes().splitlines()) == 5


async def test_a_spent_budget_asks_for_nothing_more_and_forgets_nothing_that_was_paid(tmp_path: Path) -> None:
    answer = Turn(tool_calls=(ToolCall("count", {"n": 0}),), usage=Usage(100, 10))
    paid = list[object]()
    async with FakeEndpoint(answer) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        for _ in range(3):
            result = await run(list(jobs(40)), policy, tmp_path, budget=Budget(tokens=3300), concurrency=4)
            assert result.stopped is not None
            assert result.summary["planned"] == result.summary["episodes"] == 40
            paid.append((endpoint.count, read_tokens(result.summary)))
        first = endpoint.count
        assert paid == [(first, first * 110)] * 3
        whole = await run(list(jobs(40)), policy, tmp_path, concurrency=4)
        await policy.aclose()
    assert (endpoint.count, whole.summary["outcomes"]) == (120, {**NONE, "failed": 40})
    assert read_tokens(whole.summary) == 120 * 110


class Asking(ToolEnv[Task, Observation], id="asking-for-runner"):
    "Its only tool asks a model."

    def __init__(self, model: Policy) -> None:
        self.model = model

    async def begin(self, task: Task) -> Observation:
        return Observation(text="ask")

    @tool
    async def ask(self) -> str:
        "Ask the model."
        told = await self.model.start(Context()).act(Conversation([Message("user", "What?")]))
        self.finish(reward=1.0)
        return told.text


async def test_what_an_environment_asks_counts_towards_the_budget_also_when_the_run_goes_on(tmp_path: Path) -> None:
    async with FakeEndpoint(Turn("this", usage=Usage(100, 10))) as endpoint:
        model = OpenAIPolicy("fake", base_url=endpoint.base_url)
        asking = [Job(make=lambda: Asking(model), task=Task(id=str(number)), seed=number) for number in range(20)]
        agent = ScriptedPolicy([ToolCall("ask")])
        for _ in range(2):
            cut = await run(asking, agent, tmp_path, budget=Budget(tokens=550), concurrency=1)
            assert str(cut.stopped) == "the run's budget of 550 tokens is used up"
            assert endpoint.count == 5
        await model.aclose()
    episodes = [episode for episode in read_episodes(tmp_path) if episode.solved]
    assert {(episode.usage.tokens, episode.others.tokens) for episode in episodes} == {(0, 110)}


class Delegating(Asking, id="delegating-for-runner"):
    "Its only tool has a model play a game of its own."

    @tool
    async def ask(self) -> str:
        "Have the model play."
        told = [episode.outcome async for episode in rollouts(jobs(1), self.model)]
        self.finish(reward=1.0)
        return told[0]


async def test_what_is_played_within_an_episode_counts_as_asked_by_its_environment() -> None:
    async with FakeEndpoint(counted) as endpoint:
        model = OpenAIPolicy("fake", base_url=endpoint.base_url)
        delegating = [Job(make=lambda: Delegating(model), task=Task(id="one"), seed=1)]
        (episode,) = [episode async for episode in rollouts(delegating, ScriptedPolicy([ToolCall("ask")]))]
    assert (episode.outcome, endpoint.count) == ("solved", 3)
    assert (episode.usage.calls, episode.others.calls) == (0, 3)


NONE = dict.fromkeys(("solved", "failed", "truncated", "not_evaluable"), 0)


def read_tokens(summary: JsonObject) -> int:
    usage: Any = summary["usage"]
    return int(usage["prompt_tokens"]) + int(usage["completion_tokens"])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Retries(attempts=0),
        lambda: Retries(patience_s=float("nan")),
        lambda: Budget(tokens=-1),
        lambda: Budget(seconds=float("nan")),
        lambda: OpenAIPolicy("m", temperature="hot"),
        lambda: OpenAIPolicy("m", stop=5),
        lambda: OpenAIPolicy("m", n=0),
        lambda: OpenAIPolicy("m", max_tokens="a"),
        lambda: OpenAIPolicy("m", timeout_s="a"),
        lambda: OpenAIPolicy("m", extra_body="x"),
        lambda: OpenAIPolicy("m", api_key=5),
        lambda: OpenAIPolicy("m", base_url=5),
        lambda: OpenAIPolicy("m", tools="x"),
        lambda: OpenAIPolicy("m", retries=3),
        lambda: OpenAIPolicy("m", temperature=float("nan")),
    ],
)
async def test_settings_that_cannot_be_are_refused_by_name(wrong: Callable[[], object]) -> None:
    with pytest.raises(UsageError, match=r"=|temperature"):
        wrong()


async def test_a_run_of_what_is_no_policy_or_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match="make_policy"):
        await run(jobs(1), "oracle")  # type: ignore[arg-type]
    for name in ("limit", "trials"):
        with pytest.raises(UsageError, match=f"{name}=-1"):
            await run(load_suite("guess"), COUNTING, **{name: -1})
    for seed in (-1, 2**64):
        with pytest.raises(UsageError, match=f"seed={seed}: a seed is a whole number from 0"):
            await run(load_suite("guess"), COUNTING, seed=seed)
