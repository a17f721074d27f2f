"""Gymnasium's environments as ours: what agents may do in them, what they see, and how episodes end."""

from __future__ import annotations

import threading
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import Space, spaces
from gymnasium.utils.env_checker import check_env
from pydantic import JsonValue

from agentgym import IdlePolicy, Limits, RandomPolicy, ScriptedPolicy, ToolCall, ToolError, make, rollout
from agentgym.bridges.gymnasium import as_gymnasium, wrap
from agentgym.bridges.wrapped import GymTask
from agentgym.episode import Episode
from agentgym.errors import InvalidActionError, ToolFault, UnknownNameError, UsageError
from agentgym.sampling import sample_json

pytestmark = pytest.mark.anyio

LEFT, DOWN, RIGHT, UP = range(4)
TAXI = "Taxi-v4" if "Taxi-v4" in gymnasium.registry else "Taxi-v3"
TO_THE_GOAL = [DOWN, DOWN, RIGHT, RIGHT, DOWN, RIGHT]
SEED_3 = GymTask(id="seed-3", seed=3)


class Toy(gymnasium.Env[Any, Any]):
    """Shows each action, and ends where it is told to.

    ## Arguments
    Not for those who play.
    """

    def __init__(
        self, space: Space[Any] | None = None, reward: float = 0.0, end: str = "terminated", bomb: object = None
    ) -> None:
        self.action_space = self.observation_space = spaces.Discrete(3, start=-1) if space is None else space
        self.reward, self.end, self.bomb = reward, end, bomb
        self.closed = 0
        self.threads: set[int] = set()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.seeded, self.options = seed, options
        self.action_space.seed(seed)
        self.threads.add(threading.get_ident())
        return self.action_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert action in self.action_space
        self.threads.add(threading.get_ident())
        return action, self.reward, self.end == "terminated", self.end == "truncated", {}

    def close(self) -> None:
        self.closed += 1


class Parrot(Toy):
    def __init__(self, reward: float = 1.0) -> None:
        super().__init__(spaces.Text(min_length=2, max_length=5, charset="abc"), reward)


def toy(**settings: Any) -> Toy:
    return Toy(**settings)


def parrot(**settings: Any) -> Parrot:
    return Parrot(**settings)


gymnasium.register("Toy-v3", entry_point=toy)
gymnasium.register("Parrot-v0", entry_point=parrot)
gymnasium.register("Golden-v0", entry_point=toy, reward_threshold=2.0)


def script(*actions: JsonValue) -> ScriptedPolicy:
    return ScriptedPolicy([ToolCall("act", {"action": action}) for action in actions])


def shown(episode: Episode) -> list[JsonValue]:
    return [step.observation for turn in episode.turns for step in turn.steps]


async def test_the_known_path_crosses_the_lake() -> None:
    env = make("gymnasium:FrozenLake-v1", is_slippery=False)
    episode = await rollout(env, script(*TO_THE_GOAL), seed=1)
    assert (episode.outcome, episode.reward, len(episode.turns)) == ("solved", 1.0, 6)
    assert episode.environment.id == "gymnasium:FrozenLake-v1"
    assert episode.environment.version == "1"
    assert episode.environment.config == {"is_slippery": False}
    assert episode.opening[-1].content == "[S]FFF\nFHFH\nFFFH\nHFFG\n\nObservation: 0"
    assert shown(episode)[-1] == {"text": "  (Right)\nSFFF\nFHFH\nFFFH\nHFF[G]\n\nObservation: 15", "value": 15}


async def test_agents_are_told_what_the_author_wrote_of_playing() -> None:
    instructions = make("gymnasium:FrozenLake-v1").instructions
    assert "- 0: Move left" in instructions
    assert "map_name" not in instructions


async def test_falling_into_a_hole_and_saying_nothing_fail() -> None:
    env = make("gymnasium:FrozenLake-v1", is_slippery=False)
    assert (await rollout(env, script(DOWN, RIGHT), seed=1)).outcome == "failed"
    assert (await rollout(env, IdlePolicy(), seed=1)).outcome == "failed"


@pytest.mark.parametrize("name", ["FrozenLake-v1", TAXI, "CartPole-v1", "Blackjack-v1", "Pendulum-v1"])
async def test_equal_seeds_make_equal_episodes(name: str) -> None:
    def fingerprint(episode: Episode) -> Any:
        return episode.outcome, episode.reward, shown(episode), [turn.turn.tool_calls for turn in episode.turns]

    limits = Limits(turns=40)
    first, again, other = [
        await rollout(make(f"gymnasium:{name}"), RandomPolicy(), seed=seed, limits=limits) for seed in (1, 1, 2)
    ]
    assert first.tool_errors == 0
    assert first.cause is None
    assert fingerprint(first) == fingerprint(again) != fingerprint(other)


async def test_what_is_coloured_is_told_apart() -> None:
    env = make(f"gymnasium:{TAXI}")
    text = (await env.reset(SEED_3, seed=1)).observation.text
    assert text.count("yellow[") == text.count("blue[") == text.count("magenta[") == 1
    assert "\x1b" not in text
    await env.aclose()


def balancing(value: Any) -> int:
    """Push the cart to where the pole falls."""
    return int(value[2] + value[3] > 0)


async def test_the_pole_that_stands_to_the_end_is_solved() -> None:
    env = wrap("CartPole-v1")
    observation: Any = (await env.reset(SEED_3)).observation
    while not env.over:
        observation = (await env.call("act", {"action": balancing(observation.value)})).observation
    assert (env.reward, env.solved) == (500.0, True)
    await env.aclose()


async def test_wrong_calls_count_towards_the_time_limit() -> None:
    env = make("gymnasium:FrozenLake-v1", max_episode_steps=3)
    assert (await rollout(env, script(LEFT, LEFT, LEFT, LEFT), SEED_3)).limit == "environment"
    wrong = await rollout(env, script(LEFT, 9, LEFT, LEFT), SEED_3)
    assert (wrong.outcome, wrong.limit, len(wrong.turns), wrong.tool_errors) == ("truncated", "turns", 3, 1)


BOX = spaces.Box(np.array([-1, 0], np.float32), np.array([1, 0.1], np.float32))
NESTED = spaces.Dict(
    {
        "door": spaces.Discrete(2),
        "pair": spaces.Tuple([spaces.MultiDiscrete([2, 3], start=[0, 5]), spaces.Text(3)]),
        "far": spaces.Box(0.0, np.inf, ()),
    }
)
SPACES: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "discrete": (spaces.Discrete(3, start=-1), [-1, 1], [-2, 2, 0.0, True, "0", None]),
    "box": (BOX, [[-1, 0.1], [0.5, 0]], [[-1, 0.11], [0], [0, 0, 0], 0, [[0, 0]], ["0", 0]]),
    "square": (spaces.Box(0, 255, (2, 2), np.uint8), [[[0, 255], [3, 4]]], [[[0, 256], [3, 4]], [[0, -1], [3]], [0.5]]),
    "number": (spaces.Box(-2, 2, ()), [1.5, -2], [2.5, [1], "1"]),
    "text": (spaces.Text(min_length=2, max_length=3, charset="abc"), ["ab", "ccc"], ["a", "aaaa", "xyz", 5]),
    "several": (spaces.MultiDiscrete([2, 3], start=[0, 5]), [[0, 5], [1, 7]], [[2, 5], [0, 8], [0], [0, 5, 5]]),
    "grid": (spaces.MultiDiscrete(np.array([[2, 2], [3, 3]])), [[[1, 1], [2, 2]]], [[[2, 1], [2, 2]], [1, 1]]),
    "bits": (spaces.MultiBinary(3), [[0, 1, 1]], [[0, 1, 2], [0, 1], [True, False, True]]),
    "nested": (
        NESTED,
        [{"door": 1, "pair": [[1, 7], "abc"], "far": 1e9}],
        [
            {"door": 2, "pair": [[1, 7], "abc"], "far": 1e9},
            {"door": 1, "pair": [[1, 7], "abc"]},
            {"door": 1, "pair": [[1, 7], "abc"], "far": 1e9, "more": 0},
            {"door": 1, "pair": [[1, 2], "abc"], "far": 1e9},
            {"door": 1, "pair": [[1, 7]], "far": 1e9},
        ],
    ),
}


@pytest.mark.parametrize("shape", SPACES)
async def test_actions_of_the_space_are_taken_and_others_are_tool_errors(shape: str) -> None:
    space, good, bad = SPACES[shape]
    env = wrap(Toy(space, end="never"))
    await env.reset(SEED_3)
    for action in good:
        step = await env.call("act", {"action": action})
        assert not isinstance(step.observation, ToolError), step.observation
        assert step.observation.model_dump(mode="json")["value"] == action
    for action in bad:
        step = await env.call("act", {"action": action})
        assert isinstance(step.observation, ToolError), action
        assert step.observation.kind == "invalid_arguments"
        assert "action" in step.observation.text


@pytest.mark.parametrize("shape", [shape for shape in SPACES if shape != "text"])
async def test_schemas_say_all_bounds(shape: str) -> None:
    space, _, _ = SPACES[shape]
    env = wrap(Toy(space, end="never"))
    await env.reset(SEED_3)
    (tool,) = env.tool_specs()
    for _ in range(20):
        arguments = sample_json(tool.parameters, env.rng)
        assert isinstance(arguments, dict)
        step = await env.call("act", arguments)
        assert not isinstance(step.observation, ToolError), step.observation


@pytest.mark.parametrize("shape", SPACES)
async def test_ours_again_as_gymnasiums_passes_its_checks(shape: str) -> None:
    space, _, _ = SPACES[shape]
    env = as_gymnasium(wrap(Toy(space, end="never")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gymnasium.logger.min_level", 40)  # the bounds are the space's own
        check_env(env, skip_render_check=True)
    env.close()


async def test_typed_actions_are_made_without_a_model() -> None:
    env = wrap("Toy-v3")
    await env.reset(SEED_3)
    assert (await env.step(env.tools["act"].action(action=1))).observation.model_dump()["value"] == 1
    with pytest.raises(InvalidActionError, match="less than or equal to 1"):
        env.tools["act"].action(action=2)


async def test_what_no_json_stands_for_is_refused() -> None:
    with pytest.raises(UsageError, match="no JSON stands for elements of Graph"):
        wrap(Toy(spaces.Graph(spaces.Discrete(2), None)))


async def test_the_seed_of_the_task_comes_before_the_episodes() -> None:
    toy = Toy()
    env = wrap(toy)
    await env.reset(SEED_3, seed=8)
    assert (toy.seeded, toy.options) == (3, None)
    await env.reset(GymTask(id="free", options={"a": 1}), seed=8)
    first = toy.seeded
    await env.reset(GymTask(id="free"), seed=8)
    assert toy.seeded == first != 3
    await env.reset(GymTask(id="free"), seed=9)
    assert toy.seeded != first


async def test_options_reach_the_environment() -> None:
    toy = Toy()
    await wrap(toy).reset(GymTask(id="free", options={"a": 1}))
    assert toy.options == {"a": 1}


async def test_there_are_ten_tasks() -> None:
    assert [task.seed for task in wrap("Toy-v3").tasks()] == list(range(10))


@pytest.mark.parametrize(
    ("name", "settings", "outcome"),
    [
        ("Toy-v3", {"reward": 0.1}, "solved"),
        ("Toy-v3", {"reward": -1.0}, "failed"),
        ("Toy-v3", {"reward": 5.0, "end": "truncated"}, "truncated"),
        ("Golden-v0", {"reward": 2.0}, "solved"),
        ("Golden-v0", {"reward": 1.9}, "failed"),
        ("Golden-v0", {"reward": 2.0, "end": "truncated"}, "solved"),
        ("Golden-v0", {"reward": 1.9, "end": "truncated"}, "truncated"),
    ],
)
async def test_how_an_episode_ends(name: str, settings: dict[str, Any], outcome: str) -> None:
    episode = await rollout(make(f"gymnasium:{name}", **settings), script(1), seed=1)
    assert (episode.outcome, episode.reward) == (outcome, settings["reward"])


async def test_rewards_add_up_and_silence_is_never_solved() -> None:
    env = make("gymnasium:Toy-v3", reward=0.5, end="never")
    policy = ScriptedPolicy([ToolCall("act", {"action": 0}), ToolCall("act", {"action": 1}), "I stop here."])
    episode = await rollout(env, policy, seed=1)
    assert (episode.outcome, episode.reward, episode.terms["reward"].value) == ("failed", 1.0, 1.0)


async def test_an_agent_speaks_in_a_world_of_text() -> None:
    env = make("gymnasium:Parrot-v0")
    episode = await rollout(env, script("hello", "abcab"), seed=1)
    assert episode.outcome == "solved"
    assert episode.tool_errors == 1
    assert (
        episode.turns[0].replies[0].content == "act: action: Value error, not in Text(2, 5, charset=abc) (got 'hello')"
    )
    assert shown(episode)[1] == {"text": "abcab", "value": "abcab"}


async def test_a_given_instance_is_played_itself_and_can_be_played_again() -> None:
    toy = Toy()
    env = wrap(toy)
    assert env.id == "gymnasium:Toy"
    for times in (1, 2):
        assert (await rollout(env, script(0), SEED_3)).outcome == "failed"
        assert toy.closed == times


async def test_after_closing_a_step_is_refused() -> None:
    env = wrap("Toy-v3")
    await env.reset(SEED_3)
    await env.aclose()
    await env.aclose()
    with pytest.raises(ToolFault, match=r"was closed; call `await env\.reset"):
        await env.call("act", {"action": 0})
    await env.reset(SEED_3)


async def test_equal_settings_share_a_class_and_no_state() -> None:
    env, other = wrap("Toy-v3", reward=1), wrap("Toy-v3", reward=1)
    assert type(env) is type(other)
    assert type(env) is not type(wrap("Toy-v3", reward=2))
    assert type(wrap("Toy-v3", bomb=object())) is not type(wrap("Toy-v3", bomb=object()))
    await env.reset(SEED_3)
    await other.reset(SEED_3)
    await env.call("act", {"action": 0})
    assert env.over
    assert not other.over


async def test_settings_without_json_are_recorded_as_text() -> None:
    env = wrap("Toy-v3", bomb=spaces.Discrete(2))
    assert env.config == {"bomb": "Discrete(2)"}


async def test_slow_environments_run_in_threads() -> None:
    toy = Toy()
    await rollout(wrap(toy, blocking=True), script(0), SEED_3)
    assert threading.get_ident() not in toy.threads
    quick = Toy()
    await rollout(wrap(quick), script(0), SEED_3)
    assert quick.threads == {threading.get_ident()}


async def test_a_fork_goes_its_own_way() -> None:
    env = wrap("FrozenLake-v1")
    await env.reset(SEED_3)
    await env.call("act", {"action": DOWN})
    twin = env.fork()
    ways = [[(await one.call("act", {"action": RIGHT})).observation for _ in range(2)] for one in (env, twin)]
    assert ways[0] == ways[1]
    await env.aclose()
    assert not twin.over
    await twin.aclose()


async def test_what_cannot_be_copied_cannot_be_forked() -> None:
    env = wrap(Toy(bomb=threading.Lock()))
    await env.reset(SEED_3)
    with pytest.raises(UsageError, match="cannot be forked"):
        env.fork()


@pytest.mark.parametrize(
    ("name", "settings", "error"),
    [
        ("Nowhere-v0", {}, UnknownNameError),
        ("no_module:Nowhere-v0", {}, UsageError),
        ("Toy-v3", {"colour": "red"}, UsageError),
    ],
)
async def test_what_gymnasium_cannot_make(name: str, settings: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"(?i)nowhere|toy|no_module"):
        make(f"gymnasium:{name}", **settings)


async def test_a_given_instance_takes_no_settings() -> None:
    with pytest.raises(UsageError, match="made already"):
        wrap(Toy(), reward=2.0)


async def test_ours_as_gymnasiums_as_ours_is_still_playable() -> None:
    inner = as_gymnasium("guess", render_mode="ansi")
    env = wrap(inner)
    assert env.instructions == "Find the hidden digit."
    silent: JsonValue = {"text": "", "type": 0}
    guesses: list[JsonValue] = [
        {"kind": 0, "case0": {"tool": 0, "type": 0, "arguments": {"n": n}}, "case1": silent} for n in range(10)
    ]
    episode = await rollout(env, script(*guesses), SEED_3)
    assert episode.opening[-1].content.startswith("Guess a digit with the tool.")
    assert episode.tool_errors == 0
    assert (episode.outcome, len(episode.turns)) == ("solved", inner.inner.task.digit + 1)


async def test_random_play_survives_the_way_there_and_back() -> None:
    episode = await rollout(wrap(as_gymnasium("guess")), RandomPolicy(), SEED_3)
    assert (episode.cause, episode.tool_errors) == (None, 0)


async def test_the_lake_there_and_back_is_the_lake() -> None:
    with pytest.warns(UserWarning, match="spec"):
        check_env(as_gymnasium(wrap("FrozenLake-v1")))
    check_env(as_gymnasium("gymnasium:FrozenLake-v1"))
    env, lake = as_gymnasium("gymnasium:FrozenLake-v1"), gymnasium.make("FrozenLake-v1")
    observation, _ = env.reset(options={"task": "seed-3"})
    seen, _ = lake.reset(seed=3)
    for _ in range(5):
        assert observation["case0"]["value"] == seen
        action = env.action_space.sample()
        action.update(kind=0)
        action["case0"]["arguments"]["action"] = RIGHT
        observation, *rest = env.step(action)
        seen, *rest_of_lake = lake.step(RIGHT)
        assert rest[:3] == rest_of_lake[:3]
        if any(rest[1:3]):
            break
    env.close()
