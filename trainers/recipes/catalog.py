"""Recipe files: those that come with the package, by name, and anybody's, by path."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agentgym.errors import DataFileError, UnknownNameError, did_you_mean, one_line
from trainers.recipes.assumed import Assumed

Table = dict[str, Any]
_BESIDE = ("about", "profiles", "assumed")
"""What a file holds besides the keys of a recipe."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a recipe has otherwise on one kind of machine."""

    name: str
    about: str = ""
    table: Table = field(default_factory=dict)
    assumed: Table = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """What a file says, before anything is settled."""

    label: str
    """Its name or path."""
    about: str = ""
    table: Table = field(default_factory=dict)
    assumed: Table = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)

    def profile(self, name: str) -> Profile:
        """One of its profiles."""
        if name not in self.profiles:
            raise UnknownNameError(f"{self.label} has no profile {name!r}; {did_you_mean(name, self.profiles)}")
        return self.profiles[name]


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))


def read_recipe_file(name: str) -> RecipeFile:
    """The recipe of that name, or the file at that path."""
    known = recipe_names()
    if name in known:
        return parse_recipe_file(_folder().joinpath(f"{name}.toml").read_text(encoding="utf-8"), name)
    path = Path(name)
    if not path.exists() and path.suffix != ".toml" and "/" not in name:
        raise UnknownNameError(f"no recipe {name!r}, and no such file; {did_you_mean(name, known)}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataFileError(
            f"{name}: cannot be read: {error}; give a TOML file or one of: {', '.join(known)}"
        ) from None
    return parse_recipe_file(text, name)


def parse_recipe_file(text: str, label: str) -> RecipeFile:
    """Read what a file holds."""
    try:
        held = tomllib.loads(text)
    except ValueError as error:
        raise DataFileError(f"{label}: is no TOML: {error}") from None
    profiles = _table(held, "profiles", label)
    return RecipeFile(
        label,
        _about(held, label),
        {key: value for key, value in held.items() if key not in _BESIDE},
        _assumed(held, label),
        {name: _profile(profiles, name, label) for name in profiles},
    )


def _profile(profiles: Table, name: str, label: str) -> Profile:
    held = _table(profiles, name, f"{label}: profiles")
    label = f"{label}: profiles.{name}"
    table = {key: value for key, value in held.items() if key not in _BESIDE}
    if "profiles" in held or "stage" in held:
        raise DataFileError(f"{label}: a profile holds neither profiles nor a stage")
    return Profile(name, _about(held, label), table, _assumed(held, label))


def _about(held: Table, label: str) -> str:
    about = held.get("about", "")
    if not isinstance(about, str):
        raise DataFileError(f"{label}: about = {about!r} is no text")
    return about


def _assumed(held: Table, label: str) -> Table:
    table = _table(held, "assumed", label)
    try:
        Assumed.model_validate(table)
    except ValidationError as error:
        raise DataFileError(f"{label}: assumed.{one_line(error)}") from None
    return table


def _table(held: Table, name: str, label: str) -> Table:
    table = held.get(name, {})
    if not isinstance(table, dict):
        raise DataFileError(f"{label}: {name} = {table!r} is no table; write [{name}]")
    return table


def _folder() -> Any:
    return files("trainers").joinpath("configs")
