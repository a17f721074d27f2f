"""Tools: typed methods an agent may call, and the actions that calling them makes."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, cast, overload

import anyio
from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from agentgym.errors import DefinitionError, InvalidActionError, one_line
from agentgym.jsontext import dump_json, dump_plain
from agentgym.messages import JsonObject, ToolCall
from agentgym.quickinit import quick_init
from agentgym.schemas import has_number_choices, plain_schema, wrong_choice

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
Problem = Literal["unknown_tool", "invalid_json", "invalid_arguments"]
ToolErrorKind = Literal["unknown_tool", "invalid_json", "invalid_arguments", "timeout", "failed", "no_call"]


@dataclass(frozen=True)
class ToolSpec:
    """A tool as a model is told of it."""

    name: str
    description: str
    parameters: JsonObject
    """JSON Schema of the arguments."""

    def wire(self) -> JsonObject:
        """The tool as chat completions list it."""
        function: JsonObject = {
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
        }
        return {"type": "function", "function": function}


@quick_init
@dataclass(frozen=True)
class ToolAction:
    """A call of a tool with arguments that were validated; made by `SomeEnv.some_tool.action(...)`."""

    tool: str
    arguments: object
    """An instance of the tool's own frozen dataclass, a field per parameter."""


@quick_init
@dataclass(frozen=True)
class BadCall:
    """A call that is no action: an unknown tool, or arguments that are not what the tool takes."""

    call: ToolCall
    kind: Problem
    message: str


@quick_init
@dataclass(frozen=True)
class Say:
    """Plain text, with no tool called."""

    text: str


class ToolError(BaseModel):
    """The observation after a call that did not work; a tool may return one to say that it could not."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    text: str
    kind: ToolErrorKind = "failed"
    tool: str = ""
    raw: str | None = None
    """What the model wrote as arguments, where they were the trouble."""


class Tool(Generic[P, R]):
    """A tool of an environment class: called on an instance it runs, and `action` makes the typed action."""

    name: str
    readonly: bool
    """Changes nothing, so several in one turn may run side by side."""
    blocking: bool
    """Runs in a worker thread."""
    timeout_s: float | None
    spec: ToolSpec
    """The tool as a model is told of it."""

    def __init__(
        self,
        function: Callable[Concatenate[Any, P], R],
        *,
        name: str | None = None,
        readonly: bool = False,
        blocking: bool = False,
        timeout_s: float | None = None,
    ) -> None:
        self.function = function
        self.name = name or str(getattr(function, "__name__", "tool"))
        self.readonly = readonly
        self.blocking = blocking
        self.timeout_s = timeout_s
        self.is_async = inspect.iscoroutinefunction(function)
        self.__doc__ = inspect.getdoc(function)
        self._instance: object = None
        self._check_options()

    def _check_options(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.name):
            raise DefinitionError(f"tool {self.name!r}: endpoints take names of 1 to 64 letters, digits, _ and - only")
        if self.blocking and self.is_async:
            raise DefinitionError(f"tool {self.name}: an async tool cannot be blocking; make it a plain def")
        if self.timeout_s is not None and not self.is_async and not self.blocking:
            raise DefinitionError(
                f"tool {self.name}: a plain tool runs inline, with no timeout; make it async or blocking"
            )
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise DefinitionError(f"tool {self.name}: timeout_s={self.timeout_s!r} must be positive")

    def resolve(self, owner: type | None = None, given: Mapping[Any, Any] | None = None) -> None:
        """Read the signature; an environment class does this when it is made."""
        from agentgym.signatures import read_signature  # not above: who only starts defines no tool

        signature = read_signature(self.function, self.name, owner, given or {})
        self.is_open = signature.is_open
        self.arguments_type = signature.arguments
        self.returns = signature.returns
        self.description = signature.description
        adapter = TypeAdapter[object](signature.arguments)
        self._validate = adapter.validator.validate_json
        self._dump = adapter.serializer.to_python
        self.parameters = plain_schema(signature.arguments)
        self.spec = ToolSpec(self.name, self.description, self.parameters)
        # A nested model that asks for more keys gets them; others would drop them in silence.
        self._extra: Literal["forbid"] | None = None if _takes_any_key(self.parameters.get("$defs")) else "forbid"
        self._has_choices = has_number_choices(self.parameters)

    def action(self, *args: P.args, **kwargs: P.kwargs) -> ToolAction:
        """The typed action of calling this tool; raises InvalidActionError on values it does not take."""
        try:
            return ToolAction(self.name, self.arguments_type(*args, **kwargs))
        except ValidationError as error:
            raise InvalidActionError(self.explain(error)) from None
        except TypeError as error:
            raise InvalidActionError(f"{self.name}: {error}") from None

    def parse(self, call: ToolCall) -> ToolAction | BadCall:
        """The action a model's call stands for, validated strictly from its JSON text."""
        if call.problem is not None:
            return BadCall(call, "invalid_json", f"{self.name}: {call.problem}")
        try:
            text = call.raw if call.raw is not None else dump_plain(call.arguments)
            action = ToolAction(self.name, self._validate(text, strict=True, extra=self._extra))
            wrong = wrong_choice(self.parameters, call.arguments) if self._has_choices else None
            return action if wrong is None else BadCall(call, "invalid_arguments", f"{self.name}: {wrong}")
        except ValidationError as error:
            return BadCall(call, "invalid_arguments", self.explain(error))
        except ValueError as error:
            return BadCall(call, "invalid_json", f"{self.name}: {error}")

    def dump_arguments(self, arguments: object) -> JsonObject:
        """The arguments as JSON values, defaults filled in."""
        return cast(JsonObject, self._dump(arguments, mode="json"))

    def load(self, arguments: Mapping[str, object]) -> ToolAction:
        """The action that a record's arguments stand for."""
        try:
            return ToolAction(self.name, self._validate(dump_json(arguments), strict=True, extra=self._extra))
        except ValidationError as error:
            raise InvalidActionError(self.explain(error)) from None

    def explain(self, error: ValidationError) -> str:
        """One line that names each argument at fault and what was expected."""
        return f"{self.name}: {one_line(error)}"

    async def run(self, env: object, action: ToolAction) -> object:
        """Run the tool on an environment, within its timeout; a timeout is a ToolError."""
        function, arguments = cast("Callable[..., Any]", self.function), _own(vars(action.arguments))
        if self.blocking:
            return await self._run_in_thread(partial(function, env, **arguments))
        if self.timeout_s is None:
            given = function(env, **arguments)
            return await given if self.is_async or hasattr(type(given), "__await__") else given
        with anyio.move_on_after(self.timeout_s):
            return await function(env, **arguments)
        return self._timed_out()

    async def _run_in_thread(self, call: Callable[[], object]) -> object:
        from anyio import CapacityLimiter, to_thread  # not above: most programs run no blocking tool

        # The time starts when there is a thread to run in: how busy the neighbours are must not decide an episode.
        threads, turnstile = to_thread.current_default_thread_limiter(), object()
        await threads.acquire_on_behalf_of(turnstile)
        try:
            with anyio.move_on_after(self.timeout_s):
                # A thread cannot be stopped: it is left behind only where a timeout says so.
                abandon = self.timeout_s is not None
                return await to_thread.run_sync(call, limiter=CapacityLimiter(1), abandon_on_cancel=abandon)
        finally:
            threads.release_on_behalf_of(turnstile)
        return self._timed_out()

    def _timed_out(self) -> ToolError:
        text = f"{self.name} took longer than {self.timeout_s:g} s and was stopped"
        return ToolError(text=text, kind="timeout", tool=self.name)

    def __get__(self, instance: object, owner: type | None = None) -> Tool[P, R]:
        if instance is None:
            return self
        bound: Tool[P, R] = object.__new__(Tool)
        bound.__dict__.update(self.__dict__, _instance=instance)
        return bound

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._instance is None:
            raise TypeError(f"{self.name} is called on an environment; {self.name}.action(...) makes an action")
        return self.function(self._instance, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<tool {self.name}>"


@overload
def tool(function: Callable[Concatenate[Any, P], R], /) -> Tool[P, R]: ...
@overload
def tool(
    *, name: str | None = None, readonly: bool = False, blocking: bool = False, timeout_s: float | None = None
) -> Callable[[Callable[Concatenate[Any, P], R]], Tool[P, R]]: ...
def tool(
    function: Callable[Concatenate[Any, P], R] | None = None,
    /,
    *,
    name: str | None = None,
    readonly: bool = False,
    blocking: bool = False,
    timeout_s: float | None = None,
) -> Tool[P, R] | Callable[[Callable[Concatenate[Any, P], R]], Tool[P, R]]:
    """Let agents call this method; its schema comes from its annotations and its docstring."""
    options = partial(Tool[P, R], name=name, readonly=readonly, blocking=blocking, timeout_s=timeout_s)
    return options if function is None else options(function)


_SCALARS = (str, int, float, bool, type(None))


def _own(arguments: dict[str, object]) -> dict[str, object]:
    """Arguments a tool may change: the action, which is recorded and may be taken again, stays as it is."""
    return {name: value if type(value) in _SCALARS else copy.deepcopy(value) for name, value in arguments.items()}


def _takes_any_key(definitions: JsonValue) -> bool:
    models = definitions.values() if isinstance(definitions, dict) else ()
    return any(isinstance(model, dict) and bool(model.get("additionalProperties")) for model in models)
