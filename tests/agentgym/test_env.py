"""The environment contract, through reset and step alone."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from random import Random
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel
import pytest
from pydantic import BaseModel

from agentgym import Env, Observation, Say, Task, ToolAction, ToolEnv, ToolError, tool
from agentgym.errors import DefinitionError, EpisodeStateError, InvalidActionError, ToolFault, UsageError
from environments.guess import Guess, Secret

pytestmark = pytest.mark.anyio
SEVEN = Secret(id="seven", digit=7)


async def test_reset_shows_the_first_observation_and_names_seed_and_task() -> None:
    observation, info = await Guess().reset(SEVEN, seed=3)
    assert observation.text == "Guess a digit with the tool."
    assert info == {"seed": 3, "task_id": "seven"}


async def test_step_answers_in_gymnasiums_order() -> None:
    async with Guess() as env:
        await env.reset(SEVEN)
        observation, reward, terminated, truncated, info = await env.step(Guess.guess.action(n=3))
        assert (observation.text, reward, terminated, truncated) == ("higher", 0.0, False, False)
        assert set(info) == {"elapsed_s"}
        last = await env.step(env.guess.action(7))
        assert (last.observation.text, last.reward, last.terminated) == ("correct", 1.0, True)
        assert env.solved
        assert env.reward == 1.0


async def test_the_same_seed_draws_the_same_task_and_chances() -> None:
    draws = []
    for seed in (5, 5, 6, 7, 8):
        env = Guess()
        await env.reset(seed=seed)
        draws.append((env.task.id, env.rng.random()))
    assert draws[0] == draws[1]
    assert len(set(draws)) == 4


async def test_a_given_task_leaves_the_chances_as_a_drawn_one_does() -> None:
    drawn, given = Guess(), Guess()
    await drawn.reset(seed=11)
    await given.reset(drawn.task, seed=11)
    assert drawn.rng.getstate() == given.rng.getstate() == Random(11).getstate()


async def test_chances_of_an_authors_own_are_seeded_too() -> None:
    class Own(Guess):
        rng: Random = Random()  # type: ignore[assignment]

    env, again = Own(), Own()
    await env.reset(SEVEN, seed=3)
    await again.reset(SEVEN, seed=3)
    assert env.rng.random() == again.rng.random() == Random(3).random()
    with pytest.raises(EpisodeStateError, match="has no episode"):
        _ = Guess().rng


async def test_resets_without_a_seed_go_on_from_the_last_one() -> None:
    def tasks_of(infos: list[object]) -> list[object]:
        return infos

    runs = []
    for _ in range(2):
        env = Guess()
        infos: list[object] = [(await env.reset(seed=1)).info]
        infos += [(await env.reset()).info for _ in range(3)]
        runs.append(tasks_of(infos))
    assert runs[0] == runs[1]
    assert len({str(info) for info in runs[0]}) == 4


@pytest.mark.parametrize("moment", ["before", "after", "turns"])
async def test_a_step_outside_the_episode_says_what_to_call(moment: str) -> None:
    env = Guess()
    if moment == "after":
        await env.reset(SEVEN)
        await env.call("guess", {"n": 7})
    if moment == "turns":
        await env.reset(SEVEN)
        for _ in range(7):
            assert not (await env.call("guess", {"n": 1})).truncated
        assert (await env.call("guess", {"n": 1})).truncated
        assert env.truncated_by == "turns"
    with pytest.raises(EpisodeStateError, match="reset"):
        await env.step(Guess.guess.action(n=1))


async def test_two_steps_at_once_are_refused() -> None:
    class Slow(ToolEnv[Task, Observation]):
        async def begin(self, task: Task) -> Observation:
            return Observation(text="go")

        @tool
        async def wait(self) -> str:
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            return "done"

    env = Slow()
    await env.reset(Task(id="t"))
    refused: list[str] = []

    async def step() -> None:
        try:
            await env.step(Slow.wait.action())
        except EpisodeStateError as error:
            refused.append(str(error))

    async with anyio.create_task_group() as group:
        group.start_soon(step)
        group.start_soon(step)
    assert len(refused) == 1
    assert "middle of a step" in refused[0]


async def test_an_action_of_another_class_is_refused_even_with_the_same_name() -> None:
    class Other(ToolEnv[Secret, Observation]):
        async def begin(self, task: Secret) -> Observation:
            return Observation(text="")

        @tool
        async def guess(self, n: int) -> str:
            return str(n)

    env = Guess()
    await env.reset(SEVEN)
    with pytest.raises(InvalidActionError, match="not an action of guess"):
        await env.step(Other.guess.action(n=7))
    with pytest.raises(InvalidActionError, match="Say"):
        await env.step("guess 7")  # type: ignore[arg-type]
    assert (await env.step(Guess.guess.action(n=7))).terminated, "a refused action changes nothing"


async def test_a_task_of_another_type_is_refused_with_the_mend() -> None:
    with pytest.raises(UsageError, match=r"Secret\(id=\.\.\., \.\.\.\)"):
        await Guess().reset(Task(id="t"))  # type: ignore[arg-type]


async def test_an_environment_without_tasks_asks_for_one() -> None:
    class Bare(ToolEnv[Task, Observation]):
        async def begin(self, task: Task) -> Observation:
            return Observation(text=task.id)

    assert (await Bare().reset(Task(id="mine"))).observation.text == "mine"
    with pytest.raises(UsageError, match="lists no tasks"):
        await Bare().reset()


async def test_reward_is_the_weighted_sum_of_named_terms() -> None:
    class Graded(ToolEnv[Task, Observation]):
        weights = {"style": 0.5}  # noqa: RUF012

        async def begin(self, task: Task) -> Observation:
            return Observation(text="go")

        @tool
        async def work(self) -> str:
            self.grant(effort=0.25)
            self.grant(effort=0.25)
            return "ok"

        @tool
        async def hand_in(self, solved: bool | None = None) -> str:
            self.finish(reward=0.2, style=1.0, solved=solved)
            return "done"

    env = Graded()
    await env.reset(Task(id="t"))
    assert (await env.call("work")).reward == 0.5
    assert (await env.call("hand_in")).reward == 0.7
    assert env.reward == pytest.approx(1.2)
    assert {name: (term.value, term.weight) for name, term in env.reward_terms.items()} == {
        "effort": (0.5, 1.0),
        "reward": (0.2, 1.0),
        "style": (1.0, 0.5),
    }
    assert env.solved
    await env.reset(Task(id="t"))
    await env.call("hand_in", {"solved": True})
    assert env.solved, "an environment's own word goes before the reward"


@pytest.mark.parametrize("mistake", ["nan", "twice"])
async def test_wrong_endings_are_the_tools_fault(mistake: str) -> None:
    class Wrong(ToolEnv[Task, Observation]):
        async def begin(self, task: Task) -> Observation:
            return Observation(text="go")

        @tool
        async def nan(self) -> str:
            self.finish(reward=float("nan"))
            return ""

        @tool
        async def twice(self) -> str:
            self.finish(reward=1)
            self.finish(reward=1)
            return ""

    env = Wrong()
    await env.reset(Task(id="t"))
    with pytest.raises(ToolFault, match="finite number" if mistake == "nan" else "finish it once"):
        await env.call(mistake)


async def test_notes_go_to_the_info_of_their_own_step() -> None:
    class Noted(ToolEnv[Task, Observation]):
        async def begin(self, task: Task) -> Observation:
            self.note(begun=True)
            return Observation(text="go")

        @tool
        async def work(self, n: int) -> str:
            self.note(seen=n)
            return "ok"

    env = Noted()
    assert (await env.reset(Task(id="t"), seed=1)).info["begun"] is True
    first, second = await env.call("work", {"n": 1}), await env.call("work", {"n": 2})
    assert (first.info["seen"], second.info["seen"]) == (1, 2)
    assert "begun" not in first.info


async def test_a_fork_goes_its_own_way() -> None:
    env = Guess()
    await env.reset(SEVEN, seed=1)
    await env.call("guess", {"n": 1})
    twin = env.fork()
    assert (await twin.call("guess", {"n": 7})).terminated
    assert not env.over
    assert twin.task is env.task
    assert env.rng.random() == twin.rng.random()


async def test_begin_that_fails_leaves_no_half_episode() -> None:
    class Fragile(ToolEnv[Task, Observation]):
        async def begin(self, task: Task) -> Observation:
            raise RuntimeError("no")

    env = Fragile()
    with pytest.raises(RuntimeError, match="no"):
        await env.reset(Task(id="t"))
    with pytest.raises(EpisodeStateError):
        await env.step(Say("hello"))


class Move(BaseModel, frozen=True, extra="forbid"):
    by: int


class Counter(Env[Task, Observation, Move], max_turns=5):
    "Reach three."

    async def begin(self, task: Task) -> Observation:
        self.at = 0
        return Observation(text="at 0")

    async def apply(self, action: Move) -> Observation:
        self.at += action.by
        if self.at == 3:
            self.finish(reward=1.0)
        return Observation(text=f"at {self.at}")

    def reference(self) -> Iterator[Move]:
        while self.at < 3:
            yield Move(by=1)


async def test_a_low_level_environment_steps_with_its_own_action_type() -> None:
    env = Counter()
    await env.reset(Task(id="t"))
    assert (await env.step(Move(by=2))).observation.text == "at 2"
    assert (await env.step(Move(by=1))).terminated


def test_actions_survive_a_record() -> None:
    assert Counter().load_action(Counter().dump_action(Move(by=2))) == Move(by=2)
    action = Guess.guess.action(n=3)
    assert Guess().load_action(Guess().dump_action(action)) == action
    assert Guess().load_action(Guess().dump_action(Say("hi"))) == Say("hi")
    bad = Guess().parse_call(Guess().compose(action).tool_calls[0])
    assert bad == action
    with pytest.raises(InvalidActionError, match="by"):
        Counter().load_action({"by": "x"})


def test_ids_come_from_the_class_keyword_or_the_class_name() -> None:
    class MazeRunner(Counter):
        pass

    assert (Counter.id, Counter.max_turns) == ("counter", 5)
    assert (MazeRunner.id, MazeRunner.max_turns) == ("maze-runner", 5)
    assert (Guess.id, Guess.max_turns, Guess().instructions) == ("guess", 8, "Find the hidden digit.")


def test_generic_environments_hand_their_types_down() -> None:
    T = TypeVar("T", bound=Task)
    Seen = TypeVar("Seen", bound=BaseModel)

    class Half(ToolEnv[T, Observation], Generic[T]):
        async def begin(self, task: T) -> Observation:
            return Observation(text=task.id)

        @tool
        async def look(self) -> str:
            return "nothing"

    class Whole(Half[Secret]):
        pass

    class Swapped(ToolEnv[T, Seen], Generic[Seen, T]):
        pass

    class Fixed(Swapped[Observation, Secret]):
        pass

    assert (Whole.task_type, Whole.observation_type, list(Whole.tools)) == (Secret, Observation, ["look"])
    assert (Fixed.task_type, Fixed.observation_type) == (Secret, Observation)


def test_a_task_type_must_be_frozen_with_an_id() -> None:
    class Loose(BaseModel):
        id: str

    with pytest.raises(DefinitionError, match="frozen"):

        class Wrong(Env[Loose, Observation, Move]):
            pass


async def test_any_frozen_model_with_an_id_will_do_as_a_task() -> None:
    class Plain(BaseModel, frozen=True):
        id: str

    class Shown(BaseModel):
        cells: list[int]

    class Board(ToolEnv[Plain, Shown]):
        async def begin(self, task: Plain) -> Shown:
            return Shown(cells=[1, 2])

        @tool
        async def flip(self) -> Shown | ToolError:
            return ToolError(text="it is stuck")

    env = Board()
    observation = (await env.reset(Plain(id="p"))).observation
    assert env.show(observation)[0].content == '{"cells":[1,2]}'
    step = await env.step(Board.flip.action())
    assert isinstance(step.observation, ToolError)
    assert (step.observation.kind, step.observation.tool) == ("failed", "flip")


def test_actions_can_be_pickled_apart_from_their_environment() -> None:
    action = Counter().load_action('{"by": 1}')
    assert pickle.loads(pickle.dumps(action)) == action
    assert isinstance(Guess.guess.action(1), ToolAction)
