"""What a tool may be, and what is said in one line where it may not."""

from __future__ import annotations

import enum
import pickle
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field

from agentgym import BadCall, Env, Observation, Task, ToolAction, ToolCall, ToolEnv, tool
from agentgym.errors import DefinitionError
from agentgym.sampling import sample_json
from environments.guess import Guess

T = TypeVar("T", bound=BaseModel)
I = TypeVar("I")  # noqa: E741


class Base(ToolEnv[Task, Observation]):
    async def begin(self, task: Task) -> Observation:
        return Observation(text="go")


def test_bounds_may_stand_in_the_default_as_pydantic_users_write_them() -> None:
    class Bounded(Base):
        @tool
        async def go(self, n: int = Field(ge=0, le=9, description="how far"), m: int = Field(default=2, ge=1)) -> str:
            return f"{n} {m}"

    properties: Any = Bounded.go.parameters["properties"]
    assert properties["n"] == {"type": "integer", "minimum": 0, "maximum": 9, "description": "how far"}
    assert Bounded.go.parameters["required"] == ["n"]
    assert isinstance(Bounded().parse_call(ToolCall("go", {"n": 99})), BadCall)
    assert Bounded.go.action(3) == Bounded().parse_call(ToolCall("go", {"n": 3}))


class Level(enum.IntEnum):
    LOW = 0
    HIGH = 1


class Strict(BaseModel):
    street: str


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    street: str


class Choosy(Base):
    @tool
    async def pick(
        self,
        by: Literal[-1, 1] = 1,
        level: Level | None = None,
        many: tuple[Literal[0, 1], ...] = (),
        to: Strict | None = None,
    ) -> str:
        return f"{by} {level} {many} {to}"

    @tool
    async def keep(self, to: Open) -> str:
        return to.street


@pytest.mark.parametrize(
    ("raw", "fits"),
    [
        ('{"by": 1}', True),
        ('{"by": true}', False),
        ('{"by": 1.0}', False),
        ('{"level": 1}', True),
        ('{"level": true}', False),
        ('{"level": null}', True),
        ('{"many": [0, 1]}', True),
        ('{"many": [0, false]}', False),
        ('{"to": {"street": "a"}}', True),
        ('{"to": {"street": "a", "zip": 1}}', False),
    ],
)
def test_nothing_is_taken_for_something_like_it(raw: str, fits: bool) -> None:
    assert isinstance(Choosy().parse_call(ToolCall.from_text("pick", raw)), ToolAction) is fits


def test_a_model_that_asks_for_more_keys_gets_them() -> None:
    call = ToolCall.from_text("keep", '{"to": {"street": "a", "zip": 1}}')
    assert isinstance(Choosy().parse_call(call), ToolAction)


def test_a_number_that_json_cannot_hold_is_refused_from_a_dict_too() -> None:
    class Weigh(Base):
        @tool
        async def put(self, grams: float | None = None) -> str:
            return str(grams)

    bad = Weigh().parse_call(ToolCall("put", {"grams": float("nan")}))
    assert isinstance(bad, BadCall)
    assert bad.kind == "invalid_json"


def test_generic_tools_get_the_types_of_the_class_they_end_up_in() -> None:
    class Shelf(ToolEnv[Task, T], Generic[T, I]):
        @tool
        async def put(self, item: I, more: list[I] | None = None) -> T:
            raise LookupError(item, more)

    class Numbers(Shelf[Observation, int]):
        pass

    class Words(Shelf[Observation, str]):
        pass

    assert isinstance(Numbers().parse_call(ToolCall("put", {"item": 3, "more": [4]})), ToolAction)
    assert isinstance(Numbers().parse_call(ToolCall("put", {"item": "three"})), BadCall)
    assert isinstance(Words().parse_call(ToolCall("put", {"item": "three"})), ToolAction)


def two_of_a_name() -> object:
    class Twins(Base):
        @tool(name="x")
        async def one(self) -> str:
            return ""

        @tool(name="x")
        async def two(self) -> str:
            return ""

    return Twins


def odd_name() -> object:
    return tool(name="my tool!")(lambda self: "")


def wrong_default() -> object:
    class Wrong(Base):
        @tool
        async def go(self, k: int = None) -> str:  # type: ignore[assignment]  # noqa: RUF013
            return str(k)

    return Wrong


def alias() -> object:
    class Aliased(Base):
        @tool
        async def go(self, v: Annotated[str, Field(alias="from")]) -> str:
            return v

    return Aliased


def function() -> object:
    class Calls(Base):
        @tool
        async def go(self, f: Callable[[], int]) -> str:
            return str(f)

    return Calls


def untyped() -> object:
    class Untyped(ToolEnv):  # type: ignore[type-arg]
        @tool
        async def go(self) -> str:
            return ""

    return Untyped


def takes_task() -> object:
    class Taking(Base):
        @tool
        async def task(self) -> str:  # type: ignore[override]
            return ""

    return Taking


def own_step() -> object:
    class Stepping(Env[Task, Observation, Task]):
        async def step(self, action: Task) -> Any:  # type: ignore[misc]
            return None

    return Stepping


@pytest.mark.parametrize(
    ("define", "told"),
    [
        (two_of_a_name, "another tool is called 'x'"),
        (odd_name, "letters, digits"),
        (wrong_default, "the default of k"),
        (alias, "alias"),
        (function, "go"),
        (untyped, "name its task and observation types"),
        (takes_task, "name='task'"),
        (own_step, "step keeps the books and is final; write `apply`"),
    ],
)
def test_definitions_that_cannot_work_are_refused_in_one_line(define: Callable[[], object], told: str) -> None:
    with pytest.raises(DefinitionError, match=told) as caught:
        define()
    assert "\n" not in str(caught.value)


def test_names_of_the_class_body_are_in_sight() -> None:
    class Nested(Base):
        class Point(BaseModel):
            x: int

        @tool
        async def go(self, to: Point) -> str:
            return str(to.x)

    assert isinstance(Nested().parse_call(ToolCall("go", {"to": {"x": 1}})), ToolAction)


def test_random_arguments_fit_types_that_are_written_as_text() -> None:
    class Calendar(Base):
        @tool
        async def book(
            self,
            day: date,
            at: time,
            when: datetime,
            lasting: timedelta,
            by: UUID,
            price: Decimal,
            step: Annotated[float, Field(multiple_of=0.5, ge=0, le=5)],
            code: Annotated[str, Field(pattern="^a+$")],
            marks: Annotated[set[Literal["a", "b", "c"]], Field(min_length=2)],
            counts: dict[str, int],
        ) -> str:
            return ""

    for seed in range(50):
        arguments: Any = sample_json(Calendar.book.parameters, Random(seed))
        action = Calendar().parse_call(ToolCall("book", arguments))
        assert isinstance(action, ToolAction), action


def test_actions_can_cross_processes() -> None:
    action = Guess.guess.action(n=3)
    assert pickle.loads(pickle.dumps(action)) == action


def test_the_schema_of_actions_covers_what_records_hold() -> None:
    import jsonschema
    from pydantic import TypeAdapter

    schema = TypeAdapter(Guess.action_model()).json_schema()
    env = Guess()
    for call in (ToolCall("guess", {"n": 3}), ToolCall("guess", {"n": 30}), ToolCall("nope")):
        jsonschema.validate(env.dump_action(env.parse_call(call)), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"type": "tool", "tool": "guess", "arguments": {"n": 30}}, schema)
