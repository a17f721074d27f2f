"""A violation of every rule is planted in a small environment, and found under the name of that rule."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Annotated, Any, Self

import anyio
import anyio.lowlevel
import pytest
from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

import agentgym.testing
from agentgym import BadCall, Env, Observation, Say, Task, ToolAction, ToolCall, ToolEnv, ToolError, Turn, tool
from agentgym.errors import UsageError
from agentgym.testing import CheckReport, check_env, virtual_backend
from environments.guess import Guess, Secret

pytestmark = pytest.mark.anyio
Pace = Annotated[int, Field(ge=-1, le=1)]


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Street(Task):
    """How far it is to the door."""

    door: int


class Walk(ToolEnv[Street, Observation], max_turns=6):
    "Walk to the door."

    position: int

    async def begin(self, task: Street) -> Observation:
        await anyio.lowlevel.checkpoint()
        self.position = 0
        return Observation(text="You stand at 0.")

    @tool
    async def go(self, by: Pace) -> str:
        "Go one pace."
        await anyio.lowlevel.checkpoint()
        self.position += by
        return self.arrived()

    def arrived(self) -> str:
        if self.position == self.task.door:
            self.finish(reward=1.0)
        return f"You stand at {self.position}, and the wind blows {self.rng.choice(['east', 'west'])}."

    def reference(self) -> Iterator[Any]:
        yield from [Turn(tool_calls=(ToolCall("go", {"by": 1}),))] * self.task.door

    def tasks(self, split: str | None = None) -> list[Street]:
        return [Street(id=f"door-{door}", door=door) for door in (1, 2, 3)]


class Turnstile(Env[Street, Observation, Street], max_turns=4):
    "Answer with a street."

    async def begin(self, task: Street) -> Observation:
        return Observation(text="which street?")

    async def apply(self, action: Street) -> Observation:
        if action.door == self.task.door:
            self.finish(reward=1.0)
        return Observation(text=f"not {action.door}")

    def reference(self) -> Iterator[Street]:
        yield self.task

    def tasks(self, split: str | None = None) -> list[Street]:
        return [Street(id="one", door=1)]


async def check(make: Any, **settings: Any) -> CheckReport:
    return await check_env(make, **{"seeds": 2, "instances": 6, **settings})


async def violations(make: Any, **settings: Any) -> dict[str, str]:
    report = await check(make, **settings)
    return {finding.rule: finding.message for finding in report.violations}


def status(report: CheckReport) -> dict[str, str]:
    return {finding.rule: finding.status for finding in report.findings}


@pytest.mark.parametrize("make", [Guess, Walk, Turnstile])
async def test_an_environment_that_keeps_the_contract_passes_every_rule(make: Any) -> None:
    report = await check_env(make)
    assert set(status(report).values()) == {"ok"}, str(report)
    assert report.ok
    assert report.idle is not None
    assert report.oracle is not None
    assert (report.idle.solved_rate, report.oracle.solved_rate, report.oracle.mean_reward) == (0.0, 1.0, 1.0)
    assert report.longest_block_ms is not None
    assert report.longest_block_ms <= 5


async def test_the_report_is_a_table_with_a_line_per_rule() -> None:
    report = await check(Guess)
    head, *rows = str(report).splitlines()
    assert head == "guess: ok"
    assert [row.split()[:2] for row in rows] == [["ok", rule] for rule in status(report)]


async def test_a_task_that_is_ended_in_aclose_is_no_violation() -> None:
    class Butler(Walk):
        dismissed: anyio.Event | None = None

        async def begin(self, task: Street) -> Observation:
            await self.aclose()
            self.dismissed = anyio.Event()
            _start_in_background(self.dismissed.wait)
            return await super().begin(task)

        async def aclose(self) -> None:
            if self.dismissed is not None:
                self.dismissed.set()

        def fork(self) -> Self:
            raise UsageError("a butler serves one")

    report = await check(Butler)
    assert report.ok, str(report)
    assert status(report)["fork"] == "skipped"


async def test_chances_that_no_seed_rules() -> None:
    class Lucky(Walk):
        def arrived(self) -> str:
            self.grant(luck=random.random())
            return super().arrived()

    report = await check(Lucky)
    [found] = report.violations
    assert found.rule == "determinism"
    assert "step 1 (go): reward is" in found.message
    assert status(report)["isolation"] == status(report)["fork"] == status(report)["bad-arguments"] == "skipped"


async def test_an_instance_that_remembers_its_last_episode() -> None:
    class Elephant(Walk):
        paces = 0

        def arrived(self) -> str:
            self.paces += 1
            return f"pace {self.paces}: {super().arrived()}"

    found = await violations(Elephant)
    assert set(found) == {"determinism", "observations"}
    assert "an instance that played before plays differently" in found["determinism"]


async def test_an_observation_that_tells_the_time() -> None:
    class Clock(Observation):
        parts: dict[str, list[int]] = Field(default_factory=dict)

    class Timed(ToolEnv[Street, Clock], max_turns=3):
        async def begin(self, task: Street) -> Clock:
            return Clock(text="go")

        @tool
        async def look(self) -> Clock:
            return Clock(text="a clock", parts={"hands": [0, time.perf_counter_ns()]})

    found = await violations(Timed, tasks=Walk().tasks())
    assert set(found) == {"determinism", "observations"}
    assert "observation.parts.hands[1] varies between equal runs" in found["observations"]
    assert "(look)" in found["observations"]


async def test_state_on_the_class() -> None:
    class Shared(Walk):
        async def begin(self, task: Street) -> Observation:
            observation = await super().begin(task)
            Shared.position = self.__dict__.pop("position")
            return observation

        @tool
        async def go(self, by: Pace) -> str:
            await anyio.lowlevel.checkpoint()
            Shared.position += by
            return self.arrived()

        def fork(self) -> Self:
            raise UsageError("the street cannot be copied")

    report = await check(Shared, instances=50)
    [found] = report.violations
    assert found.rule == "isolation"
    assert "beside 49 others" in found.message
    assert {"fork": "skipped"}.items() <= status(report).items()


async def test_a_fork_that_shares_state() -> None:
    class Shallow(Walk):
        async def begin(self, task: Street) -> Observation:
            self.path: list[int] = []
            return await super().begin(task)

        def arrived(self) -> str:
            self.path.append(self.position)
            return f"{super().arrived()} You came by {self.path}."

        def fork(self) -> Self:
            twin = super().fork()
            twin.path = self.path
            return twin

    found = await violations(Shallow)
    assert set(found) == {"fork"}
    assert 'You came by [-1, 0]." or' in found["fork"], "a long text is cut to where it differs"


async def test_an_episode_that_cannot_be_copied() -> None:
    class Locked(Walk):
        def __init__(self) -> None:
            self.lock = threading.Lock()

    report = await check(Locked)
    assert report.ok
    assert status(report)["fork"] == "skipped"
    assert "cannot pickle" in str(report)
    assert "override `fork`" in str(report)


def _on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _start_in_background(work: Callable[[], Coroutine[Any, Any, object]]) -> None:
    if _on_asyncio():
        asyncio.get_running_loop().create_task(work())
        return
    import trio.lowlevel

    trio.lowlevel.spawn_system_task(work)


async def test_a_tool_that_swallows_cancellation() -> None:
    class Deaf(Walk):
        @tool
        async def go(self, by: Pace) -> str:
            try:
                await anyio.lowlevel.checkpoint()
            except BaseException:
                self.position += 0
            self.position += by
            return self.arrived()

    found = await violations(Deaf)
    assert set(found) == {"cancellation"}
    assert "cancelled in Deaf.go, it goes on as if nothing were" in found["cancellation"]


async def test_a_tool_that_will_not_end() -> None:
    class Stubborn(Walk):
        @tool
        async def go(self, by: Pace) -> str:
            try:
                await anyio.lowlevel.checkpoint()
            except BaseException:
                while True:
                    try:
                        await anyio.sleep(1)
                    except BaseException:
                        self.position += by
            self.position += by
            return self.arrived()

    found = await violations(Stubborn)
    assert set(found) == {"cancellation"}
    assert "cancelled in Stubborn.go, it does not end" in found["cancellation"]


async def test_a_task_that_outlives_the_episode() -> None:
    class Leaky(Walk):
        async def begin(self, task: Street) -> Observation:
            _start_in_background(anyio.sleep_forever)
            return await super().begin(task)

    found = await violations(Leaky)
    assert set(found) == {"cancellation"}
    assert "played to the end, it leaves running: task sleep_forever" in found["cancellation"]


async def test_a_task_that_only_a_cancelled_episode_leaves_behind() -> None:
    class Careless(Walk):
        async def begin(self, task: Street) -> Observation:
            done = anyio.Event()
            _start_in_background(done.wait)
            observation = await super().begin(task)
            done.set()
            return observation

    found = await violations(Careless)
    assert set(found) == {"cancellation"}
    assert "cancelled in Walk.begin, it leaves running: task Event.wait" in found["cancellation"]


async def test_an_error_where_cancellation_should_pass() -> None:
    class Rude(Walk):
        @tool
        async def go(self, by: Pace) -> str:
            try:
                await anyio.lowlevel.checkpoint()
            except BaseException:
                raise OSError("the street is closed") from None
            self.position += by
            return self.arrived()

    found = await violations(Rude)
    assert set(found) == {"cancellation"}
    assert "the street is closed" in found["cancellation"]


async def test_an_error_in_letting_go_of_half_an_episode() -> None:
    class Hasty(Walk):
        closed = True

        async def begin(self, task: Street) -> Observation:
            self.closed = False
            observation = await super().begin(task)
            self.door = object()
            return observation

        async def aclose(self) -> None:
            if not self.closed:
                del self.door
            self.closed = True

        def fork(self) -> Self:
            raise UsageError("one door")

    found = await violations(Hasty)
    assert set(found) == {"cancellation"}
    assert "cancelled in Walk.begin, it raised AttributeError" in found["cancellation"]


async def test_a_schema_that_is_none() -> None:
    class Odd(Walk):
        @tool
        async def go(self, by: Annotated[int, WithJsonSchema({"type": "integr", "minimum": "none"})]) -> str:
            self.position += by
            return self.arrived()

    found = await violations(Odd)
    assert set(found) == {"schemas"}
    assert "go.properties.by.type is 'integr', not one or several of string, integer" in found["schemas"]
    assert "go.properties.by.minimum is 'none', not a number" in found["schemas"]


async def test_two_tasks_of_one_id() -> None:
    found = await violations(Walk, tasks=[Street(id="t", door=1), Street(id="t", door=2)])
    assert found == {"schemas": "2 tasks have the id 't'"}


async def test_an_observation_that_does_not_survive_json() -> None:
    class Sight(Observation):
        seen: Annotated[int, PlainSerializer(lambda _: "much")] = 0

    class Look(ToolEnv[Secret, Sight], max_turns=2):
        async def begin(self, task: Secret) -> Sight:
            return Sight(text="look")

        @tool
        async def look(self) -> Sight:
            return Sight(text="far")

    found = await violations(Look, tasks=Guess().tasks())
    assert set(found) == {"schemas"}
    assert "the first observation does not survive JSON" in found["schemas"]


async def test_an_action_that_comes_back_as_another() -> None:
    class Mirror(Walk):
        def load_action(self, recorded: Any) -> Any:
            action = super().load_action(recorded)
            return Say("?") if isinstance(action, ToolAction) else action

    found = await violations(Mirror)
    assert set(found) == {"schemas"}
    assert "the action go is another after dump_action and load_action" in found["schemas"]


async def test_arguments_that_are_coerced() -> None:
    class Lax(Walk):
        @tool
        async def go(self, by: Annotated[int, BeforeValidator(int), Field(ge=-9, le=9)]) -> str:
            self.position += by
            return self.arrived()

    found = await violations(Lax)
    assert set(found) == {"bad-arguments"}
    assert """go({"by":"7"}) gave Observation(text='You stand at 7""" in found["bad-arguments"]


async def test_a_bad_call_that_raises() -> None:
    class Brittle(Walk):
        def parse_call(self, call: ToolCall) -> ToolAction | BadCall:
            return self.tools[call.name].parse(call)

    found = await violations(Brittle)
    assert set(found) == {"bad-arguments"}
    assert "go_that_is_not(" in found["bad-arguments"]
    assert "raised KeyError: 'go_that_is_not'" in found["bad-arguments"]


async def test_a_bad_call_that_changes_the_state() -> None:
    class Stumbling(Walk):
        async def apply(self, action: ToolAction | BadCall | Say) -> Observation | ToolError:
            if isinstance(action, BadCall) and "list" in action.call.text:
                self.position += 1
            return await super().apply(action)

    found = await violations(Stumbling)
    assert set(found) == {"bad-arguments"}
    assert """after go(["a", "list"]) the episode plays differently""" in found["bad-arguments"]


async def test_a_bad_call_that_ends_the_episode() -> None:
    class Strict(Walk):
        async def apply(self, action: ToolAction | BadCall | Say) -> Observation | ToolError:
            if isinstance(action, BadCall) and "list" in action.call.text:
                self.finish(0.0)
            return await super().apply(action)

    report = await check_env(Strict, seeds=1, instances=2)
    assert report.ok, "an author may want it so"
    [finding] = [finding for finding in report.findings if finding.status == "warning"]
    assert finding.rule == "bad-arguments"
    assert """1 of them end the episode, such as go(["a", "list"])""" in finding.message


async def test_a_text_that_is_no_action_and_raises() -> None:
    class Brittle(Turnstile):
        def parse(self, turn: Turn) -> list[Street]:
            return [Street.model_validate_json(turn.text)]

    found = await violations(Brittle)
    assert set(found) == {"contract", "bad-arguments"}, "the idle agent says no action either"
    assert "the text '' raised ValidationError" in found["bad-arguments"]
    assert "`parse` must raise InvalidActionError" in found["bad-arguments"]


async def test_a_text_that_is_no_action_and_changes_the_state() -> None:
    class Offended(Turnstile):
        sulks = False

        def parse(self, turn: Turn) -> Any:
            self.sulks = self.sulks or turn.text == "Hello."
            return super().parse(turn)

        async def apply(self, action: Street) -> Observation:
            return Observation(text="hm") if self.sulks else await super().apply(action)

    found = await violations(Offended)
    assert set(found) == {"bad-arguments"}
    assert "after the text 'Hello.' the episode plays differently" in found["bad-arguments"]


@pytest.mark.parametrize("hook", ["begin", "go", "aclose"])
async def test_a_hook_that_blocks_the_event_loop(hook: str) -> None:
    class Slow(Walk):
        def slow(self, here: str) -> None:
            time.sleep(0.006 if here == hook else 0)

        async def begin(self, task: Street) -> Observation:
            self.slow("begin")
            return await super().begin(task)

        def arrived(self) -> str:
            self.slow("go")
            return super().arrived()

        async def aclose(self) -> None:
            self.slow("aclose")

    report = await check(Slow, seeds=1, instances=2, tasks=[Street(id="t", door=1)])
    [found] = report.violations
    assert found.rule == "blocking"
    assert f"in {hook} for " in found.message
    assert report.longest_block_ms is not None
    assert report.longest_block_ms >= 6


async def test_a_second_aclose_that_raises() -> None:
    class Once(Walk):
        closed = True

        async def begin(self, task: Street) -> Observation:
            self.closed = False
            return await super().begin(task)

        async def aclose(self) -> None:
            if self.closed:
                raise OSError("closed already")
            self.closed = True

    found = await violations(Once)
    assert set(found) == {"contract"}
    assert "aclose before any reset raised OSError: closed already" in found["contract"]
    assert "a second aclose raised OSError: closed already" in found["contract"]


async def test_an_episode_without_end() -> None:
    class Endless(Walk, max_turns=None):
        def arrived(self) -> str:
            return "You walk."

        def reference(self) -> Iterator[Any]:
            yield Turn("I give up.")

    found = await violations(Endless, seeds=1, instances=2)
    assert "no end within 500 turns; set max_turns" in found.pop("contract")
    assert set(found) == {"oracle"}


async def test_a_tool_that_raises() -> None:
    class Buggy(Walk):
        def arrived(self) -> str:
            return str(1 / 0) if self.position < 0 else super().arrived()

    found = await violations(Buggy)
    assert set(found) == {"contract"}
    assert "random agent, task door-" in found["contract"]
    assert "buggy.go: ZeroDivisionError: division by zero (test_check_env.py:" in found["contract"]


async def test_a_begin_that_raises_leaves_the_other_rules_untried() -> None:
    class Broken(Walk):
        async def begin(self, task: Street) -> Observation:
            raise LookupError("no such street")

    report = await check(Broken)
    assert "no such street" in report.violations[0].message
    played = {"contract": "violation", "schemas": "ok", "idle": "ok", "oracle": "violation"}
    assert status(report) == {**dict.fromkeys(status(report), "skipped"), **played}


async def test_what_is_solved_by_doing_nothing_is_worth_a_look() -> None:
    class Kind(Walk):
        async def hear(self, text: str) -> Observation:
            self.finish(reward=1.0)
            return Observation(text="welcome anyway")

    report = await check(Kind)
    assert report.ok
    assert status(report)["idle"] == "warning"
    assert "solved 100% of 3, mean reward 1.00: some tasks are solved by doing nothing" in str(report)


async def test_an_oracle_that_does_not_solve() -> None:
    class Lost(Walk):
        def reference(self) -> Iterator[Any]:
            yield from [Turn(tool_calls=(ToolCall("go", {"by": 1}),))] * 2

    found = await violations(Lost)
    assert set(found) == {"oracle"}
    assert "solved 67% of 3, mean reward 0.67; task door-3: failed, reward 0" in found["oracle"]


async def test_without_a_reference_no_oracle_plays() -> None:
    class Riddle(ToolEnv[Secret, Observation], max_turns=2):
        async def begin(self, task: Secret) -> Observation:
            return Observation(text="?")

        @tool
        async def answer(self) -> str:
            return "no"

    report = await check(Riddle, tasks=Guess().tasks())
    assert report.ok
    assert (status(report)["oracle"], report.oracle) == ("skipped", None)


async def test_an_oracle_may_decline() -> None:
    class Secretive(Walk):
        def reference(self) -> Iterator[Any]:
            raise UsageError("the way is secret")

    report = await check(Secretive)
    assert report.ok
    assert "skipped    oracle         the way is secret" in str(report)


def violations_in_virtual_time(make: Any, backend: str, **settings: Any) -> dict[str, str]:
    async def main() -> dict[str, str]:
        return await violations(make, **settings)

    name, options = virtual_backend(backend)
    return anyio.run(main, backend=name, backend_options=options)


def test_an_environment_that_hangs_hangs_nobody(backend: str) -> None:
    class Hanging(Walk):
        async def begin(self, task: Street) -> Observation:
            await anyio.sleep_forever()
            return await super().begin(task)

    found = violations_in_virtual_time(Hanging, backend)
    assert set(found) == {"contract"}
    assert "no end within 60 s, waiting in Hanging.begin" in found["contract"]


def test_an_environment_that_hangs_and_will_not_be_cancelled_is_left_behind(backend: str) -> None:
    class Wedged(Walk):
        async def begin(self, task: Street) -> Observation:
            while True:
                try:
                    await anyio.sleep(1)
                except BaseException:
                    self.position = 0

    found = violations_in_virtual_time(Wedged, backend)
    assert set(found) == {"contract"}
    assert "waiting in Wedged.begin; cancelled, it went on, and was left behind" in found["contract"]


def test_an_environment_that_shields_itself_for_good_is_left_behind(backend: str) -> None:
    class Walled(Walk):
        @tool
        async def go(self, by: Pace) -> str:
            with anyio.CancelScope(shield=self.position == 0):
                await anyio.sleep(60)
            self.position += by
            return self.arrived()

    found = violations_in_virtual_time(Walled, backend, timeout_s=1e6)
    assert set(found) == {"cancellation"}
    assert "cancelled in Walled.go, it does not end" in found["cancellation"]


def test_a_deadline_of_its_own_is_no_cancellation(backend: str) -> None:
    class Impatient(Walk):
        @tool
        async def go(self, by: Pace) -> str:
            with anyio.move_on_after(1):
                await anyio.sleep_forever()
            with anyio.CancelScope(shield=True), anyio.move_on_after(1):
                await anyio.sleep_forever()
            self.position += by
            return self.arrived()

    assert violations_in_virtual_time(Impatient, backend, timeout_s=1e6) == {}


def test_cleaning_up_may_wait_for_a_moment(backend: str) -> None:
    class Tidy(Walk):
        @tool
        async def go(self, by: Pace) -> str:
            try:
                await anyio.sleep(1)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(5)
            self.position += by
            return self.arrived()

    assert violations_in_virtual_time(Tidy, backend, timeout_s=1e6) == {}


def test_a_thread_that_is_still_at_work(backend: str) -> None:
    released = threading.Event()

    class Threaded(Walk):
        async def begin(self, task: Street) -> Observation:
            threading.Thread(target=released.wait, name="left over").start()
            return await super().begin(task)

    try:
        found = violations_in_virtual_time(
            Threaded, backend, max_block_ms=1000, seeds=1, instances=2, tasks=[Street(id="t", door=1)]
        )
    finally:
        released.set()
    assert set(found) == {"cancellation"}
    assert "it leaves running: thread 'left over'" in found["cancellation"]


async def test_every_name_is_there_and_no_other() -> None:
    for name in agentgym.testing.__all__:
        assert getattr(agentgym.testing, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'check_envs'"):
        _ = agentgym.testing.check_envs


async def test_without_tasks_it_asks_for_some() -> None:
    class Bare(Walk):
        def tasks(self, split: str | None = None) -> list[Street]:
            return []

    with pytest.raises(UsageError, match=r"bare lists no tasks; give some: check_env\(make, tasks=\[\.\.\.\]\)"):
        await check_env(Bare)


async def test_tasks_of_another_type_are_refused() -> None:
    with pytest.raises(UsageError, match="walk plays tasks of type Street, not Secret"):
        await check_env(Walk, tasks=Guess().tasks())


@pytest.mark.parametrize("setting", ["seeds", "instances", "max_block_ms", "timeout_s"])
async def test_settings_are_positive(setting: str) -> None:
    with pytest.raises(UsageError, match=rf"check_env\({setting}=0\)"):
        await check(Walk, **{setting: 0})


async def test_the_check_itself_can_be_cancelled() -> None:
    class Hanging(Walk):
        async def begin(self, task: Street) -> Observation:
            await anyio.sleep_forever()
            return await super().begin(task)

    with anyio.move_on_after(0.01) as deadline:
        await check_env(Hanging)
    assert deadline.cancelled_caught
