"""Codecs: typed values into gymnasium spaces and back, alone and in vector environments."""

from __future__ import annotations

import enum
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

import numpy as np
import pytest
from annotated_types import Ge, Gt, Le, Len, Lt, MultipleOf
from gymnasium import Env
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete, Space, Tuple
from gymnasium.spaces.utils import flatten, flatten_space, unflatten
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space, iterate
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass
from typing_extensions import TypedDict

from agentgym.bridges.spaces import CUT, codec_for


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


class Guess(BaseModel, frozen=True, extra="forbid"):
    kind: Literal["guess"] = "guess"
    number: int = Field(ge=1, le=100)
    why: str = Field(default="", max_length=40)


class Quit(BaseModel, frozen=True, extra="forbid"):
    kind: Literal["quit"] = "quit"
    score: float = Field(gt=0, lt=1)


class Search(TypedDict):
    query: str
    limit: NotRequired[Annotated[int, Ge(1), Le(5)]]


class Node(BaseModel, frozen=True):
    name: str
    children: list[Node] = Field(default_factory=list)
    next: Node | None = None


class Nothing(BaseModel):
    pass


@dataclass(frozen=True)
class Times:
    at: datetime
    day: date
    clock: time
    took: timedelta
    who: UUID


class Everything(BaseModel, frozen=True):
    model_config = ConfigDict(validate_by_alias=True)

    flag: bool
    color: Color
    answer: Literal["yes", 3, None]
    count: int
    share: float
    step: Annotated[int, MultipleOf(5), Ge(-7), Le(22)]
    big: Annotated[int, Ge(0)]
    name: str = Field(alias="fullName")
    code: Annotated[str, Field(pattern=r"^[a-z]{3}$")]
    board: Annotated[list[Annotated[int, Ge(0), Le(2)]], Len(9, 9)]
    path: list[tuple[float, str]]
    last: Guess | Quit | None
    tags: frozenset[int]
    extra: dict[str, int]
    anything: Any
    nothing: Nothing


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
int64 = st.integers(-(2**63), 2**63 - 2)
reals = st.floats(allow_nan=False, allow_infinity=False)
guesses = st.builds(Guess, number=st.integers(1, 100), why=texts)
quits = st.builds(Quit, score=st.floats(0, 1, exclude_min=True, exclude_max=True))
searches = st.fixed_dictionaries({"query": texts}, optional={"limit": st.integers(1, 5)})
nodes = st.recursive(
    st.builds(Node, name=texts),
    lambda inner: st.builds(Node, name=texts, children=st.lists(inner, max_size=2), next=st.none() | inner),
    max_leaves=5,
)
times = st.builds(
    Times,
    at=st.datetimes(timezones=st.just(UTC)),
    day=st.dates(),
    clock=st.times(),
    took=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=900)),
    who=st.uuids(),
)
everythings = st.builds(
    Everything,
    flag=st.booleans(),
    color=st.sampled_from(Color),
    answer=st.sampled_from(["yes", 3, None]),
    count=int64,
    share=reals,
    step=st.sampled_from(range(-5, 21, 5)),
    big=st.integers(0, 2**62),
    fullName=texts,
    code=st.from_regex(r"\A[a-z]{3}\Z"),
    board=st.lists(st.integers(0, 2), min_size=9, max_size=9),
    path=st.lists(st.tuples(reals, texts), max_size=4),
    last=guesses | quits | st.none(),
    tags=st.frozensets(int64, max_size=4),
    extra=st.dictionaries(texts, int64, max_size=3),
    anything=st.none() | texts | reals | st.lists(st.booleans()),
    nothing=st.builds(Nothing),
)

SHAPES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "everything": (Everything, everythings),
    "nested lists": (
        list[list[Guess | bool]],
        st.lists(st.lists(guesses | st.booleans(), max_size=2), max_size=3),
    ),
    "lists of texts": (list[list[str]], st.lists(st.lists(texts, max_size=3), max_size=3)),
    "lists of rows": (
        list[tuple[str, bool, list[str]]],
        st.lists(st.tuples(texts, st.booleans(), st.lists(texts, max_size=2)), max_size=2),
    ),
    "tagged union": (Annotated[Guess | Quit, Field(discriminator="kind")], guesses | quits),
    "scalars that look alike": (
        bool | int | float | str | None,
        st.booleans() | int64 | reals | texts | st.none(),
    ),
    "optional keys": (Search, searches),
    "recursion": (Node, nodes),
    "times": (Times, times),
    "numbers": (
        Annotated[list[Annotated[float, Gt(0), Le(1)]], Len(2, 5)],
        st.lists(st.floats(0, 1, exclude_min=True), min_size=2, max_size=5),
    ),
    "nothing": (Nothing, st.builds(Nothing)),
}

CODECS = {shape: codec_for(annotation, max_text=2000) for shape, (annotation, _) in SHAPES.items()}


def dumped(annotation: Any, value: Any) -> JsonValue:
    plain: JsonValue = TypeAdapter(annotation).dump_python(value, mode="json", by_alias=True)
    return plain


def read(annotation: Any, value: JsonValue) -> Any:
    return TypeAdapter(annotation).validate_json(json.dumps(value), strict=True)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_values_survive_the_way_there_and_back(shape: str, data: st.DataObject) -> None:
    annotation, values = SHAPES[shape]
    codec = CODECS[shape]
    value = data.draw(values)
    element = codec.encode(dumped(annotation, value))
    assert element in codec.space
    assert read(annotation, codec.decode(element)) == value
    assert codec.decode(element) == dumped(annotation, value)


@pytest.mark.parametrize("shape", SHAPES)
def test_random_elements_are_valid_values(shape: str) -> None:
    annotation, _ = SHAPES[shape]
    codec = CODECS[shape]
    codec.space.seed(7)
    for _ in range(30):
        read(annotation, codec.decode(codec.space.sample()))


@pytest.mark.parametrize("shape", SHAPES)
def test_random_batches_are_valid_values(shape: str) -> None:
    annotation, _ = SHAPES[shape]
    codec = CODECS[shape]
    batch = batch_space(codec.space, 3)
    batch.seed(7)
    for element in iterate(batch, batch.sample()):
        read(annotation, codec.decode(element))


@pytest.mark.parametrize("shape", SHAPES)
def test_elements_survive_being_flattened(shape: str) -> None:
    annotation, _ = SHAPES[shape]
    codec = codec_for(annotation, max_text=50, max_items=4)
    element = codec.space.sample()
    flat: Any = flatten(codec.space, element)
    assert flat in flatten_space(codec.space)
    assert codec.decode(unflatten(codec.space, flat)) == codec.decode(element)


@pytest.mark.parametrize(
    ("annotation", "space"),
    [
        (bool, Discrete(2)),
        (Literal["a", "b", "c"], Discrete(3)),
        (Literal["a"], Discrete(1)),
        (None, Discrete(1)),
        (Annotated[int, Ge(1), Lt(7)], Discrete(6, start=1)),
        (Annotated[float, Ge(0), Le(1)], Box(0, 1, (), np.float64)),
        (Annotated[int, Ge(0), Le(10**9)], Box(0, 10**9, (), np.int64)),
        (Annotated[list[bool], Len(3, 3)], MultiDiscrete([2, 2, 2])),
        (Annotated[list[Annotated[float, Ge(0), Le(1)]], Len(3, 3)], Box(0, 1, (3,), np.float64)),
        (
            Annotated[list[bool], Len(1, 2)],
            Dict({"length": Discrete(2, start=1), "items": MultiDiscrete([2, 2])}),
        ),
        (tuple[bool, Literal["x"]], Tuple([Discrete(2), Discrete(1)])),
        (bool | None, Dict({"kind": Discrete(2), "case0": Discrete(2), "case1": Discrete(1)})),
        (tuple[()], Discrete(1)),
    ],
)
def test_types_have_the_spaces_one_expects(annotation: Any, space: Space[Any]) -> None:
    assert codec_for(annotation).space == space


def test_exclusive_bounds_of_a_float_are_outside_its_space() -> None:
    codec = codec_for(Annotated[float, Gt(0), Lt(1)])
    for bound in (0.0, 1.0):
        with pytest.raises(ValueError, match="finite number"):
            codec.encode(bound)
    assert np.array(0.0) not in codec.space


@given(text=st.text(st.characters(), max_size=200))
def test_any_text_is_in_the_space_of_texts(text: str) -> None:
    space = codec_for(str, max_text=200).space
    assert text in space
    assert unflatten(space, flatten(space, text)) == text
    assert flatten(space, text) in flatten_space(space)


def test_text_without_a_bound_is_cut_where_one_sees_it() -> None:
    codec = codec_for(str, max_text=20)
    cut = codec.encode("x" * 21)
    assert cut in codec.space
    assert cut == "x" * (20 - len(CUT)) + CUT
    assert codec.encode("x" * 20) == "x" * 20
    assert codec.decode("x" * 999) == "x" * 999


def test_text_beyond_its_own_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="2 to 3 characters"):
        codec_for(Annotated[str, Len(2, 3)]).encode("abcd")


def test_free_json_beyond_its_room_is_cut_and_reads_as_text() -> None:
    codec = codec_for(dict[str, str], max_text=20)
    element = codec.encode({"key": "x" * 50})
    assert element in codec.space
    assert str(codec.decode(element)).endswith(CUT)


def test_list_without_a_bound_keeps_its_head_and_says_that_there_was_more() -> None:
    codec = codec_for(list[int], max_items=3)
    element = codec.encode([1, 2, 3, 4, 5])
    assert element in codec.space
    assert element["length"] == 4
    assert codec.decode(element) == [1, 2, 3]


def test_texts_of_lists_and_unions_change_with_the_value_that_has_them() -> None:
    codec = codec_for(list[float] | str)
    first, second = codec.encode([1.0]), codec.encode([2.0])
    assert not np.shares_memory(first["case0"]["items"], second["case0"]["items"])
    blank, other = codec.encode("a"), codec.encode("b")
    assert not np.shares_memory(blank["case0"]["items"], other["case0"]["items"])


def test_union_takes_the_case_that_keeps_the_value() -> None:
    codec = codec_for(Annotated[str, Len(0, 3)] | Literal["a"] | str, max_text=20)
    assert codec.encode("abc")["kind"] == 0
    assert codec.encode("abcd")["kind"] == 2
    assert codec.encode("x" * 40)["kind"] == 2


def test_union_keeps_the_case_of_a_value_that_is_cut() -> None:
    class Seen(BaseModel):
        text: str

    class Failed(BaseModel):
        text: str
        reason: str = "none"
        raw: str | None = None

    codec = codec_for(Failed | Seen, max_text=20)
    assert codec.encode({"text": "x" * 21})["kind"] == 1
    assert codec.encode({"text": "x", "computed": 2})["kind"] == 1
    assert codec.encode({"text": "x" * 21, "reason": "none", "raw": None})["kind"] == 0


def test_field_that_is_dumped_besides_is_passed_over_and_one_kept_back_has_its_default() -> None:
    class Secretive(BaseModel):
        shown: int
        hidden: int = Field(default=7, exclude=True)

    codec = codec_for(Secretive)
    assert codec.decode(codec.encode({"shown": 1, "computed": 2})) == {"shown": 1, "hidden": 7}


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 2**63),
        (int, True),
        (int, 1.0),
        (Annotated[int, MultipleOf(5)], 7),
        (float, float("inf")),
        (float, float("nan")),
        (float, 10**400),
        (float, "1"),
        (str, 1),
        (bool, 1),
        (Color, "green"),
        (Guess, {"why": "no number"}),
        (Guess, []),
        (tuple[int, int], [1]),
        (Annotated[list[int], Len(2, 2)], [1]),
        (Annotated[list[int], Len(1, 2)], []),
        (Annotated[list[int], Len(1, 2)], [1, 2, 3]),
        (int | bool, "a"),
        (Any, float("inf")),
    ],
)
def test_values_without_an_element_are_refused(annotation: Any, value: JsonValue) -> None:
    with pytest.raises(ValueError, match=r"expected|compliant"):
        codec_for(annotation).encode(value)


@pytest.mark.parametrize(("annotation", "element"), [(bool, -1), (bool, 2), (str, 5)])
def test_elements_without_a_value_are_refused(annotation: Any, element: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        codec_for(annotation).decode(element)


def test_types_and_rooms_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        codec_for(Annotated[int, Ge(2**70)])
    with pytest.raises(ValueError, match="max_text"):
        codec_for(str, max_text=1)


@pytest.mark.parametrize("number", [np.int64(3), np.array(3), 3, np.int32(3)])
def test_numbers_of_numpy_become_plain_ones(number: Any) -> None:
    for annotation in (int, Annotated[int, Ge(0), Le(5)]):
        assert type(codec_for(annotation).decode(number)) is int
    assert type(codec_for(float).decode(np.float64(number))) is float


def test_text_that_is_not_json_is_left_to_the_type_to_judge() -> None:
    codec = codec_for(dict[str, int])
    assert codec.decode('{"a": 1}') == {"a": 1}
    assert codec.decode("no json") == "no json"


def test_texts_are_sampled_from_examples() -> None:
    codec = codec_for(Annotated[str, Field(pattern="^(left|right)$", examples=["left", "right"])])
    assert {codec.space.sample() for _ in range(50)} == {"left", "right"}


class Scene(BaseModel, frozen=True):
    text: str
    turn: int = Field(ge=0, le=9)
    share: float = Field(ge=0, le=1)
    last: Guess | Quit | None = None
    log: list[str] = Field(default_factory=list)
    rows: list[tuple[str, bool]] = Field(default_factory=list)


SCENE = codec_for(Scene, max_text=60, max_items=3)
ACTION = codec_for(Annotated[Guess | Quit, Field(discriminator="kind")])
TEXTS = ["", "two\nlines\0and a NUL", "🦆 ünïcode", "x" * 100, "last"]


def scene(turn: int) -> JsonValue:
    """What the environment below shows after so many steps."""
    last = None if turn == 0 else Guess(number=turn) if turn % 2 else Quit(score=0.5)
    shown = Scene(text=TEXTS[turn], turn=turn, share=turn / 9, last=last, log=TEXTS[:turn], rows=[(TEXTS[turn], True)])
    return dumped(Scene, shown)


class Talk(Env[Any, Any]):
    """Shows scenes, whatever the action, as long as it is one."""

    observation_space = SCENE.space
    action_space = ACTION.space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.turn = 0
        return SCENE.encode(scene(0)), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        read(Guess | Quit, ACTION.decode(action))
        self.turn += 1
        return SCENE.encode(scene(self.turn)), 0.0, False, False, {}


def test_environment_checker_has_nothing_to_say() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(Talk(), skip_render_check=True)


@pytest.fixture(params=["sync", "async", "async without shared memory"])
def vector(request: pytest.FixtureRequest) -> Iterator[VectorEnv[Any, Any, Any]]:
    makers: dict[str, Callable[[], VectorEnv[Any, Any, Any]]] = {
        "sync": lambda: SyncVectorEnv([Talk, Talk]),
        "async": lambda: AsyncVectorEnv([Talk, Talk], context="fork"),
        "async without shared memory": lambda: AsyncVectorEnv([Talk, Talk], context="fork", shared_memory=False),
    }
    envs = makers[request.param]()
    yield envs
    envs.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_vector_environments_show_what_each_environment_shows(vector: VectorEnv[Any, Any, Any]) -> None:
    def seen(observations: Any) -> list[JsonValue]:
        assert observations in vector.observation_space
        return [SCENE.decode(element) for element in iterate(vector.observation_space, observations)]

    def expected(turn: int) -> JsonValue:
        return SCENE.decode(SCENE.encode(scene(turn)))

    first, _ = vector.reset(seed=1)
    for turn in range(1, len(TEXTS)):
        observations, *_ = vector.step(vector.action_space.sample())
        assert seen(observations) == [expected(turn)] * 2
    assert seen(first) == [expected(0)] * 2


def test_limits_of_sixty_four_bits() -> None:
    codec = codec_for(int)
    for number in (-(2**63), 2**63 - 2, sys.maxsize - 1):
        assert codec.decode(codec.encode(number)) == number
