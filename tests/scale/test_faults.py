"""Endpoints that fail now and then cost their faults and nothing more; one that is out costs no agent its score."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgym import Job, Observation, OpenAIPolicy, Retries, Task, ToolCall, ToolEnv, Turn, read_episodes, run, tool
from agentgym.errors import Outage
from agentgym.testing import ChatRequest, FakeEndpoint, Faults, Trouble
from agentgym.testing.misbehaviour import INFRASTRUCTURE

pytestmark = pytest.mark.anyio
TURNS = 5
ANSWER = Turn(tool_calls=(ToolCall("go", {"n": 1}, id="c"),))


class Steps(ToolEnv[Task, Observation], id="steps", max_turns=TURNS + 1):
    "Take five steps."

    async def begin(self, task: Task) -> Observation:
        self.taken = 0
        return Observation(text=f"task {task.id}: go")

    @tool
    def go(self, n: int) -> str:
        "Take a step."
        self.taken += n
        if self.taken == TURNS:
            self.finish(reward=1.0)
        return f"{self.taken} taken"


def jobs(count: int) -> list[Job]:
    return [Job(make=Steps, task=Task(id=f"t{number}"), seed=number) for number in range(count)]


MANY = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("anyio_backend", "count", "stream"),
    [
        pytest.param("asyncio", 40, False, id="asyncio-40-whole"),
        pytest.param("asyncio", 40, True, id="asyncio-40-streamed"),
        pytest.param("trio", 40, False, id="trio-40-whole"),
        pytest.param("trio", 40, True, id="trio-40-streamed"),
        pytest.param("asyncio", 250, True, id="asyncio-250-streamed", marks=MANY),
        pytest.param("trio", 250, False, id="trio-250-whole", marks=MANY),
    ],
)
async def test_every_episode_comes_out_right_and_only_faults_are_paid_for(
    tmp_path: Path, count: int, stream: bool
) -> None:
    """A good answer takes a thousandth of the time-out, so that none is given up on a machine that stands still.

    Only the large ones meet servers that hang, for these are what time-outs have to be waited for.
    """
    timeout_s = 30.0 if count == 40 else 10.0
    kinds = [kind for kind in INFRASTRUCTURE if count != 40 or kind is not Trouble.HANG]
    faults = Faults(rate=0.1, seed=count, kinds=kinds)
    async with FakeEndpoint(ANSWER, faults=faults, latency=0.01) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url, timeout_s=timeout_s, stream=stream)
        result = await run(jobs(count), policy, tmp_path / "run", concurrency=10 if count == 40 else 20)
        await policy.aclose()
    assert result.stopped is None
    found = list(read_episodes(tmp_path / "run"))
    assert len({episode.task_id for episode in found}) == len(found) == count
    assert all(episode.outcome == "solved" and len(episode.turns) == TURNS for episode in found)
    injected = sum(number for trouble, number in endpoint.injected.items() if trouble is not Trouble.DRIP)
    assert injected > count * TURNS * 0.03
    assert endpoint.count - count * TURNS <= 1.05 * injected
    assert endpoint.answered == count * TURNS, "no good answer is thrown away"


@pytest.mark.parametrize("kind", [Trouble.WRONG_ARGUMENTS, Trouble.UNFIT_ARGUMENTS])
async def test_wrong_arguments_are_the_agents_mistake(tmp_path: Path, kind: Trouble) -> None:
    async with FakeEndpoint(ANSWER, faults=Faults(rate=0.2, kinds=[kind])) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        result = await run(jobs(50), policy, tmp_path / "run", concurrency=16)
        await policy.aclose()
    found = list(read_episodes(tmp_path / "run"))
    outcomes = {episode.outcome for episode in found}
    assert outcomes <= {"solved", "truncated"}
    assert sum(episode.tool_errors for episode in found) == endpoint.injected[kind] > 0
    assert endpoint.count == sum(len(episode.turns) for episode in found), "none is made again"
    assert result.summary["outcomes"]["not_evaluable"] == 0  # type: ignore[index,call-overload]


@pytest.mark.parametrize("kind", [Trouble.BROKEN, Trouble.UNAVAILABLE, Trouble.HANG, Trouble.DISCONNECT])
async def test_in_an_outage_every_episode_is_not_evaluable_and_no_agents_failure(
    tmp_path: Path, kind: Trouble, capfd: pytest.CaptureFixture[str]
) -> None:
    async with FakeEndpoint(ANSWER, faults=Faults(rate=1.0, kinds=[kind])) as endpoint:
        timeout_s = 2.0 if kind is Trouble.HANG else 60.0  # what is given up half sent is an error to the server
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url, timeout_s=timeout_s)
        retries = Retries(patience_s=0.5, first_wait_s=0.05)
        result = await run(jobs(60), policy, tmp_path / "run", concurrency=20, retries=retries, preflight=False)
        await policy.aclose()
    assert isinstance(result.stopped, Outage)
    found = list(read_episodes(tmp_path / "run"))
    assert len(found) == 60
    assert {episode.outcome for episode in found} == {"not_evaluable"}
    assert all(episode.cause is not None and episode.cause.boundary in ("policy", "run") for episode in found)
    told = result.summary
    assert (told["planned"], told["episodes"], told["evaluable"], told["solved_rate"]) == (60, 60, 0, None)
    assert told["solved_rate_of_planned"] == 0.0
    assert "Traceback" not in capfd.readouterr().err


async def test_an_outage_in_the_middle_costs_what_was_under_way_and_the_rest_comes_later(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bears = 100

    def answer(request: ChatRequest) -> Turn | Trouble:
        return ANSWER if endpoint.answered < bears else Trouble.UNAVAILABLE

    async with FakeEndpoint(answer, latency=0.01) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        retries = Retries(patience_s=0.5, first_wait_s=0.05)
        result = await run(jobs(60), policy, tmp_path / "run", concurrency=20, retries=retries)
        assert isinstance(result.stopped, Outage)
        told = result.summary
        solved = sum(episode.solved for episode in read_episodes(tmp_path / "run"))
        assert told["outcomes"] == {"solved": solved, "failed": 0, "truncated": 0, "not_evaluable": 60 - solved}
        assert 0 < solved < 60
        assert (told["planned"], told["episodes"], told["evaluable"]) == (60, 60, solved)
        assert (told["solved_rate"], told["solved_rate_of_planned"]) == (1.0, solved / 60)
        bears = 10**6
        result = await run(jobs(60), policy, tmp_path / "run", concurrency=20, retries=retries)
        await policy.aclose()
    assert result.stopped is None
    assert result.summary["outcomes"] == {"solved": 60, "failed": 0, "truncated": 0, "not_evaluable": 0}
    assert endpoint.answered == 60 * TURNS, "no reply is paid for twice"
    assert "Traceback" not in capfd.readouterr().err
