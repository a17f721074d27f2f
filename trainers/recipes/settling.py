"""One recipe from its layers: flag, then --set, then profile, then file, then default."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from agentgym.errors import UsageError, did_you_mean
from trainers.recipe import Recipe, Stage
from trainers.recipes.assumed import Assumed
from trainers.recipes.catalog import RecipeFile, Table

Place = tuple[str, ...]
DEFAULT = "default"
NOTHING = "none"
"""How TOML, which has no null, says that a number or table that may be left out is left out."""
_FEW = 5


@dataclass(frozen=True, slots=True)
class Change:
    """A value for one key of the recipe, and who says so; it replaces all that stood there."""

    place: Place
    value: object
    source: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A recipe, where each of its values comes from, and what its file assumes."""

    recipe: Recipe
    sources: Mapping[Place, str] = field(default_factory=dict)
    """Of each value that is not the default."""
    assumed: Assumed = field(default_factory=Assumed)
    label: str | None = None
    """The name or path of the file."""
    profile: str | None = None

    def source(self, place: Place) -> str:
        """Where a value comes from."""
        return self.sources.get(place, DEFAULT)


def settle(
    stage: Stage | None = None,
    *,
    file: RecipeFile | None = None,
    profile: str | None = None,
    changes: Sequence[Change] = (),
) -> Settled:
    """The recipe of a file as one of its profiles has it, with changes, the last of which wins.

    Without a stage, the file must name it.
    """
    if profile is not None and file is None:
        raise UsageError(f"the profile {profile!r} of what? profiles are of a recipe file: give --config too")
    held: Table = {}
    sources: dict[Place, str] = {}
    chosen = None if file is None or profile is None else file.profile(profile)
    if file is not None:
        _merge(held, sources, file.table, file.label)
    if file is not None and chosen is not None:
        _merge(held, sources, chosen.table, f"profile {chosen.name} of {file.label}")
    for change in changes:
        _apply(held, sources, change)
    _check_stage(held, stage, file)
    assumed = {**(file.assumed if file else {}), **(chosen.assumed if chosen else {})}
    label = None if file is None else file.label
    return Settled(_validated(held, sources), sources, Assumed.model_validate(assumed), label, profile)


def _check_stage(held: Table, stage: Stage | None, file: RecipeFile | None) -> None:
    told = held.setdefault("stage", stage) if stage is not None else held.get("stage")
    label = "the recipe" if file is None else file.label
    if told is None:
        raise UsageError(f'{label}: names no stage; add stage = "sft" or stage = "grpo" at its top')
    if stage is not None and told != stage:
        raise UsageError(f"{label} is of the stage {told!r}; use: agentgym train {told}")


def _merge(held: Table, sources: dict[Place, str], table: Table, source: str, above: Place = ()) -> None:
    """Lay a table over another: inner tables are merged, all else is replaced."""
    for key, value in table.items():
        place = (*above, key)
        if isinstance(value, dict):
            if not isinstance(held.get(key), dict):
                held[key] = {}
                _forget(sources, place)
                sources[place] = source
            _merge(held[key], sources, value, source, place)
        else:
            held[key] = value
            _forget(sources, place)
            sources[place] = source


def _apply(held: Table, sources: dict[Place, str], change: Change) -> None:
    *above, last = change.place
    for depth, key in enumerate(above, start=1):
        inner = held.get(key)
        if not isinstance(inner, dict):
            if not (inner is None or inner == NOTHING):
                raise UsageError(f"{change.source}: {'.'.join(above[:depth])} is {inner!r}, which holds no keys")
            held[key] = {}
            sources[tuple(above[:depth])] = change.source
        held = held[key]
    held.pop(last, None)
    _forget(sources, change.place)
    _merge(held, sources, {last: deepcopy(change.value)}, change.source, tuple(above))


def _source(sources: Mapping[Place, str], place: Place) -> str:
    above = (place[:depth] for depth in range(len(place), 0, -1))
    return next((sources[outer] for outer in above if outer in sources), DEFAULT)


def _forget(sources: dict[Place, str], place: Place) -> None:
    for other in [other for other in sources if other[: len(place)] == place]:
        del sources[other]


def _validated(held: Table, sources: Mapping[Place, str]) -> Recipe:
    """As strictly as JSON is read: no text stands for a number, nor `true` for 1."""
    text = json.dumps(_without_nothing(held, Recipe), default=str)
    try:
        return Recipe.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise UsageError("; ".join(_faults(error, sources))) from None


def _without_nothing(held: Table, part: type[BaseModel] | None) -> Table:
    """With `none` as null where the key may be null and is no text, and without nulls in tables of free keys."""
    read: Table = {}
    for key, value in held.items():
        known = part.model_fields.get(key) if part is not None else None
        kinds = () if known is None else get_args(known.annotation)
        inner = known.annotation if known is not None else None
        if value == NOTHING and NoneType in kinds and str not in kinds:
            read[key] = None
        elif isinstance(value, dict):
            read[key] = _without_nothing(value, next(filter(_is_part, (inner, *kinds)), None))
        elif value is not None or known is not None:
            read[key] = value
    return read


def _is_part(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _faults(error: ValidationError, sources: Mapping[Place, str]) -> Iterator[str]:
    faults = error.errors(include_url=False, include_context=False)
    seen = set[str]()
    for fault in faults:
        place = tuple(str(part) for part in fault["loc"])
        known, fields = _known_part(place)
        message = " ".join(fault["msg"].removeprefix("Value error, ").split())
        if fault["type"] == "extra_forbidden":
            message = f"there is no such key; {did_you_mean(place[-1], fields)}"
        told = f"{_source(sources, place)}: {'.'.join(known)}: {message} (got {_shortened(fault['input'])})"
        if told not in seen and len(seen) < _FEW:
            seen.add(told)
            yield told


def _known_part(place: Place) -> tuple[Place, list[str]]:
    """The place without what pydantic adds of the kinds that it tried, and the keys that there are beside its last."""
    part: Any = Recipe
    for depth, key in enumerate(place):
        fields = list(part.model_fields)
        annotation = part.model_fields[key].annotation if key in fields else None
        inner = next(filter(_is_part, (annotation, *get_args(annotation))), None)
        if inner is None or depth == len(place) - 1:
            return place[: depth + 1], fields
        part = inner
    return place, []


def _shortened(value: object) -> str:
    told = repr(value)
    return told if len(told) <= 80 else f"{told[:77]}..."
