"""From a tool's signature and docstring to a typed class of its arguments."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, get_type_hints

import pydantic.dataclasses
from pydantic import ConfigDict, Field, PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo

from agentgym.docstrings import read_docstring
from agentgym.errors import DefinitionError

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """What a tool takes, what it gives, and what its docstring says of either."""

    arguments: type[Any]
    """A frozen pydantic dataclass with a field per parameter."""
    returns: object
    description: str


def read_signature(function: Callable[..., object], name: str) -> Signature:
    """Read a tool's signature; whatever cannot become a schema is a DefinitionError that names the parameter."""
    hints = _resolve_hints(function, name)
    if "return" not in hints:
        raise DefinitionError(f"tool {name}: annotate what it returns, so that it can be checked")
    description, about = read_docstring(inspect.getdoc(function) or "")
    parameters = list(inspect.signature(function).parameters.values())[1:]
    entries = [_field_of(parameter, hints, about, name) for parameter in parameters]
    plain = dataclasses.make_dataclass(name, entries, frozen=True)
    plain.__module__ = function.__module__
    try:
        arguments = pydantic.dataclasses.dataclass(plain, config=_STRICT, frozen=True)
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise DefinitionError(f"tool {name}: {str(error).splitlines()[0]}") from error
    return Signature(arguments, hints["return"], description)


def _field_of(
    parameter: inspect.Parameter, hints: dict[str, Any], about: dict[str, str], tool: str
) -> tuple[str, Any, Any]:
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise DefinitionError(f"tool {tool}: {parameter} has no name a model could use; give it one")
    if parameter.name not in hints:
        raise DefinitionError(f"tool {tool}: annotate the parameter {parameter.name!r}, so that it has a schema")
    if parameter.name.startswith("_"):
        raise DefinitionError(f"tool {tool}: the parameter {parameter.name!r} must not start with an underscore")
    keyword_only = parameter.kind is parameter.KEYWORD_ONLY
    options: dict[str, Any] = {}
    if parameter.default is not parameter.empty:
        options["default"] = parameter.default
    if parameter.name in about and not _is_described(hints[parameter.name]):
        options["description"] = about[parameter.name]
    return (
        parameter.name,
        hints[parameter.name],
        dataclasses.field(default=Field(**options), kw_only=keyword_only),
    )


def _is_described(annotation: Any) -> bool:
    extras = getattr(annotation, "__metadata__", ())
    return any(isinstance(extra, FieldInfo) and extra.description for extra in extras)


def _resolve_hints(function: Callable[..., object], name: str) -> dict[str, Any]:
    """Annotations as types, also where they are strings that name what is local to the caller."""
    try:
        return get_type_hints(function, include_extras=True)
    except NameError:
        try:
            return get_type_hints(function, localns=_callers_names(), include_extras=True)
        except NameError as error:
            raise DefinitionError(f"tool {name}: its annotations cannot be resolved: {error}") from error


def _callers_names() -> dict[str, Any]:
    names: dict[str, Any] = {}
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        names = {**frame.f_locals, **names}
        frame = frame.f_back
    return names
