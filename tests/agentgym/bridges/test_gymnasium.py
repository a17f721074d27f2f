"""Environments of ours as Gymnasium's: alone, in vector environments, and from inside a running loop."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import concatenate, create_empty_array, iterate
from pydantic import BaseModel, Field

from agentgym import Env, Observation, Task, ToolEnv, make, tool
from agentgym.bridges.gymnasium import GymnasiumEnv, as_gymnasium, register
from agentgym.errors import EpisodeStateError, InvalidActionError, MissingExtraError, UnknownNameError, UsageError
from agentgym.registry import env_ids
from environments.guess import Guess, Secret

SEVEN = Secret(id="seven", digit=7)


class Door(Task):
    """A door with a number."""


class Opened(Observation):
    opened: int = 0


class Doors(ToolEnv[Door, Opened], max_turns=3):
    """Open doors by their numbers."""

    def __init__(self, hint: str = "none") -> None:
        self.hint = hint
        self.closed = 0

    async def begin(self, task: Door) -> Opened:
        return Opened(text=f"Hint: {self.hint}.")

    @tool
    async def open(self, number: Annotated[str, Field(pattern=r"^(?:[1-9]\d)+$")]) -> Opened:
        "Open a door."
        self.grant(door=0.25)
        return Opened(text="open", opened=int(number))

    async def aclose(self) -> None:
        self.closed += 1

    def tasks(self, split: str | None = None) -> list[Door]:
        return [Door(id="door")]


class Move(BaseModel, frozen=True):
    to: Annotated[str, Field(pattern="^[ab]+$", max_length=2)]


class Walk(Env[Door, Observation, Move]):
    """Walk between a and b."""

    async def begin(self, task: Door) -> Observation:
        return Observation(text="at a")

    async def apply(self, action: Move) -> Observation:
        return Observation(text=f"at {action.to}")

    def tasks(self, split: str | None = None) -> list[Door]:
        return [Door(id="door")]


def guess(n: int) -> Any:
    """The element that stands for a guess of n."""
    return _tool_call({"n": np.int64(n)}, as_gymnasium("guess"))


def _tool_call(arguments: dict[str, Any], env: GymnasiumEnv) -> Any:
    action = env.action_space.sample()
    action["kind"] = np.int64(0)
    action["case0"]["arguments"] = arguments
    return action


def run_python(code: str) -> str:
    """What a script prints, errors included."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


@pytest.mark.parametrize("env_id", env_ids())
@pytest.mark.parametrize("made", [as_gymnasium, lambda env_id: gymnasium.make(f"agentgym/{env_id}-v0").unwrapped])
def test_the_environment_checker_has_nothing_to_say(made: Callable[[str], gymnasium.Env], env_id: str) -> None:
    env = made(env_id)
    with warnings.catch_warnings():
        # A type without bounds has a space without bounds.
        warnings.filterwarnings("ignore", ".*(is -?infinity|symmetric and normalized)", UserWarning)
        check_env(env)
    env.close()


@pytest.mark.parametrize("inner", [Doors, Walk])
def test_the_environment_checker_has_nothing_to_say_of_instances(inner: Callable[[], Env[Any, Any, Any]]) -> None:
    env = as_gymnasium(inner())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*(is -?infinity)", UserWarning)
        check_env(env, skip_render_check=True)
    env.close()


def test_installed_environments_are_registered_once() -> None:
    before = {env_id: gymnasium.registry[f"agentgym/{env_id}-v0"] for env_id in env_ids()}
    register()
    assert all(gymnasium.registry[f"agentgym/{env_id}-v0"] is spec for env_id, spec in before.items())


def test_registering_imports_no_environment() -> None:
    code = "import sys, agentgym.bridges.gymnasium; print([name for name in sys.modules if 'environments' in name])"
    assert run_python(code) == "[]\n"


@pytest.mark.parametrize("name", ["agentgym/guess-v0", "agentgym.bridges.gymnasium:agentgym/guess-v0"])
def test_gymnasium_makes_ours(name: str) -> None:
    env = gymnasium.make(name, render_mode="ansi")
    assert isinstance(env.unwrapped, GymnasiumEnv)
    assert isinstance(env.unwrapped.inner, Guess)
    env.reset(seed=1)
    assert env.render() == "Guess a digit with the tool."
    env.close()


def test_the_recipe_of_an_environment_makes_another() -> None:
    env = as_gymnasium("guess", max_text=50, render_mode="ansi")
    assert env.spec is not None
    again = gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()).make()
    assert again.action_space == env.action_space
    assert again.render_mode == "ansi"


FILE = """
from agentgym import Observation, Task, ToolEnv, tool
class Echo(ToolEnv[Task, Observation]):
    def __init__(self, times: int = 1) -> None:
        self.times = times
    async def begin(self, task: Task) -> Observation:
        return Observation(text="hello " * self.times)
    @tool
    async def echo(self, text: str) -> str:
        return text
    def tasks(self, split=None):
        return [Task(id="only")]
"""


def test_a_file_and_settings_make_an_environment_too(tmp_path: Path) -> None:
    file = tmp_path / "echo.py"
    file.write_text(FILE)
    env = as_gymnasium(f"{file}:Echo", times=2, render_mode="ansi")
    env.reset()
    assert env.render() == "hello hello "
    assert env.spec is not None
    assert env.spec.kwargs["times"] == 2
    env.close()


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(UsageError, match="made already"):
        as_gymnasium(Guess(), digits=3)
    with pytest.raises(UsageError, match="'ansi'"):
        as_gymnasium("guess", render_mode="human")
    with pytest.raises(UnknownNameError, match="did you mean 'guess'"):
        as_gymnasium("gues")


def test_room_for_texts_can_be_chosen() -> None:
    env = as_gymnasium(Doors("x" * 100), max_text=20)
    observation, _ = env.reset()
    assert observation in env.observation_space
    assert len(observation["case0"]["text"]) == 20


def test_without_gymnasium_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    monkeypatch.delitem(sys.modules, "agentgym.bridges.gymnasium")
    for load in (partial(importlib.import_module, "agentgym.bridges.gymnasium"), partial(make, "gymnasium:Any-v0")):
        with pytest.raises(MissingExtraError, match=r"pip install 'agentgym-async\[gymnasium\]'$"):
            load()


def test_equal_seeds_make_equal_episodes() -> None:
    env, other = as_gymnasium("guess"), as_gymnasium("guess")

    def played(env: GymnasiumEnv) -> list[Any]:
        env.action_space.seed(5)
        seen: list[Any] = [env.reset(seed=5), env.reset()]
        seen += [env.step(guess(3)), env.step(guess(4)), env.reset(), env.step(env.action_space.sample())]
        return seen

    first = played(env)
    assert data_equivalence(first, played(other), exact=True)
    assert data_equivalence(first, played(env), exact=True)
    seeds = [info["seed"] for _, info in (first[0], first[1], first[4])]
    assert seeds[0] == 5
    assert len(set(seeds)) == 3


def test_the_task_is_drawn_by_the_seed() -> None:
    env = as_gymnasium("guess")
    drawn = [env.reset(seed=seed)[1]["task_id"] for seed in range(20)]
    assert len(set(drawn)) > 3


@pytest.mark.parametrize("task", [SEVEN, "digit-7", {"id": "seven", "digit": 7}])
def test_a_task_can_be_asked_for(task: object) -> None:
    env = as_gymnasium("guess")
    _, info = env.reset(seed=1, options={"task": task})
    assert info == {"task_id": env.inner.task.id, "seed": 1, "solved": False}
    assert env.inner.task.digit == 7
    _, reward, terminated, truncated, info = env.step(guess(7))
    assert (reward, terminated, truncated, info["solved"]) == (1.0, True, False, True)
    with pytest.raises(EpisodeStateError, match="over"):
        env.step(guess(7))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"task": "digit-77"}, "lists no task 'digit-77'"),
        ({"task": {"id": "x", "digit": 77}}, "not a task of guess: digit"),
        ({"task": 5}, "not a task of guess"),
        ({"task": Door(id="door")}, "plays tasks of type Secret"),
        ({"tsak": SEVEN}, "unknown reset options: 'tsak'; there is 'task'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], error: str) -> None:
    with pytest.raises(UsageError, match=error):
        as_gymnasium("guess").reset(options=options)


def test_what_a_space_cannot_say_is_told_by_a_tool_error() -> None:
    env = as_gymnasium(Doors(), render_mode="ansi")
    env.reset()
    for number, text in [("ab", "String should match pattern"), ("", "String should match pattern"), ("12", "open")]:
        action = _tool_call({"number": number}, env)
        assert action in env.action_space
        observation, reward, *_ = env.step(action)
        assert observation in env.observation_space
        assert observation["kind"] == (0 if number == "12" else 1)
        assert reward == (0.25 if number == "12" else 0)
        assert text in (env.render() or "")


def test_turns_run_out_as_a_plain_bool() -> None:
    env = as_gymnasium(Doors())
    env.reset()
    ends = [env.step(_tool_call({"number": "12"}, env))[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]
    assert ends[2][1] is True


def test_without_tools_a_refused_action_is_an_error_and_the_episode_goes_on() -> None:
    env = as_gymnasium(Walk())
    env.reset()
    with pytest.raises(InvalidActionError, match="should match pattern"):
        env.step({"to": "c"})
    observation, *_ = env.step({"to": "ab"})
    assert observation == {"text": "at ab"}


@pytest.mark.parametrize("action", [None, 3, {}, {"kind": 7}, {"to": 5}])
def test_what_is_no_element_of_the_space_is_an_error(action: object) -> None:
    for env in (as_gymnasium("guess"), as_gymnasium(Walk())):
        env.reset()
        with pytest.raises(InvalidActionError, match="not in the action space"):
            env.step(action)


def test_drawings_can_be_collected() -> None:
    env = gymnasium.make("agentgym/guess-v0", render_mode="ansi_list")
    env.reset(seed=1, options={"task": SEVEN})
    env.step(guess(3))
    assert env.render() == ["Guess a digit with the tool.", "higher"]
    env.close()


def test_nothing_is_drawn_unless_asked_for() -> None:
    env = as_gymnasium("guess")
    env.reset()
    assert env.render() is None


def test_closing_twice_lets_go_once_and_a_reset_begins_anew() -> None:
    inner = Doors()
    env = as_gymnasium(inner)
    env.close()
    assert inner.closed == 0
    for times in (1, 2):
        env.reset()
        env.close()
        env.close()
        assert inner.closed == times


@pytest.mark.anyio
async def test_it_plays_inside_a_running_loop() -> None:
    env = as_gymnasium("guess")
    env.reset(seed=1, options={"task": SEVEN})
    assert env.step(guess(7))[1] == 1.0
    env.close()


VECTORS: dict[str, Callable[..., VectorEnv[Any, Any, Any]]] = {
    "sync": SyncVectorEnv,
    "fork": partial(AsyncVectorEnv, context="fork"),
    "fork without shared memory": partial(AsyncVectorEnv, context="fork", shared_memory=False),
    "spawn": partial(AsyncVectorEnv, context="spawn"),
    "spawn without shared memory": partial(AsyncVectorEnv, context="spawn", shared_memory=False),
}


@pytest.fixture(params=VECTORS)
def vector(request: pytest.FixtureRequest) -> Iterator[VectorEnv[Any, Any, Any]]:
    envs = VECTORS[request.param]([partial(as_gymnasium, "guess"), partial(gymnasium.make, MADE_ANYWHERE)])
    yield envs
    envs.close()


MADE_ANYWHERE = "agentgym.bridges.gymnasium:agentgym/guess-v0"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_vector_environments_play_what_each_environment_plays(vector: VectorEnv[Any, Any, Any]) -> None:
    alone = [as_gymnasium("guess"), as_gymnasium("guess")]
    shown = [env.reset(seed=3 + place)[0] for place, env in enumerate(alone)]
    observations, infos = vector.reset(seed=3)
    assert infos["seed"].tolist() == [3, 4]
    for n in (0, 9):
        assert data_equivalence(list(iterate(vector.observation_space, observations)), shown, exact=True)
        empty: Any = create_empty_array(alone[0].action_space, 2)
        actions = concatenate(alone[0].action_space, [guess(n)] * 2, empty)
        observations, *_ = vector.step(actions)
        shown = [env.step(guess(n))[0] for env in alone]


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_gymnasium_makes_several_of_ours(mode: str) -> None:
    envs = gymnasium.make_vec("agentgym/guess-v0", num_envs=3, vectorization_mode=mode)
    envs.reset(seed=1)
    rewards = np.zeros(3)
    for _ in range(12):
        rewards += envs.step(envs.action_space.sample())[1]
    assert rewards.shape == (3,)
    envs.close()


UNCLOSED = """
import gymnasium, agentgym.bridges.gymnasium
from gymnasium.vector import SyncVectorEnv
envs = gymnasium.make_vec("agentgym/guess-v0", num_envs=2)
envs.reset()
env = gymnasium.make("agentgym/guess-v0")
env.reset()
class Late:
    def __del__(self, env=env):
        env.close()
        print("closed late")
late = Late()
"""


def test_what_is_left_open_does_not_disturb_the_end_of_the_program() -> None:
    assert run_python(UNCLOSED) == "closed late\n"


def test_what_was_never_used_needs_no_thread() -> None:
    code = (
        "import threading; from agentgym.bridges.gymnasium import as_gymnasium; as_gymnasium('guess').close();"
        "print(threading.active_count())"
    )
    assert run_python(code) == "1\n"
