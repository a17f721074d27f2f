"""From a tool's signature and docstring to a typed class of its arguments."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable, Mapping
from types import FrameType, MappingProxyType
from typing import Annotated, Any, TypeVar, cast, get_type_hints

import pydantic.dataclasses
from pydantic import (
    ConfigDict,
    Field,
    PydanticSchemaGenerationError,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
)
from pydantic.fields import FieldInfo

from agentgym.docstrings import read_docstring
from agentgym.errors import DefinitionError, one_line
from agentgym.generics import substitute

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=False)
_NONE: Mapping[Any, Any] = MappingProxyType({})


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """What a tool takes, what it gives, and what its docstring says of either."""

    arguments: type[Any]
    """A frozen pydantic dataclass with a field per parameter."""
    returns: object
    description: str
    is_open: bool
    """Whether type variables are left that a subclass may fill."""


def read_signature(
    function: Callable[..., object], name: str, owner: type | None = None, given: Mapping[Any, Any] = _NONE
) -> Signature:
    """Read a tool's signature; whatever cannot become a schema is a DefinitionError that names the parameter.

    `owner` is the class it stands in, `given` what that class says for the type variables of its bases.
    """
    hints = {key: substitute(hint, given) for key, hint in _resolve_hints(function, name, owner).items()}
    if "return" not in hints:
        raise DefinitionError(f"tool {name}: annotate what it returns, so that it can be checked")
    description, about = read_docstring(inspect.getdoc(function) or "")
    parameters = list(inspect.signature(function).parameters.values())[1:]
    entries = [_field_of(parameter, hints, about, name) for parameter in parameters]
    plain = dataclasses.make_dataclass(name, entries, frozen=True)
    # Where pickle finds the class again: it asks the environment's class for the tool, and that for this.
    plain.__module__, plain.__qualname__ = function.__module__, f"{function.__qualname__}.arguments_type"
    try:
        arguments = pydantic.dataclasses.dataclass(plain, config=_STRICT, frozen=True)
        TypeAdapter(arguments).json_schema()
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise DefinitionError(f"tool {name}: {str(error).splitlines()[0]}") from error
    _check_fields(arguments, name)
    is_open = any(getattr(hint, "__parameters__", None) or isinstance(hint, TypeVar) for hint in hints.values())
    return Signature(arguments, hints["return"], description, is_open)


def _field_of(
    parameter: inspect.Parameter, hints: dict[str, Any], about: dict[str, str], tool: str
) -> tuple[str, Any, Any]:
    name, default = parameter.name, parameter.default
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise DefinitionError(f"tool {tool}: {parameter} has no name a model could use; give it one")
    if name not in hints:
        raise DefinitionError(f"tool {tool}: annotate the parameter {name!r}, so that it has a schema")
    if name.startswith("_"):
        raise DefinitionError(f"tool {tool}: the parameter {name!r} must not start with an underscore")
    annotation = hints[name]
    if name in about and not _is_described(annotation, default):
        annotation = Annotated[annotation, Field(description=about[name])]
    given = Field() if default is parameter.empty else default
    field = given if isinstance(given, FieldInfo) else Field(default=given)
    return name, annotation, dataclasses.field(default=field, kw_only=parameter.kind is parameter.KEYWORD_ONLY)


def _is_described(annotation: Any, default: object) -> bool:
    extras = (*getattr(annotation, "__metadata__", ()), default)
    return any(isinstance(extra, FieldInfo) and extra.description for extra in extras)


def _check_fields(arguments: Any, tool: str) -> None:
    """A default must be a value the parameter takes, and its name the one a model uses."""
    for name, field in arguments.__pydantic_fields__.items():
        if field.alias is not None:
            raise DefinitionError(f"tool {tool}: {name} has an alias; call the parameter what a model should call it")
        if field.is_required() or field.default_factory is not None:
            continue
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(cast(Any, Annotated[field.annotation, field]))
            adapter.validate_python(field.default, strict=True)
        except ValidationError as error:
            raise DefinitionError(
                f"tool {tool}: the default of {name} is none of its values: {one_line(error)}"
            ) from None


def _resolve_hints(function: Callable[..., object], name: str, owner: type | None) -> dict[str, Any]:
    """Annotations as types, also where they are strings that name what is local to the class or around it."""
    try:
        return get_type_hints(function, include_extras=True)
    except NameError:
        try:
            return get_type_hints(function, localns=_names_around(owner), include_extras=True)
        except NameError as error:
            raise DefinitionError(f"tool {name}: its annotations cannot be resolved: {error}") from error


def _names_around(owner: type | None) -> dict[str, Any]:
    """What is in sight of the class statement: the class's own names, and the locals of the functions around it."""
    names: dict[str, Any] = {}
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not str(frame.f_globals.get("__name__")).startswith("agentgym."):
            names = {**frame.f_locals, **names}
        frame = frame.f_back
    return names | (dict(vars(owner)) if owner is not None else {})
