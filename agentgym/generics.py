"""Which types a class gave for the parameters of its generic base."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin


def type_arguments(cls: type, base: type) -> tuple[Any, ...]:
    """What `cls` stands for in each parameter of `base`; a TypeVar where it leaves one open."""
    found = _search(cls, base)
    return found if found is not None else base.__parameters__  # type: ignore[attr-defined]  # Generic adds it


def _search(cls: type, base: type) -> tuple[Any, ...] | None:
    for alias in getattr(cls, "__orig_bases__", cls.__bases__):
        origin = get_origin(alias) or alias
        if not isinstance(origin, type) or not issubclass(origin, base):
            continue
        given = get_args(alias)
        if origin is base:
            return given or None
        inherited = _search(origin, base)
        if inherited is not None:
            open_parameters = dict(zip(getattr(origin, "__parameters__", ()), given, strict=False))
            return tuple(substitute(argument, open_parameters) for argument in inherited)
    return None


def type_variables(cls: type) -> dict[Any, Any]:
    """What a class says for each type variable of its generic bases."""
    found: dict[Any, Any] = {}
    for alias in getattr(cls, "__orig_bases__", cls.__bases__):
        origin = get_origin(alias) or alias
        given = dict(zip(getattr(origin, "__parameters__", ()), get_args(alias), strict=False))
        inherited = type_variables(origin) if isinstance(origin, type) else {}
        found |= {variable: substitute(argument, given) for variable, argument in inherited.items()} | given
    return found


def substitute(argument: Any, given: Mapping[Any, Any]) -> Any:
    """A type with its type variables replaced by what is given for them."""
    if isinstance(argument, TypeVar):
        return given.get(argument, argument)
    parameters = getattr(argument, "__parameters__", ())
    return argument[tuple(given.get(parameter, parameter) for parameter in parameters)] if parameters else argument


def union_members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation alone."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(member for argument in get_args(annotation) for member in union_members(argument))
    return (annotation,)
