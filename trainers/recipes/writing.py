"""A settled recipe as TOML that reads back to the same, with where each value comes from."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, JsonValue

from agentgym.errors import UsageError
from trainers.recipes.settling import DEFAULT, NOTHING, Place, Settled

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def as_toml(settled: Settled) -> str:
    """All keys, each with its origin; what is not set and has no default is named in a comment."""
    origin = "the defaults" if settled.label is None else settled.label
    profile = "" if settled.profile is None else f", profile {settled.profile}"
    lines = [f"# agentgym train {settled.recipe.stage}: {origin}{profile}"]
    lines += _part(settled, settled.recipe, ())
    assumed = settled.assumed.model_dump(exclude_defaults=True)
    if assumed:
        lines += ["", "[assumed]  # by --plan and `agentgym train slurm`"]
        lines += [f"{key} = {toml_value(value)}" for key, value in assumed.items()]
    return "\n".join(lines) + "\n"


def as_json(settled: Settled) -> dict[str, JsonValue]:
    """The recipe, and where each value comes from that is not the default."""
    recipe = settled.recipe.model_dump(mode="json")
    sources: dict[str, JsonValue] = {
        toml_place(place): source
        for place, source in settled.sources.items()
        if not isinstance(_at(recipe, place), dict)
    }
    return {
        "recipe": recipe,
        "sources": sources,
        "assumed": settled.assumed.model_dump(mode="json"),
        "config": settled.label,
        "profile": settled.profile,
    }


def toml_place(place: Place) -> str:
    """A key, with the tables it is in, as TOML writes it."""
    return ".".join(map(_key, place))


def toml_value(value: object) -> str:
    """A value on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_value, value))}]"
    if value is None:
        raise UsageError("TOML cannot hold null inside a list or a setting; leave it out")
    return _text(str(value))


def comment(text: str) -> str:
    """One line of a comment, whatever the text holds."""
    return "# " + "".join(character if character.isprintable() else " " for character in text)


def check_new(path: Path, *, suffix: str | None = None, force: bool = False) -> None:
    """Whether a file may be written there; nothing is written over unless forced."""
    if suffix is not None and path.suffix != suffix:
        raise UsageError(f"{path}: give the name of a *{suffix} file")
    if path.exists() and not force:
        raise UsageError(f"{path}: there is one already; give another name, or --force")


def write_file(path: Path, text: str) -> None:
    """Write a file, and the folders that it is in."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error}") from None


def _part(settled: Settled, part: BaseModel, above: Place) -> Iterator[str]:
    """Plain values first, for what follows a table's head belongs to the table."""
    held = {name: getattr(part, name) for name in type(part).model_fields}
    plain = part.model_dump(mode="json")
    for name, value in held.items():
        if not isinstance(value, (BaseModel, dict)):
            yield _line(settled, part, (*above, name), plain[name])
    for name, value in held.items():
        place = (*above, name)
        if isinstance(value, dict):
            yield from _free(settled, place, plain[name])
        elif isinstance(value, BaseModel):
            yield from ("", f"[{toml_place(place)}]")
            yield from _part(settled, value, place)


def _line(settled: Settled, part: BaseModel, place: Place, value: object) -> str:
    name, source = place[-1], settled.source(place)
    if value is not None:
        return f"{name} = {toml_value(value)}  {comment(source)}"
    if type(part).model_fields[name].get_default() is not None:
        return f"{name} = {toml_value(NOTHING)}  {comment(source)}"
    return comment(f"{name} is not set" + ("" if source == DEFAULT else f" ({source})"))


def _free(settled: Settled, place: Place, table: Mapping[str, object]) -> Iterator[str]:
    """A table of whatever keys; an empty one is left out."""
    if table:
        yield from ("", f"[{toml_place(place)}]")
    for key, value in table.items():
        yield f"{_key(key)} = {toml_value(value)}  {comment(settled.source((*place, key)))}"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _at(table: object, place: Place) -> object:
    for key in place:
        table = table.get(key) if isinstance(table, dict) else None
    return table
