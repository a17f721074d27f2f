"""Which gymnasium space, and which codec, a typed value of pydantic gets."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pydantic import JsonValue, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import DataclassField, ModelField, TypedDictField

from agentgym.bridges.codecs import (
    CUT,
    Batch,
    Choice,
    Codec,
    Either,
    Free,
    Leaf,
    Many,
    Real,
    Record,
    Row,
    Schema,
    Whole,
    Words,
)
from agentgym.bridges.texts import AnyText
from agentgym.sampling import known_texts

__all__ = ["CUT", "Codec", "codec_for"]


def codec_for(annotation: Any, *, max_text: int = 4096, max_items: int = 16) -> Codec:
    """The codec of a type that pydantic knows, with room for texts and lists that have no bound of their own.

    A text beyond `max_text` is cut and ends in `CUT`; a list beyond `max_items` keeps its head, and its
    length says `max_items + 1`. Fields are keyed by alias: encode what is dumped with `by_alias=True`.
    Random elements decode to valid values, but for what a schema or a space cannot say: validators,
    multiples of a float, the sizes of sets, decimals, unknown formats, and patterns that come without
    `examples` or a default and are not met by one letter or digit repeated.
    """
    if max_text < len(CUT) or max_items < 1:
        raise ValueError(f"max_text must be {len(CUT)} or more, and max_items 1 or more")
    schema = TypeAdapter(annotation).json_schema(schema_generator=_FullSchema)
    return _Reader(schema.get("$defs", {}), max_text, max_items).codec(schema)


class _FullSchema(GenerateJsonSchema):
    """A schema of what is dumped, which lacks no field for having a default."""

    def field_is_required(self, field: ModelField | DataclassField | TypedDictField, total: bool) -> bool:
        return field["type"] != "typed-dict-field" or super().field_is_required(field, total)


class _Endless(ValueError):
    """No finite value of the type was found on this way."""


@dataclass(frozen=True)
class _Reader:
    """Reads codecs from a JSON schema as pydantic writes it."""

    definitions: Schema
    max_text: int
    max_items: int
    path: frozenset[str] = frozenset()

    def codec(self, schema: Schema) -> Codec:
        """The codec of the values that meet the schema."""
        if reference := schema.get("$ref"):
            return self._named(reference, schema)
        if cases := _cases(schema):
            return Either([(self.codec(case), self.least(case)) for case in cases])
        if schema.get("type") == "array":
            return self._list(schema)
        if schema.get("type") == "object":
            return self._object(schema)
        return self._leaf(schema)

    def least(self, schema: Schema, path: frozenset[str] = frozenset()) -> JsonValue:
        """A value that meets the schema, and is as small as is easily found."""
        if reference := schema.get("$ref"):
            if reference in path:
                raise _Endless(f"{reference} has no finite value")
            return self.least(self._definition(reference), path | {reference})
        if cases := _cases(schema):
            return self._least_of(cases, path)
        if schema.get("type") == "array":
            slots = schema.get("prefixItems") or [schema.get("items", {})] * schema.get("minItems", 0)
            return [self.least(slot, path) for slot in slots]
        if schema.get("type") == "object":
            fields = schema.get("properties", {})
            return {name: self.least(fields[name], path) for name in schema.get("required", ())}
        return self._leaf(schema).least

    def _least_of(self, cases: Sequence[Schema], path: frozenset[str]) -> JsonValue:
        for case in cases:
            with suppress(_Endless):
                return self.least(case, path)
        raise _Endless("no case of the union has a finite value")

    def _definition(self, reference: str) -> Schema:
        definition: Schema = self.definitions[reference.removeprefix("#/$defs/")]
        return definition

    def _named(self, reference: str, schema: Schema) -> Codec:
        if reference in self.path:
            return Free(self.least(schema), self.max_text)
        return replace(self, path=self.path | {reference}).codec(self._definition(reference))

    def _list(self, schema: Schema) -> Codec:
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        slots, items = schema.get("prefixItems", []), schema.get("items", {})
        if most == 0:
            return Choice([[]])
        if slots:
            return Row([self.codec(slot) for slot in slots]) if len(slots) == most else self._free(schema)
        item = self.codec(items)
        if least == most:
            return Batch(item, least)
        batch = Batch(item, most or max(least, self.max_items))
        return Many(batch, least, self.least(items), cut=most is None)

    def _object(self, schema: Schema) -> Codec:
        fields = schema.get("properties")
        if fields is None or schema.get("additionalProperties") or "patternProperties" in schema:
            return self._free(schema)
        if not fields:
            return Choice([{}])
        absent = fields.keys() - schema.get("required", ())
        schemas = {name: _perhaps(field) if name in absent else field for name, field in fields.items()}
        codecs = {name: self.codec(field) for name, field in schemas.items()}
        defaults = {name: field["default"] for name, field in fields.items() if "default" in field}
        return Record(codecs, frozenset(absent), defaults)

    def _free(self, schema: Schema) -> Free:
        return Free(self.least(schema), self.max_text)

    def _leaf(self, schema: Schema) -> Leaf:
        if values := _values(schema):
            return Choice(values)
        kinds = {"integer": Whole, "number": Real, "string": self._text}
        kind = kinds.get(schema.get("type", ""))
        return kind(schema) if kind else Free(None, self.max_text)

    def _text(self, schema: Schema) -> Leaf:
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        if most == 0:
            return Choice([""])
        room = most or max(least, self.max_text)
        space = AnyText(room, min_length=least, examples=known_texts(schema, range(least, room + 1)))
        return Words(space, cut=most is None)


def _values(schema: Schema) -> Sequence[JsonValue]:
    """The values there are, where they can be listed."""
    by_type: dict[str, list[JsonValue]] = {"boolean": [False, True], "null": [None]}
    listed = [schema["const"]] if "const" in schema else schema.get("enum")
    return listed or by_type.get(schema.get("type", ""), [])


def _cases(schema: Schema) -> Sequence[Schema]:
    return schema.get("anyOf") or schema.get("oneOf") or ()


def _perhaps(schema: Schema) -> Schema:
    return {"type": "array", "items": schema, "maxItems": 1}
