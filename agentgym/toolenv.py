"""Environments whose actions are calls of their own typed methods."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, TypeVar, Union, cast, final

from agentgym.env import Env
from agentgym.errors import DefinitionError, InvalidActionError, ToolFault, boundary
from agentgym.generics import type_arguments, type_variables, union_members
from agentgym.jsontext import mend_text, parse_json
from agentgym.messages import JsonObject, ToolCall, Turn
from agentgym.steps import ObsT, Step, TaskT
from agentgym.tools import BadCall, Problem, Say, Tool, ToolAction, ToolError, ToolSpec


class ToolEnv(Env[TaskT, ObsT | ToolError, ToolAction | BadCall | Say], Generic[TaskT, ObsT]):
    """An environment whose `@tool` methods are the actions; a model's wrong call is an observation, `ToolError`."""

    tools: ClassVar[Mapping[str, Tool[..., object]]] = {}
    """The tools by name, in the order they were written."""
    _takes_text: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.observation_type = type_arguments(cls, ToolEnv)[1]
        members = union_members(cls.observation_type)
        cls.tools = _tools_of(cls)
        if isinstance(cls.observation_type, TypeVar):
            if cls.tools and not getattr(cls, "__parameters__", ()):
                raise DefinitionError(
                    f"{cls.__name__}: name its task and observation types: ToolEnv[MyTask, MyObservation]"
                )
            return
        if all(isinstance(member, type) for member in members):
            cls._observation_classes = (*members, ToolError)
            cls._takes_text = len(members) == 1 and _made_of_text(members[0])
            for found in cls.tools.values():
                _check_tool(cls, found)

    def observe(self, value: Any) -> ObsT:
        """The observation that stands for what a tool returned; by default its text."""
        if not isinstance(value, str):
            raise DefinitionError(
                f"{self.id}: a tool gave {type(value).__name__}; return {_names(type(self))} or override `observe`"
            )
        return cast(ObsT, self._observation_classes[0](text=mend_text(value)))

    async def hear(self, text: str) -> ObsT | ToolError:
        """What comes of a turn that calls no tool; by default it ends the episode as it stands."""
        self.finish()
        return ToolError(text="No tool was called, which ends the episode.", kind="no_call")

    @final
    async def call(self, name: str, arguments: JsonObject | str | None = None) -> Step[ObsT | ToolError]:
        """Call a tool by name, as a model would: what does not fit is a ToolError, never an exception."""
        if isinstance(arguments, str):
            return await self.step(self.parse_call(ToolCall.from_text(name, arguments)))
        return await self.step(self.parse_call(ToolCall(name, arguments or {})))

    @classmethod
    def tool_specs(cls) -> tuple[ToolSpec, ...]:
        """The tools as a model is told of them."""
        return tuple([found.spec for found in cls.tools.values()])

    def parse(self, turn: Turn) -> Sequence[ToolAction | BadCall | Say]:
        """The calls of a turn, or else its text."""
        if not turn.tool_calls:
            return [Say(turn.text)]
        return [self.parse_call(call) for call in turn.tool_calls]

    def parse_call(self, call: ToolCall) -> ToolAction | BadCall:
        """The action a call stands for, or what is wrong with it."""
        found = self.tools.get(call.name)
        if found is not None:
            return found.parse(call)
        known = ", ".join(self.tools) or "none"
        return BadCall(call, "unknown_tool", f"there is no tool {call.name!r}; the tools are: {known}")

    def compose(self, action: ToolAction | BadCall | Say) -> Turn:
        """The turn that stands for an action."""
        if isinstance(action, Say):
            return Turn(action.text)
        if isinstance(action, BadCall):
            return Turn(tool_calls=(action.call,))
        arguments = self.tools[action.tool].dump_arguments(action.arguments)
        return Turn(tool_calls=(ToolCall(action.tool, arguments),))

    async def apply(self, action: ToolAction | BadCall | Say) -> ObsT | ToolError:
        """Run the tool that is called."""
        if isinstance(action, ToolAction):
            with boundary(ToolFault, self.id, action.tool):
                return self._observed(action.tool, await self.tools[action.tool].run(self, action))
        if isinstance(action, BadCall):
            return ToolError(text=action.message, kind=action.kind, tool=action.call.name, raw=action.call.text)
        return await self.hear(action.text)

    def check_action(self, action: ToolAction | BadCall | Say) -> None:
        """Refuse an action of another class, even where a tool of that name exists here."""
        if isinstance(action, ToolAction):
            found = self.tools.get(action.tool)
            if found is None or type(action.arguments) is not found.arguments_type:
                raise InvalidActionError(
                    f"{action!r} is not an action of {self.id}; make one with {type(self).__name__}.<tool>.action(...)"
                )
        elif not isinstance(action, (BadCall, Say)):
            raise InvalidActionError(f"{action!r} is not an action; {self.id} takes its tools' actions, or Say(text)")

    def dump_action(self, action: ToolAction | BadCall | Say) -> JsonObject:
        """The action as JSON, tagged by `type`."""
        if isinstance(action, ToolAction):
            arguments = self.tools[action.tool].dump_arguments(action.arguments)
            return {"type": "tool", "tool": action.tool, "arguments": arguments}
        if isinstance(action, Say):
            return {"type": "say", "text": action.text}
        call = action.call
        return {
            "type": "bad_call",
            "tool": call.name,
            "raw": call.text,
            "kind": action.kind,
            "text": action.message,
        }

    def load_action(self, recorded: str | JsonObject) -> ToolAction | BadCall | Say:
        """The action that a record stands for."""
        try:
            record = parse_json(recorded) if isinstance(recorded, str) else recorded
        except ValueError as error:
            raise InvalidActionError(f"not an action of {self.id}: {error}") from None
        match record:
            case {"type": "tool", "tool": str(name), "arguments": dict(arguments)} if name in self.tools:
                return self.tools[name].load(arguments)
            case {"type": "say", "text": str(text)}:
                return Say(text)
            case {"type": "bad_call", "tool": str(name), "raw": str(raw)}:
                return cast(BadCall, self.parse_call(ToolCall.from_text(name, raw)))
        raise InvalidActionError(f"not an action of {self.id}: {record!r}")

    @classmethod
    def answer_schema(cls) -> None:
        """Tools are called instead."""

    @classmethod
    def action_model(cls, *, bad_calls: bool = True) -> Any:
        """The union of this class's actions, tagged by `type`: calls of its tools, plain text, and calls gone wrong."""
        variants = [_variant(found) for found in cls.tools.values()]
        return Union[(*variants, _SayRecord, *([_BadCallRecord] if bad_calls else []))]

    def _observed(self, name: str, value: object) -> ObsT | ToolError:
        if not isinstance(value, self._observation_classes):
            return self.observe(value)
        if isinstance(value, ToolError):
            if value.kind == "timeout":
                self._running.account().state = "given up"  # a thread may still be at work on it
            return value if value.tool else value.model_copy(update={"tool": name})
        return cast("ObsT | ToolError", value)

    def _batches(self, actions: Sequence[ToolAction | BadCall | Say]) -> Iterator[Sequence[ToolAction | BadCall | Say]]:
        """Neighbouring readonly calls run side by side; all else keeps its order."""
        side_by_side: list[ToolAction | BadCall | Say] = []
        for action in actions:
            if isinstance(action, ToolAction) and self.tools[action.tool].readonly:
                side_by_side.append(action)
                continue
            if side_by_side:
                yield side_by_side
                side_by_side = []
            yield [action]
        if side_by_side:
            yield side_by_side


@dataclasses.dataclass(frozen=True)
class _SayRecord:
    type: Literal["say"]
    text: str


@dataclasses.dataclass(frozen=True)
class _BadCallRecord:
    type: Literal["bad_call"]
    tool: str
    raw: str
    kind: Problem
    text: str


def _variant(found: Tool[..., object]) -> type:
    """A dataclass with the JSON form of one tool's actions."""
    fields: list[tuple[str, Any, Any]] = [
        ("type", Literal["tool"], dataclasses.field()),
        ("tool", Literal[found.name], dataclasses.field()),
        ("arguments", found.arguments_type, dataclasses.field()),
    ]
    return dataclasses.make_dataclass(f"{found.name}_action", fields, frozen=True)


def _tools_of(cls: type[ToolEnv[Any, Any]]) -> dict[str, Tool[..., object]]:
    tools: dict[str, Tool[..., object]] = {}
    given = type_variables(cls)
    for attribute in dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base)):
        found = inspect.getattr_static(cls, attribute)
        if isinstance(found, Tool):
            found = _resolved(cls, attribute, found, given)
            if found.name in tools:
                raise DefinitionError(f"{cls.__name__}.{attribute}: another tool is called {found.name!r} already")
            tools[found.name] = found
    return tools


def _resolved(
    cls: type[ToolEnv[Any, Any]], attribute: str, found: Tool[..., object], given: dict[Any, Any]
) -> Tool[..., object]:
    if attribute in _TAKEN:
        raise DefinitionError(
            f"{cls.__name__}.{attribute}: a tool cannot take the name of a part of ToolEnv; "
            f"call the method something else and write @tool(name={attribute!r})"
        )
    if not hasattr(found, "parameters"):
        found.resolve(cls, given)
    elif found.is_open and given:
        found = copy.copy(found)
        found.resolve(cls, given)
        setattr(cls, attribute, found)
    return found


def _check_tool(cls: type[ToolEnv[Any, Any]], found: Tool[..., object]) -> None:
    """A tool gives an observation, or what `observe` turns into one."""
    for given in union_members(found.returns):
        if isinstance(given, type) and issubclass(given, cls._observation_classes):
            continue
        if cls.observe is ToolEnv.observe and not (given is str and cls._takes_text):
            raise DefinitionError(
                f"{cls.__name__}.{found.name} returns {_name(given)}; return {_names(cls)}"
                f"{' or str' if cls._takes_text else ''}, or override `observe`"
            )


def _made_of_text(model: type) -> bool:
    """Whether `model(text=...)` is enough."""
    fields = getattr(model, "model_fields", {})
    return "text" in fields and all(name == "text" or not field.is_required() for name, field in fields.items())


def _names(cls: type[ToolEnv[Any, Any]]) -> str:
    return " or ".join(_name(member) for member in union_members(cls.observation_type))


def _name(annotation: object) -> str:
    return getattr(annotation, "__name__", str(annotation))


_TAKEN = frozenset(name for name in dir(ToolEnv) if not name.startswith("__")) | {"task", "rng"}
