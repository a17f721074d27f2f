"""JSON at the edges."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue
from pydantic_core import from_json

from agentgym.episode import StepRecord
from agentgym.jsontext import dump_json, mend_text, parse_json
from agentgym.sampling import sample_json

any_text = st.text(alphabet=st.characters(codec=None))
plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)


@given(plain_json)
def test_whatever_is_written_can_be_read(value: JsonValue) -> None:
    written = dump_json(value)
    assert json.loads(written) is not ...
    assert dump_json(parse_json(written.decode())) == written


@given(any_text)
def test_mended_text_is_utf8_and_otherwise_unchanged(text: str) -> None:
    mended = mend_text(text)
    mended.encode()
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert mended == text


@given(plain_json)
def test_what_a_model_writes_in_any_layout_is_read_alike(value: JsonValue) -> None:
    assert dump_json(parse_json(json.dumps(value, indent=2))) == dump_json(value)


@pytest.mark.parametrize(
    "text", ['{"a":NaN}', "[Infinity]", "-Infinity", '{"a":1,"a":1}', "1e400", '{"a":{"b":1,"b":2}}']
)
def test_what_is_not_plain_json_is_refused(text: str) -> None:
    json.loads(text)
    with pytest.raises(ValueError, match="not plain JSON"):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": "\n"}', "not JSON: Invalid control character at character 7"),
        ('{"a": "b}', "not JSON: Unterminated string starting at character 6"),
        (r'{"a": "\d"}', r"not JSON: Invalid \escape at character 7"),
        ('{"a" 1}', "not JSON: Expecting ':' delimiter at character 5"),
    ],
)
def test_what_is_no_json_is_told_in_plain_words(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(says)}$"):
        parse_json(text)


def test_what_could_not_be_recorded_is_refused_at_the_door() -> None:
    def nested(levels: int) -> str:
        return '{"a":' * levels + "[1]" + "}" * levels

    assert dump_json(parse_json(nested(90))) == nested(90).encode()
    assert parse_json("[" + "[1]," * 200 + "[1]]"), "broad is not deep"
    for levels in (101, 700, 5_000):
        with pytest.raises(ValueError, match="nested"):
            parse_json(nested(levels))


def nested_lists(levels: int) -> JsonValue:
    value: JsonValue = "the end"
    for _ in range(levels):
        value = [value]
    return value


def test_only_what_is_nested_without_end_is_cut_where_it_is_written() -> None:
    shown = StepRecord({"n": 3}, {"text": "7", "deep": nested_lists(100_000), "lone": "\ud800"}, 1.0)
    written = from_json(dump_json(shown))
    assert (written["action"], written["reward"]) == ({"n": 3}, 1.0)
    assert (written["observation"]["text"], written["observation"]["lone"]) == ("7", "\ufffd")
    assert "nested too deeply to be written" in str(written["observation"]["deep"])
    assert "the end" not in str(written["observation"]["deep"])


def test_what_holds_itself_is_written_once() -> None:
    family: dict[str, Any] = {"name": "root"}
    family["children"] = [{"parent": family, "n": n} for n in range(3)]
    cut = "nested too deeply to be written"
    assert json.loads(dump_json(family)) == {"name": "root", "children": [{"parent": cut, "n": n} for n in range(3)]}
    twice = [1]
    assert json.loads(dump_json({"a": twice, "b": twice, "odd": "\ud800"})) == {"a": [1], "b": [1], "odd": "\ufffd"}


class Endless:
    def __str__(self) -> str:
        return str(self)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Endless(), "<Endless>"),
        (deque([nested_lists(5_000)]), "<deque>"),
        (10**5_000, hex(10**5_000)),
        (10**4_000, 10**4_000),
        ((1, "\ud800"), [1, "\ufffd"]),
        ({1: math.nan, "\ud800": 2}, {"1": None, "\ufffd": 2}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_hold_is_written_as_text_or_null(value: object, written: object) -> None:
    assert json.loads(dump_json({"value": value, "beside": 1})) == {"value": written, "beside": 1}


SCHEMAS: list[dict[str, JsonValue]] = [
    {"type": "integer", "minimum": 3, "maximum": 5},
    {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 6, "multipleOf": 5},
    {"type": "integer", "maximum": -1000},
    {"type": "number", "minimum": -1.5, "exclusiveMaximum": 1.5},
    {"type": "string", "minLength": 3, "maxLength": 4},
    {"type": "array", "items": {"enum": ["a", 1, None]}, "minItems": 2, "maxItems": 7},
    {"type": "array", "prefixItems": [{"type": "boolean"}, {"const": 4}], "minItems": 2, "maxItems": 2},
    {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}]},
    {
        "$defs": {
            "Tree": {
                "type": "object",
                "properties": {"left": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]}},
                "required": ["left"],
            }
        },
        "$ref": "#/$defs/Tree",
    },
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_random_values_fit_their_schema_and_their_seed(schema: dict[str, JsonValue]) -> None:
    validator = jsonschema.Draft202012Validator(schema)
    for seed in range(50):
        value = sample_json(schema, Random(seed))
        validator.validate(value)
        assert value == sample_json(schema, Random(seed))
