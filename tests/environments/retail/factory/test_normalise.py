"""Arguments in one form: what may be changed, what must not be, and which calls are the same."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgym.errors import UsageError
from environments.retail.factory.envelope import Blueprint, Call
from environments.retail.factory.normalise import canonical_call, canonical_key, normalize_arguments
from environments.retail.typed import TypedRetailEnv

TOOLS = TypedRetailEnv.tools
NUMBERS = {"properties": {"n": {"type": "integer"}, "x": {"type": "number"}, "l": {"type": "array"}}}


def normal(name: str, args: Any, **settings: Any) -> dict[str, Any]:
    return normalize_arguments(name, args, TOOLS[name].parameters, **settings)[0]


@pytest.mark.parametrize(
    ("name", "args", "wanted"),
    [
        *(
            ("get_order_details", {"order_id": said}, {"order_id": "#W0123"})
            for said in ("W0123", "#w0123", "0123", "#0123", " #W0123\N{NO-BREAK SPACE}", "w0123", "#W0123")
        ),
        ("get_order_details", {"order_id": 123}, {"order_id": "#W123"}),
        ("get_order_details", {"order_ids": ["W1"]}, {"order_id": "#W1"}),
        ("get_order_details", {"order_ids": '["W1"]'}, {"order_id": "#W1"}),
        ("get_order_details", {"order_id": "#W1", "user_id": None}, {"order_id": "#W1"}),
        ("get_order_details", '{"order_id": "1"}', {"order_id": "#W1"}),
        ("find_user_id_by_email", {"email": "\N{IDEOGRAPHIC SPACE}A.B@C.com "}, {"email": "a.b@c.com"}),
        ("get_user_details", {"user_id": " sara_doe_1 "}, {"user_id": "sara_doe_1"}),
        ("get_product_details", {"product_id": 12.0}, {"product_id": "12"}),
        ("calculate", {"expression": "5 \N{MINUS SIGN} 3"}, {"expression": "5 - 3"}),
    ],
)
def test_forms_that_mean_the_same(name: str, args: Any, wanted: dict[str, Any]) -> None:
    assert normal(name, args) == wanted


@pytest.mark.parametrize(
    ("given", "zip"),
    [("06128", "06128"), (6128, "06128"), ("6128", "06128"), (6128.0, "06128"), (" 06128 ", "06128")],
)
def test_zip_codes_keep_or_get_their_zeros(given: Any, zip: str) -> None:
    for alias in ("zip", "zip_code", "location_zip"):
        found = normal("find_user_id_by_name_zip", {alias: given, "full_name": "  Ada  Ito "})
        assert found == {"zip": zip, "first_name": "Ada", "last_name": "Ito"}


def test_zip_codes_of_elsewhere_stay() -> None:
    assert normal("modify_user_address", {"zip": "1234", "country": "Norway"})["zip"] == "1234"
    assert normal("modify_user_address", {"zip": "1234", "country": "USA"})["zip"] == "01234"
    assert normal("modify_user_address", {"zip": "12345-678"})["zip"] == "12345-678"


def test_lists_come_from_tuples_text_and_single_items() -> None:
    name = "return_delivered_order_items"
    for given_items in (("1", "2"), '["1", "2"]', [1, 2], [" 1", "2 "], ["1", 2.0]):
        assert normal(name, {"item_ids": given_items}) == {"item_ids": ["1", "2"]}
    assert normal(name, {"item_id": "1"}) == normal(name, {"item_id": ["1"]}) == {"item_ids": ["1"]}


def test_numerals_become_numbers_where_those_are_wanted() -> None:
    args = {"n": "12", "x": "1.50", "l": "[1]"}
    assert normalize_arguments("any", args, NUMBERS)[0] == {"n": 12, "x": 1.5, "l": [1]}
    for kept in ({"n": "1.5"}, {"n": "012"}, {"x": "1e400"}, {"n": "9" * 5000}, {"x": "nan"}, {"n": True}):
        assert normalize_arguments("any", kept, NUMBERS) == (kept, ())


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("find_user_id_by_name_zip", {"name": "Ada"}),
        ("find_user_id_by_name_zip", {"name": "Ada van Ito"}),
        ("find_user_id_by_name_zip", {"name": "Ada Ito", "first_name": "Bo"}),
        ("get_order_details", {"order_ids": ["#W1", "#W2"]}),
        ("get_order_details", {"order_ids": []}),
        ("get_order_details", {"order_id": "#W12a"}),
        ("get_order_details", {"order_id": True}),
        ("return_delivered_order_items", {"item_ids": "1, 2"}),
        ("return_delivered_order_items", {"item_id": "1", "item_ids": ["2"]}),
        ("modify_user_address", {"address": "1 Elm, Oslo, CA 00001"}),
        ("modify_user_address", {"address1": " 1 Elm, Oslo, CA 00001"}),
        ("cancel_pending_order", {"order_id": "#W1", "reason": "No Longer Needed"}),
        ("cancel_pending_order", {"order_id": "#W1"}),
        ("return_delivered_order_items", {"order_id": "#W1", "item_ids": None}),
        ("transfer_to_human_agents", {"summary": " 1\N{EN DASH}2 \N{NO-BREAK SPACE}"}),
        ("think", {"thought": '{"a": 1}'}),
        ("nothing", {"order_id": "#W1", "a": {"b": None}}),
    ],
)
def test_what_could_mean_something_else_stays(name: str, args: dict[str, Any]) -> None:
    schema = TOOLS[name].parameters if name in TOOLS else {}
    found, changes = normalize_arguments(name, args, schema)
    assert found == args
    assert all(change.rule == "unknown" for change in changes)


def test_unknown_arguments_are_told_and_dropped_on_request() -> None:
    args = {"order_id": "W1", "mood": "bad"}
    kept, told = normalize_arguments("get_order_details", args, TOOLS["get_order_details"].parameters)
    assert kept == {"order_id": "#W1", "mood": "bad"}
    assert [str(change) for change in told] == ["mood: unknown, kept: 'bad'", "order_id: form: 'W1' -> '#W1'"]
    assert normal("get_order_details", args, drop_unknown=True) == {"order_id": "#W1"}
    assert args == {"order_id": "W1", "mood": "bad"}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1, "a": 2}', '{"a": NaN}'])
def test_text_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="think: arguments"):
        normalize_arguments("think", text, {})


_TEXTS = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"[#\s]?[Ww]?[0-9]{1,6}\s?", fullmatch=True),
    st.from_regex(r"-?[0-9]{1,18}(\.[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(
        ["Ada Ito", " a\u00a0b ", "A@B.c ", "İ@x.de", "ΑΣ@x.de", "null", "[1, 2]", '["1"]', "\ufeff1\u2013"]
    ),
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)
_KEYS = st.sampled_from(
    [
        *("order_id", "order_ids", "item_id", "item_ids", "new_item_ids", "email", "zip", "zip_code", "location_zip"),
        *("first_name", "last_name", "name", "full_name", "user_id", "country", "summary", "n", "x", "l", "strange"),
    ]
)
_ARGS = st.dictionaries(_KEYS, _VALUES, max_size=5)
_SCHEMAS = st.sampled_from([*(tool.parameters for tool in TOOLS.values()), NUMBERS, {}])


@given(_ARGS, _SCHEMAS, st.booleans())
def test_twice_is_as_good_as_once(args: dict[str, Any], schema: dict[str, Any], drop: bool) -> None:
    before = json.dumps(args)
    once, _ = normalize_arguments("any", args, schema, drop_unknown=drop)
    twice, changes = normalize_arguments("any", once, schema, drop_unknown=drop)
    assert json.dumps(twice) == json.dumps(once)
    assert all(change.rule == "unknown" and not drop for change in changes)
    assert json.dumps(args) == before


@given(_ARGS, _SCHEMAS)
def test_nothing_that_was_said_is_lost_or_made_up(args: dict[str, Any], schema: dict[str, Any]) -> None:
    found, changes = normalize_arguments("any", args, schema)
    left_out = {change.argument for change in changes if change.rule == "left out"}
    kept = {key: value for key, value in args.items() if key not in left_out}
    assert all(args[key] is None for key in left_out)
    assert _said(found) == _said(kept)


def _said(value: Any) -> list[str]:
    """The letters and digits of all values, without those that a form adds or leaves out."""
    text = "".join(_leaves(value)).lower()
    return sorted(c for c in text if unicodedata.category(c)[0] in "LN" and c not in "0w")


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, (dict, list, tuple)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


SWAP = {"order_id": "#W1", "item_ids": ["1", "2"], "new_item_ids": ["3", "4"], "payment_method_id": "paypal_1"}
BACK = {"order_id": "#W1", "item_ids": ["1", "1", "2"], "payment_method_id": "paypal_1"}


@pytest.mark.parametrize(
    ("name", "one", "other", "same"),
    [
        ("exchange_delivered_order_items", SWAP, {"item_ids": ["2", "1"], "new_item_ids": ["4", "3"]}, True),
        ("exchange_delivered_order_items", SWAP, {"item_ids": ["2", "1"]}, False),
        ("modify_pending_order_items", SWAP, {"order_id": "w1", "item_ids": [1, 2]}, True),
        ("return_delivered_order_items", BACK, {"item_ids": ["2", "1", "1"]}, True),
        ("return_delivered_order_items", BACK, {"item_ids": ["2", "1"]}, False),
        ("return_delivered_order_items", BACK, {"payment_method_id": "PAYPAL_1"}, False),
        ("find_user_id_by_email", {"email": "a@b.c"}, {"email": "A@B.C "}, True),
        ("calculate", {"expression": "1 + 1"}, {"expression": "1+1"}, False),
        ("cancel_pending_order", {"reason": "no longer needed"}, {"reason": "No Longer Needed"}, True),
        ("strange", {"amount": 10}, {"amount": 10.004}, True),
        ("strange", {"amount": 10}, {"amount": 10.01}, False),
        ("strange", {"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ("strange", {"a": True}, {"a": 1}, False),
    ],
)
def test_calls_that_mean_the_same_are_equal(name: str, one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    calls = canonical_call(name, one), canonical_call(name, {**one, **other})
    assert (calls[0] == calls[1]) is same
    assert len({*calls}) == (1 if same else 2)


def test_tasks_are_equal_by_their_calls_in_their_order_and_their_customer() -> None:
    find, look = (
        Call(name="find_user_id_by_email", arguments={"email": "a@b.c"}),
        Call(name="get_order_details", arguments={"order_id": "#W1"}),
    )
    same = Call(name="get_order_details", arguments={"order_id": "w1"})
    assert canonical_key(Blueprint(q="a", agt=(find, look))) == canonical_key(Blueprint(q="b", agt=(find, same)))
    assert canonical_key(Blueprint(q="a", agt=(find, look))) != canonical_key(Blueprint(q="a", agt=(look, find)))
    catalogue = Blueprint(q="a", agt=(Call(name="list_all_product_types", arguments={}),))
    assert canonical_key(catalogue, user_id="ada") != canonical_key(catalogue, user_id="ben")
