"""Tools: schemas from signatures, strict validation, and how tools of one turn run."""

from __future__ import annotations

import enum
import threading
from datetime import date
from typing import Annotated, Any, Literal

import anyio
import anyio.lowlevel
import jsonschema
import pytest
from pydantic import BaseModel, Field

from agentgym import BadCall, Observation, Task, ToolAction, ToolCall, ToolEnv, ToolError, Turn, tool
from agentgym.docstrings import read_docstring
from agentgym.errors import DefinitionError, InvalidActionError, ToolFault

pytestmark = pytest.mark.anyio


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    number: int


class Shop(ToolEnv[Task, Observation]):
    "Sell things."

    async def begin(self, task: Task) -> Observation:
        self.log: list[str] = []
        return Observation(text="open")

    @tool
    async def order(
        self,
        item: Annotated[str, Field(min_length=1, description="what to buy")],
        count: Annotated[int, Field(ge=1, le=9)] = 1,
        *,
        colour: Colour = Colour.RED,
        size: Literal["s", "m"] | None = None,
        to: Address | None = None,
        tags: list[str] = [],  # noqa: B006 - the schema must take it
        json: bool = False,
        copy: float = 0.5,
        on: date | None = None,
    ) -> str:
        """Order an item.

        Args:
            item: ignored, for the annotation says it
            count: how many,
                at most nine
            to (Address): where it goes
        """
        return f"{count} {item} {colour.value} {size} {to} {tags} {json} {copy} {on}"


def parse(name: str, raw: str) -> ToolAction | BadCall:
    return Shop().parse_call(ToolCall.from_text(name, raw))


def test_the_schema_says_what_the_signature_and_the_docstring_say() -> None:
    spec = Shop.order.spec
    properties: Any = spec.parameters["properties"]
    assert (spec.name, spec.description) == ("order", "Order an item.")
    assert properties["item"] == {"type": "string", "minLength": 1, "description": "what to buy"}
    assert properties["count"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
        "default": 1,
        "description": "how many, at most nine",
    }
    assert properties["tags"]["items"] == {"type": "string"}
    assert properties["to"]["description"] == "where it goes"
    assert spec.parameters["required"] == ["item"]
    assert spec.parameters["additionalProperties"] is False
    assert "title" not in str(spec.parameters)
    jsonschema.Draft202012Validator.check_schema(spec.parameters)
    assert spec.wire()["type"] == "function"


def test_good_arguments_become_typed_values() -> None:
    action = parse("order", '{"item":"pen","colour":"blue","to":{"street":"A","number":1},"on":"2026-01-02"}')
    assert isinstance(action, ToolAction)
    assert action == Shop.order.action("pen", colour=Colour.BLUE, to=Address(street="A", number=1), on=date(2026, 1, 2))
    assert Shop.order.dump_arguments(action.arguments)["on"] == "2026-01-02"


@pytest.mark.parametrize(
    ("raw", "kind", "told"),
    [
        ('{"item":"pen","count":"2"}', "invalid_arguments", "count: Input should be a valid integer"),
        ('{"item":"pen","count":2.0}', "invalid_arguments", "count"),
        ('{"item":"pen","count":true}', "invalid_arguments", "count"),
        ('{"item":"pen","json":1}', "invalid_arguments", "json"),
        ('{"item":7}', "invalid_arguments", "item"),
        ('{"item":""}', "invalid_arguments", "item"),
        ("{}", "invalid_arguments", "item: Field required"),
        ('{"item":"pen","price":1}', "invalid_arguments", "price"),
        ('{"item":"pen","to":{"street":"A","number":"1"}}', "invalid_arguments", "to.number"),
        ('{"item":"pen","copy":NaN}', "invalid_json", "NaN"),
        ('{"item":"pen","copy":1e999}', "invalid_json", "too large"),
        ('{"item":"pen","item":"cup"}', "invalid_json", "'item' stands twice"),
        ('{"item":"pen"', "invalid_json", "not JSON"),
        ("", "invalid_json", "not JSON"),
        ('["pen"]', "invalid_json", "must be a JSON object"),
        ("[" * 100_000, "invalid_json", "nested too deeply"),
        ('{"item":"\\ud800"}', "invalid_arguments", ""),
    ],
)
def test_bad_arguments_are_named_in_one_line_and_kept(raw: str, kind: str, told: str) -> None:
    bad = parse("order", raw)
    assert isinstance(bad, BadCall)
    assert bad.kind == kind
    assert told in bad.message
    assert "\n" not in bad.message
    assert bad.call.raw == raw


async def test_a_bad_call_is_an_observation() -> None:
    env = Shop()
    await env.reset(Task(id="t"))
    step = await env.call("order", '{"item": 1}')
    assert isinstance(step.observation, ToolError)
    assert (step.observation.kind, step.observation.raw) == ("invalid_arguments", '{"item": 1}')
    unknown = (await env.call("sell", {})).observation
    assert isinstance(unknown, ToolError)
    assert unknown.text == "there is no tool 'sell'; the tools are: order"


def test_action_raises_where_parse_observes() -> None:
    with pytest.raises(InvalidActionError, match="count"):
        Shop.order.action("pen", count=10)
    with pytest.raises(InvalidActionError, match="item"):
        Shop.order.action()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="called on an environment"):
        Shop.order("pen")


def test_docstrings_are_read_in_both_styles() -> None:
    text, about = read_docstring(
        "Do it.\n\nMore.\n\n:param a: the first\n    and more\n:param int b: second\n:returns: c"
    )
    assert about == {"a": "the first and more", "b": "second"}
    assert text.startswith("Do it.\n\nMore.")
    text, about = read_docstring("Do it.\n\nArgs:\n  a (int): one\n  b: two: three\n\nReturns:\n  what")
    assert about == {"a": "one", "b": "two: three"}
    assert "Returns" in text
    assert read_docstring("") == ("", {})


def test_a_tool_needs_its_annotations() -> None:
    with pytest.raises(DefinitionError, match="annotate what it returns"):

        class NoReturn(ToolEnv[Task, Observation]):
            @tool
            async def act(self, n: int):  # type: ignore[no-untyped-def]
                return str(n)

    with pytest.raises(DefinitionError, match="annotate the parameter 'n'"):

        class NoType(ToolEnv[Task, Observation]):
            @tool
            async def act(self, n) -> str:  # type: ignore[no-untyped-def]
                return str(n)


def test_a_tool_cannot_take_what_a_model_cannot_give() -> None:
    with pytest.raises(DefinitionError, match="no name"):

        class Starred(ToolEnv[Task, Observation]):
            @tool
            async def act(self, *numbers: int) -> str:
                return str(numbers)

    with pytest.raises(DefinitionError, match="act"):

        class Odd(ToolEnv[Task, Observation]):
            @tool
            async def act(self, lock: threading.Event) -> str:
                return str(lock)


def test_a_tool_must_give_an_observation() -> None:
    with pytest.raises(DefinitionError, match="returns dict; return Observation or str, or override `observe`"):

        class Wrong(ToolEnv[Task, Observation]):
            @tool
            async def act(self) -> dict:  # type: ignore[type-arg]
                return {}

    class Strict(BaseModel):
        text: str
        level: int

    with pytest.raises(DefinitionError, match="returns str; return Strict, or"):

        class NotText(ToolEnv[Task, Strict]):
            @tool
            async def act(self) -> str:
                return ""

    class Observed(ToolEnv[Task, Strict]):
        @tool
        async def act(self) -> int:
            return 3

        def observe(self, value: int) -> Strict:
            return Strict(text=str(value), level=value)

    assert list(Observed.tools) == ["act"]


def test_a_tool_cannot_hide_a_part_of_the_environment() -> None:
    with pytest.raises(DefinitionError, match="name='finish'"):

        class Hides(ToolEnv[Task, Observation]):
            @tool
            async def finish(self) -> str:  # type: ignore[misc, override]
                return ""

    class Named(ToolEnv[Task, Observation]):
        @tool(name="finish")
        async def finish_it(self) -> str:
            return ""

    assert list(Named.tools) == ["finish"]


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(DefinitionError, match="inline"):

        @tool(timeout_s=1.0)
        def quick(self: object) -> str:
            return ""

    with pytest.raises(DefinitionError, match="blocking"):

        @tool(blocking=True)
        async def slow(self: object) -> str:
            return ""


def test_only_tools_are_exposed_and_subclasses_may_replace_them() -> None:
    class Small(Shop):
        @tool
        async def order(self, item: str) -> str:  # type: ignore[override]
            return f"small {item}"

        async def secret(self) -> str:
            return "hidden"

    assert list(Small.tools) == ["order"]
    assert list(Small.order.parameters["properties"]) == ["item"]  # type: ignore[arg-type]
    assert "count" in str(Shop.order.parameters)


class Workshop(ToolEnv[Task, Observation]):
    async def begin(self, task: Task) -> Observation:
        self.log: list[str] = []
        self.inside = self.most_inside = 0
        return Observation(text="go")

    @tool(readonly=True)
    async def look(self, n: int) -> str:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        for _ in range(5 - n):
            await anyio.lowlevel.checkpoint()
        self.inside -= 1
        return f"saw {n}"

    @tool
    async def write(self, n: int) -> str:
        await anyio.lowlevel.checkpoint()
        self.log.append(f"{n} at {self.inside}")
        return f"wrote {n}"

    @tool(blocking=True)
    def grind(self) -> str:
        return threading.current_thread().name

    @tool
    def quick(self) -> str:
        return threading.current_thread().name

    @tool(timeout_s=0.01)
    async def hang(self) -> str:
        await anyio.sleep_forever()
        return "never"

    @tool(readonly=True)
    async def broken(self) -> str:
        raise ZeroDivisionError("no")


async def take(env: Workshop, *calls: ToolCall) -> list[str]:
    steps = await env.take(env.parse(Turn(tool_calls=calls)))
    return [step.observation.text for step in steps]


async def test_readonly_calls_run_side_by_side_and_others_in_order() -> None:
    env = Workshop()
    await env.reset(Task(id="t"))
    calls = [ToolCall("look", {"n": n}) for n in range(3)]
    writes = [ToolCall("write", {"n": n}) for n in range(2)]
    told = await take(env, *calls, *writes, calls[0])
    assert told == ["saw 0", "saw 1", "saw 2", "wrote 0", "wrote 1", "saw 0"]
    assert env.most_inside == 3
    assert env.log == ["0 at 0", "1 at 0"], "a write waits for the reads before it"


async def test_blocking_tools_leave_the_loops_thread_and_plain_ones_stay() -> None:
    env = Workshop()
    await env.reset(Task(id="t"))
    here = threading.current_thread().name
    ground, quick = await take(env, ToolCall("grind"), ToolCall("quick"))
    assert ground != here
    assert quick == here


async def test_a_tool_over_its_time_is_an_observation() -> None:
    env = Workshop()
    await env.reset(Task(id="t"))
    step = await env.call("hang")
    assert isinstance(step.observation, ToolError)
    assert step.observation.kind == "timeout"
    assert "0.01 s" in step.observation.text


@pytest.mark.parametrize("beside", [0, 2])
async def test_a_tool_that_raises_is_a_fault_alone_or_among_others(beside: int) -> None:
    env = Workshop()
    await env.reset(Task(id="t"))
    calls = [ToolCall("look", {"n": 0})] * beside
    with pytest.raises(ToolFault, match=r"workshop\.broken: ZeroDivisionError: no \(test_tools\.py:\d+\)"):
        await take(env, *calls, ToolCall("broken"))


async def test_tools_can_call_each_other() -> None:
    class Twice(Workshop):
        @tool
        async def both(self) -> str:
            return await self.look(1) + await self.write(n=2)

    env = Twice()
    await env.reset(Task(id="t"))
    assert (await env.call("both")).observation.text == "saw 1wrote 2"


def test_half_a_pair_in_arguments_is_mended_as_in_the_record() -> None:
    call = ToolCall.from_text("f", '{"z": "\\ud800", "k\\ud83d\\ude00": 1}')
    assert call.arguments == {"z": "\ufffd", "k\U0001f600": 1}
    assert call.raw == '{"z": "\\ud800", "k\\ud83d\\ude00": 1}'
    assert ToolCall.from_text("f", '{"\\ud800": 1, "\\ud801": 2}').arguments == {"\ufffd": 2}
