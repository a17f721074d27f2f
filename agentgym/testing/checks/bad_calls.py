"""Calls and answers that are wrong in every way a model has found so far."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from pydantic import JsonValue

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject, ToolCall
from agentgym.sampling import sample_json
from agentgym.testing.checks.json_schema import accepted_types
from agentgym.tools import ToolSpec

_WRONG: dict[str, tuple[JsonValue, ...]] = {
    "string": ("7", "seven"),
    "integer": (7,),
    "number": (7.5,),
    "boolean": (True,),
    "null": (None,),
    "array": ([],),
    "object": ({},),
}
_DEEP = "[" * 20_000


def bad_calls(spec: ToolSpec) -> Iterator[ToolCall]:
    """Every way to call one tool wrongly."""
    name, good = spec.name, _valid(spec)
    key = next(iter(good), "n")
    yield ToolCall.from_text(f"{name}_that_is_not", dump_json(good).decode())
    for text in (
        "",
        "{",
        f'{{"{key}": ',
        f'{{"{key}": 1, "{key}": 1}}',
        f'{{"{key}": NaN}}',
        f'{{"{key}": Infinity}}',
        '["a", "list"]',
        f'{{"{key}": {_DEEP}}}',
        f'{{"{key}": {_DEEP}{"]" * len(_DEEP)}}}',
    ):
        yield ToolCall.from_text(name, text)
    yield from (ToolCall.from_text(name, dump_json(wrong).decode()) for wrong in _wrong_arguments(spec, good))


def bad_texts(schema: JsonObject) -> Iterator[str]:
    """Texts that are no action, for environments that read one from JSON."""
    yield from ("", "Hello.", "{", "[[]]", "NaN", _DEEP, '{"a": 1, "a": 1}')
    taken = accepted_types(schema, schema)
    yield from (dump_json(values[0]).decode() for kind, values in _WRONG.items() if kind not in taken)


def shown(call: ToolCall) -> str:
    """A call as a message quotes it."""
    return f"{call.name}({call.text:.60}{'...' if len(call.text) > 60 else ''})"


def _valid(spec: ToolSpec) -> JsonObject:
    """Arguments the tool takes, all of them where its schema lets them be made."""
    schema: JsonObject = {**spec.parameters, "required": list(_properties(spec))}
    sampled = sample_json(schema, Random(0))
    return sampled if isinstance(sampled, dict) else {}


def _wrong_arguments(spec: ToolSpec, good: JsonObject) -> Iterator[JsonObject]:
    """Arguments in good JSON: one of a wrong type, one missing, one too many."""
    for name, schema in _properties(spec).items():
        taken = accepted_types(schema, spec.parameters)
        for kind, values in _WRONG.items():
            if kind not in taken:
                yield from ({**good, name: value} for value in values)
    required = spec.parameters.get("required")
    for missing in required if isinstance(required, list) else ():
        yield {name: value for name, value in good.items() if name != missing}
    if spec.parameters.get("additionalProperties") is False:
        yield {**good, "an_argument_too_many": 1}


def _properties(spec: ToolSpec) -> JsonObject:
    properties = spec.parameters.get("properties")
    return properties if isinstance(properties, dict) else {}
