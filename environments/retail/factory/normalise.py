"""Arguments of calls in one form: nothing that they say is changed, and nothing is made up."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import JsonValue

from agentgym.errors import UsageError
from agentgym.jsontext import parse_json
from agentgym.messages import JsonObject
from environments.retail.conduct import comparable_arguments
from environments.retail.factory.envelope import Blueprint

Schema = Mapping[str, Any]

_ORDER_ID = re.compile(r"#?[Ww]?(\d+)", re.ASCII)
_NUMERAL = re.compile(r"-?(?:0|[1-9]\d{0,14})(\.\d{1,15})?", re.ASCII)
"""What is the same as text and as a number; more digits than these a float does not keep."""
_LARGEST_EXACT = 1 << 53
_LARGEST = 1e300
"""What is no number of anything, or infinite, stays as it is."""
_ZIP_DIGITS = 5
_HOME = ("usa", "us", "u.s.", "u.s.a.", "united states", "united states of america", "")
"""Where zip codes have five digits; the shop sends nowhere else, but an address may say what it likes."""
_FREE_TEXT = ("summary", "thought", "content", "text")
"""Words of the agent's own, left as they are."""
_TRIMMED = ("email", "zip", "first_name", "last_name")
_NAMES = ("name", "user_name", "full_name")
_ALIASES: Mapping[str, str] = {
    "zip_code": "zip",
    "location_zip": "zip",
    "item_id": "item_ids",
    "order_ids": "order_id",
}
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_UNSEEN = "\u200b\u2060\ufeff"
"""Spaces without width, which separate nothing."""
_PLAIN = str.maketrans({**dict.fromkeys(_DASHES, "-"), **dict.fromkeys(_SPACES, " "), **dict.fromkeys(_UNSEEN)})


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one argument; of an unknown one that stays, both values are the same."""

    argument: str
    rule: str
    before: JsonValue
    after: JsonValue

    def __str__(self) -> str:
        if self.rule == "unknown":
            return f"{self.argument}: unknown, {'dropped' if self.after is None else 'kept'}: {self.before!r}"
        return f"{self.argument}: {self.rule}: {self.before!r} -> {self.after!r}"


Changes = tuple[Change, ...]


def normalize_arguments(
    name: str, args: Mapping[str, JsonValue] | str, schema: Schema, *, drop_unknown: bool = False
) -> tuple[JsonObject, Changes]:
    """The arguments of a tool in the form its schema asks for, and what was changed.

    `args` may be JSON text; UsageError where that is no object.
    """
    work = _Work(_read_arguments(name, args), schema)
    work.rename()
    work.look_for_unknown(drop=drop_unknown)
    work.reform()
    return work.args, tuple(work.changes)


def canonical_call(name: str, args: Mapping[str, JsonValue]) -> tuple[str, str]:
    """Equal for calls that mean the same, hashable, and sortable."""
    normal, _ = normalize_arguments(name, args, _schema_of(name))
    return name, comparable_arguments(name, {key: _as_floats(value) for key, value in normal.items()})


def canonical_key(blueprint: Blueprint, *, user_id: str = "") -> str:
    """Equal for tasks that are the same: their calls in their order, for the same customer."""
    return json.dumps([user_id, *(canonical_call(call.name, call.arguments) for call in blueprint.agt)])


@dataclass(slots=True)
class _Work:
    """Arguments on their way to the form that a schema asks for."""

    args: JsonObject
    schema: Schema
    changes: list[Change] = field(default_factory=list)

    @property
    def known(self) -> Mapping[str, Schema]:
        """The parameters by their names."""
        properties: Mapping[str, Schema] = self.schema.get("properties", {})
        return properties

    def rename(self) -> None:
        """Call arguments what the schema calls them, where only one thing can be meant."""
        for alias, ours in _ALIASES.items():
            if alias in self.args and alias not in self.known and ours in self.known and ours not in self.args:
                self._rename(alias, ours)
        if "first_name" in self.known and "last_name" in self.known:
            self._split_name()

    def reform(self) -> None:
        """Give every value the form that the schema, or its name, asks for."""
        required = self.schema.get("required", ())
        for key, value in [*self.args.items()]:
            if value is None and key in self.known and key not in required:
                del self.args[key]
                self.changes.append(Change(key, "left out", None, None))
                continue
            self._put(key, _reformed(key, value, self._schema_of(key), self.args))

    def look_for_unknown(self, *, drop: bool) -> None:
        """Tell of arguments that the schema does not know."""
        if self.schema.get("additionalProperties", not self.known) is not False and not self.known:
            return
        for key in [key for key in self.args if key not in self.known]:
            value = self.args[key]
            self.changes.append(Change(key, "unknown", value, None if drop else value))
            if drop:
                del self.args[key]

    def _schema_of(self, key: str) -> Schema:
        return self.known.get(key, {})

    def _rename(self, alias: str, ours: str) -> None:
        before = self.args[alias]
        after: JsonValue = before
        if ours == "item_ids" and not isinstance(before, (list, tuple)):
            after = [before]
        if ours == "order_id":
            listed = _listed(before)
            if isinstance(listed, list):
                if len(listed) != 1:
                    return
                after = listed[0]
        self._replace({alias: {ours: after}})
        self.changes.append(Change(alias, f"is {ours}", before, after))

    def _split_name(self) -> None:
        if "first_name" in self.args or "last_name" in self.args:
            return
        for alias in _NAMES:
            whole = self.args.get(alias)
            parts = whole.translate(_PLAIN).split() if isinstance(whole, str) and alias not in self.known else []
            if len(parts) == 2:
                split: JsonObject = {"first_name": parts[0], "last_name": parts[1]}
                self._replace({alias: split})
                self.changes.append(Change(alias, "is first_name and last_name", whole, split))
                return

    def _replace(self, by: Mapping[str, JsonObject]) -> None:
        """Put others in the place of some arguments; the order of the rest stays."""
        self.args = {name: value for key, held in self.args.items() for name, value in by.get(key, {key: held}).items()}

    def _put(self, key: str, formed: tuple[JsonValue, str]) -> None:
        before, (after, rule) = self.args[key], formed
        if type(before) is not type(after) or before != after:
            self.changes.append(Change(key, rule, before, after))
        self.args[key] = after


def _read_arguments(name: str, args: Mapping[str, JsonValue] | str) -> JsonObject:
    if not isinstance(args, str):
        return dict(args)
    try:
        read = parse_json(args)
    except ValueError as error:
        raise UsageError(f"{name}: arguments: {error}") from None
    if not isinstance(read, dict):
        raise UsageError(f"{name}: arguments: must be a JSON object, not {args!r}")
    return read


def _reformed(key: str, value: Any, schema: Schema, args: Mapping[str, JsonValue]) -> tuple[JsonValue, str]:
    """The value in its form, and the name of the last rule that changed it."""
    rule = ""
    steps: Sequence[tuple[str, Callable[[Any], JsonValue]]] = (
        ("JSON text", lambda held: _from_text(held, schema)),
        ("list", _lists),
        ("type", lambda held: _cast(held, schema)),
        ("spaces and dashes", lambda held: held if key in _FREE_TEXT else _over_text(held, _plain)),
        ("trimmed", lambda held: _over_text(held, str.strip) if _is_trimmed(key) else held),
        ("form", lambda held: _in_form(key, held, args)),
    )
    for name, step in steps:
        after = step(value)
        if type(after) is not type(value) or after != value:
            value, rule = after, name
    return value, rule


def _is_trimmed(key: str) -> bool:
    return key in _TRIMMED or key.endswith(("_id", "_ids"))


def _plain(text: str) -> str:
    return text if text.isascii() else text.translate(_PLAIN)


def _over_text(value: JsonValue, change: Callable[[str], str]) -> JsonValue:
    """The same change for a text, or for those of a list."""
    if isinstance(value, str):
        return change(value)
    return [change(part) if isinstance(part, str) else part for part in value] if isinstance(value, list) else value


def _in_form(key: str, value: JsonValue, args: Mapping[str, JsonValue]) -> JsonValue:
    if not isinstance(value, str):
        return value
    if key == "order_id":
        order = _ORDER_ID.fullmatch(value)
        return value if order is None else f"#W{order[1]}"
    if key == "email":
        return value.lower()
    if key == "zip" and value.isascii() and value.isdigit() and _is_home(args.get("country")):
        return value.zfill(_ZIP_DIGITS)
    return value


def _is_home(country: JsonValue) -> bool:
    return country is None or (isinstance(country, str) and _plain(country).strip().casefold() in _HOME)


def _lists(value: Any) -> JsonValue:
    """With lists for tuples, which JSON has not."""
    if isinstance(value, (list, tuple)):
        return [_lists(inner) for inner in value]
    return {key: _lists(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _listed(value: JsonValue) -> JsonValue:
    """A list that stands as a tuple, or as JSON text."""
    return _lists(_from_text(value, {"type": "array"}))


def _from_text(value: JsonValue, schema: Schema) -> JsonValue:
    """A list or object that stands as JSON text where the schema wants no text."""
    wanted = _types(schema)
    if not isinstance(value, str) or "string" in wanted or not wanted & {"array", "object"}:
        return value
    try:
        read = parse_json(value)
    except ValueError:
        return value
    fits = ("array" in wanted) if isinstance(read, list) else ("object" in wanted) and isinstance(read, dict)
    return read if fits else value


def _cast(value: JsonValue, schema: Schema) -> JsonValue:
    """Numbers for numerals and the other way round, as the schema wants them."""
    wanted = _types(schema)
    if isinstance(value, list):
        items: Schema = next((part["items"] for part in _alternatives(schema) if "items" in part), {})
        return [_cast(inner, items) for inner in value]
    if isinstance(value, str) and "string" not in wanted:
        return _number(value, wanted)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST
    return _numeral(value) if is_number and "string" in wanted and not wanted & {"number", "integer"} else value


def _number(text: str, wanted: frozenset[str]) -> JsonValue:
    numeral = _NUMERAL.fullmatch(_plain(text).strip())
    if numeral is None or text.strip() == "-0":
        return text
    if numeral[1] is None and wanted & {"integer", "number"}:
        return int(numeral[0])
    return float(numeral[0]) if "number" in wanted and len(numeral[0]) <= 15 else text


def _numeral(number: Any) -> str:
    is_whole = isinstance(number, float) and number.is_integer() and abs(number) < _LARGEST_EXACT
    return str(int(number) if is_whole else number)


def _types(schema: Schema) -> frozenset[str]:
    """All JSON types that a value may have; none where the schema does not say."""
    return frozenset(kind for part in _alternatives(schema) for kind in _named(part.get("type")))


def _named(kind: object) -> Iterator[str]:
    if isinstance(kind, str):
        yield kind
    elif isinstance(kind, list):
        yield from kind


def _alternatives(schema: Schema) -> Iterator[Schema]:
    yield schema
    for group in ("anyOf", "oneOf"):
        for part in schema.get(group, ()):
            yield from _alternatives(part)


def _as_floats(value: JsonValue) -> JsonValue:
    """With floats for whole numbers: 10 and 10.0 are the same amount."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST_EXACT:
        return float(value)
    return [_as_floats(inner) for inner in value] if isinstance(value, list) else value


@cache
def _schema_of(name: str) -> Schema:
    from environments.retail.typed import TypedRetailEnv  # not above: who normalises by other schemas needs none

    tool = TypedRetailEnv.tools.get(name)
    return {} if tool is None else tool.parameters
