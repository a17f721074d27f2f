"""Elements of gymnasium spaces as JSON values that pydantic checks: `spaces` the other way round."""

from __future__ import annotations

import types
from functools import partial
from typing import Annotated, Any, cast

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Text, Tuple
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, JsonValue, WithJsonSchema
from typing_extensions import TypedDict

from agentgym.errors import UsageError

_Schema = dict[str, Any]


def json_type(space: Space[Any]) -> Any:
    """The type of a space's elements as JSON; its schema has every bound that a schema can say."""
    match space:
        case Discrete():
            first, last = int(space.start), int(space.start + space.n - 1)
            return Annotated[int, Field(ge=first, le=last)]
        case Text():
            return Annotated[str, Field(min_length=space.min_length, max_length=space.max_length)]
        case Box() | MultiDiscrete() | MultiBinary():
            return _array_type(*_bounds(space))
        case Dict():
            named = {str(name): json_type(part) for name, part in space.spaces.items()}
            return cast(Any, TypedDict)("Elements", named)
        case Tuple():
            return types.GenericAlias(tuple, tuple(json_type(part) for part in space.spaces))
    raise UsageError(f"no JSON stands for elements of {space}; there are Box, Discrete, Text and what is made of them")


def checked_type(space: Space[Any]) -> Any:
    """The type that takes nothing but elements of the space, also where a schema cannot say which those are."""
    return Annotated[json_type(space), AfterValidator(partial(_checked, space))]


def to_json(space: Space[Any], element: Any) -> JsonValue:
    """The JSON value that stands for an element."""
    match space:
        case Discrete():
            return int(element)
        case Text():
            return str(element)
        case Dict():
            return {str(name): to_json(part, element[name]) for name, part in space.spaces.items()}
        case Tuple():
            return [to_json(part, item) for part, item in zip(space.spaces, element, strict=True)]
    return cast(JsonValue, _shortest(np.asarray(element)).tolist())


def from_json(space: Space[Any], value: Any) -> Any:
    """The element that a value of the space's type stands for."""
    match space:
        case Discrete():
            return space.dtype.type(value)
        case Text():
            return value
        case Dict():
            return {name: from_json(part, value[str(name)]) for name, part in space.spaces.items()}
        case Tuple():
            return tuple(from_json(part, item) for part, item in zip(space.spaces, value, strict=True))
    return np.asarray(value, space.dtype)


def _checked(space: Space[Any], value: Any) -> Any:
    try:
        inside = from_json(space, value) in space
    except (OverflowError, ValueError):
        inside = False
    if not inside:
        raise ValueError(f"not in {space}")
    return value


def _bounds(space: Box | MultiDiscrete | MultiBinary) -> tuple[NDArray[Any], NDArray[Any]]:
    match space:
        case Box():
            return _shortest(space.low), _shortest(space.high)
        case MultiDiscrete():
            return space.start, space.start + space.nvec - 1
    return np.zeros(space.shape, np.int64), np.ones(space.shape, np.int64)


def _shortest(array: NDArray[Any]) -> NDArray[Any]:
    """Floats of few bits as the shortest decimals that stand for them: 0.1, not 0.10000000149011612."""
    few = array.dtype in (np.float16, np.float32)
    return array.astype(str).astype(np.float64) if few else array


def _array_type(low: NDArray[Any], high: NDArray[Any]) -> Any:
    nested: Any = float if np.issubdtype(low.dtype, np.floating) else int
    for _ in low.shape:
        nested = types.GenericAlias(list, (nested,))
    return Annotated[nested, WithJsonSchema(_array_schema(low, high))]


def _array_schema(low: NDArray[Any], high: NDArray[Any]) -> _Schema:
    if low.ndim == 0:
        return _number_schema(low.item(), high.item())
    size: _Schema = {"minItems": len(low), "maxItems": len(low)}
    if (low == low[:1]).all() and (high == high[:1]).all():
        return {"type": "array", "items": _array_schema(low[0], high[0]), **size}
    slots = [_array_schema(*bounds) for bounds in zip(low, high, strict=True)]
    return {"type": "array", "prefixItems": slots, **size}


def _number_schema(low: int | float, high: int | float) -> _Schema:
    bounds = {"minimum": low, "maximum": high}
    finite = {name: bound for name, bound in bounds.items() if np.isfinite(bound)}
    return {"type": "integer" if isinstance(low, int) else "number", **finite}
